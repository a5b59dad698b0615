// OpenZeppelin 5: proofs and signatures, also of contracts and of the curve P-256, and ERC-2771.
import { createHash, generateKeyPairSync, sign as signBytes } from "node:crypto";
import {
  TypedDataEncoder, Wallet, concat, hashMessage, id, keccak256, sha256, toBeHex, toUtf8Bytes,
  verifyTypedData,
} from "ethers";

import { packaged } from "../artifacts.mjs";

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const P256_PRECOMPILE = "0x0000000000000000000000000000000000000100";
const P256_INPUT_BYTES = 160;

/** A transaction that calls a view, so that its gas is compared too; answers what the view says. */
async function used(f, party, contract, method, args) {
  await f.write(party, contract, method, args);
  return contract[method](...args);
}

/** Trees of hashes, message hashes, signatures of accounts and contracts. */
export async function proofs(f) {
  const [owner] = await f.parties(1);
  const proofsOf = await f.deploy(owner, f.contracts.Proofs, [], "proofs");
  const pair = (a, b) => keccak256(concat(a < b ? [a, b] : [b, a]));
  const leaves = ["a", "b", "c", "d"].map((text) => keccak256(id(text)));
  const [left, right] = [pair(leaves[0], leaves[1]), pair(leaves[2], leaves[3])];
  const root = pair(left, right);
  f.same(await used(f, owner, proofsOf, "included", [[leaves[3], left], root, leaves[2]]), true, "a leaf of the tree");
  f.same(await used(f, owner, proofsOf, "included", [[leaves[3], right], root, leaves[2]]), false, "a wrong proof");
  f.same(await used(f, owner, proofsOf, "includedAll", [[right], [true, false], root, [leaves[0], leaves[1]]]), true,
    "two leaves at once");
  await f.refused(owner, proofsOf, "includedAll", [[right], [true], root, [leaves[0], leaves[1]]],
    { error: "MerkleProofInvalidMultiproof" });

  const text = toUtf8Bytes("heqi");
  f.same(await proofsOf.messageHash(text), hashMessage(text), "EIP-191's hash");
  const [domain, types, data] = [{ name: "x", chainId: f.network.chainId }, { A: [{ name: "b", type: "uint256" }] }, { b: 5n }];
  f.same(await proofsOf.typedHash(TypedDataEncoder.hashDomain(domain), TypedDataEncoder.hashStruct("A", types, data)),
    TypedDataEncoder.hash(domain, types, data), "EIP-712's hash");
  const signature = await owner.wallet.signMessage(text);
  const hash = hashMessage(text);
  f.same(await used(f, owner, proofsOf, "signed", [owner.address, hash, signature]), true, "signature of an account");
  f.same(await proofsOf.signed(Wallet.createRandom().address, hash, signature), false, "not of another");
  const contract = await f.deploy(owner, f.contracts.Signatory, [], "ERC-1271");
  f.same(await used(f, owner, proofsOf, "signed", [contract.target, hash, signature]), true, "signature of a contract");
  const other = await Wallet.createRandom().signMessage(text);
  f.same(await used(f, owner, proofsOf, "signed", [contract.target, hash, other]), false, "of somebody else");
  f.same(await proofsOf.recovered(hash, signature), owner.address, "who signed");
  await f.refused(owner, proofsOf, "recovered", [hash, signature.slice(0, -2)],
    { error: "ECDSAInvalidSignatureLength", args: [64n] });
  const high = concat([signature.slice(0, 66), `0x${"f".repeat(64)}`, "0x1b"]);
  await f.refused(owner, proofsOf, "recovered", [hash, high], { error: "ECDSAInvalidSignatureS", args: [`0x${"f".repeat(64)}`] });
}

/** Signatures of the curve P-256, by RIP-7212's precompile where there is one, else in Solidity. */
export async function p256(f) {
  const [owner] = await f.parties(1);
  const proofsOf = await f.deploy(owner, f.contracts.Proofs, [], "proofs");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const message = Buffer.from("heqi");
  const hash = `0x${createHash("sha256").update(message).digest("hex")}`;
  f.same(sha256(message), hash, "the message's hash");
  const raw = signBytes("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const r = `0x${raw.subarray(0, 32).toString("hex")}`;
  const s = BigInt(`0x${raw.subarray(32).toString("hex")}`);
  // OpenZeppelin takes the lower of the two values that verify.
  const low = toBeHex(s > P256_ORDER / 2n ? P256_ORDER - s : s, 32);
  const { x: qx, y: qy } = publicKey.export({ format: "jwk" });
  const [x, y] = [qx, qy].map((text) => `0x${Buffer.from(text, "base64url").toString("hex")}`);
  f.same(await used(f, owner, proofsOf, "p256", [hash, r, low, x, y]), true, "a good signature");
  f.same(await used(f, owner, proofsOf, "p256", [id("another"), r, low, x, y]), false, "of another message");
  f.same(await proofsOf.p256(hash, r, toBeHex(P256_ORDER - BigInt(low), 32), x, y), false, "the higher value");
  f.same(await proofsOf.p256(hash, r, low, y, x), false, "a point that is not on the curve");
  const keys = await Promise.all([0, 1].map((v) => proofsOf.p256Key(hash, v, r, low)));
  f.checks.ok(keys.some(([kx, ky]) => kx === x && ky === y), "the recovered key");

  const input = concat([hash, r, low, x, y]);
  f.same((input.length - 2) / 2, P256_INPUT_BYTES, "RIP-7212's input");
  const answer = await f.provider.call({ to: P256_PRECOMPILE, data: input });
  const osaka = (await f.provider.send("eth_config", [])).current.precompiles.P256VERIFY !== undefined;
  f.same(answer, osaka ? toBeHex(1n, 32) : "0x", "the precompile is there from Osaka on");
  if (osaka) f.same(await proofsOf.p256Native(hash, r, low, x, y), true, "by the precompile");
  else await f.refused(owner, proofsOf, "p256Native", [hash, r, low, x, y], { error: "MissingPrecompile", args: [P256_PRECOMPILE] });
}

/** ERC-2771: somebody else sends what an account has signed. */
export async function forwarder(f) {
  const [sender, owner] = await f.parties(2);
  const trusted = await f.deploy(owner, packaged("@openzeppelin/contracts/build/contracts/ERC2771Forwarder.json"),
    ["Forwarder"], "ERC2771Forwarder");
  const book = await f.deploy(owner, f.contracts.Guestbook, [trusted.target], "an ERC-2771 contract");
  const author = Wallet.createRandom();
  const types = { ForwardRequest: [
    { name: "from", type: "address" }, { name: "to", type: "address" }, { name: "value", type: "uint256" },
    { name: "gas", type: "uint256" }, { name: "nonce", type: "uint256" }, { name: "deadline", type: "uint48" },
    { name: "data", type: "bytes" },
  ] };
  const { name, version, chainId, verifyingContract } = await trusted.eip712Domain();
  const request = async (text, changes = {}) => {
    const data = book.interface.encodeFunctionData("sign", [text]);
    const latest = await f.provider.getBlock("latest");
    const message = { from: author.address, to: book.target, value: 0n, gas: 200_000n, deadline: latest.timestamp + 3_600,
      data, nonce: await trusted.nonces(author.address), ...changes };
    const signature = await author.signTypedData({ name, version, chainId, verifyingContract }, types, message);
    const { from, to, value, gas, deadline } = message;
    return [from, to, value, gas, deadline, data, signature];
  };
  const first = await request("hello");
  const receipt = await f.write(sender, trusted, "execute", [first]);
  f.event(receipt, book, "Signed", [author.address, "hello"]);
  f.event(receipt, trusted, "ExecutedForwardRequest", [author.address, 0n, true]);
  f.same(await trusted.nonces(author.address), 1n, "the request is used up");
  f.same(await trusted.verify(first), false, "it does not hold again");
  await f.refused(sender, trusted, "execute", [first], { error: "ERC2771ForwarderInvalidSigner", args: [
    await signerAgain(trusted, types, first), author.address] });
  const expired = await request("late", { deadline: 1 });
  await f.refused(sender, trusted, "execute", [expired], { error: "ERC2771ForwarderExpiredRequest", args: [1n] });
  await f.refused(sender, trusted, "execute", [await request("")], { error: "FailedCall" });
  const untrusted = await request("elsewhere", { to: trusted.target });
  await f.refused(sender, trusted, "execute", [untrusted],
    { error: "ERC2771UntrustfulTarget", args: [trusted.target, trusted.target] });
  f.event(await f.write(owner, book, "sign", ["directly"]), book, "Signed", [owner.address, "directly"]);
}

/** Who comes out as the signer when a request with the used nonce is checked against the next one. */
async function signerAgain(trusted, types, [from, to, value, gas, deadline, data, signature]) {
  const { name, version, chainId, verifyingContract } = await trusted.eip712Domain();
  const nonce = await trusted.nonces(from);
  return verifyTypedData({ name, version, chainId, verifyingContract }, types,
    { from, to, value, gas, nonce, deadline, data }, signature);
}
