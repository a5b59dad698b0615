// EIP-7702: accounts that hold nothing borrow the code of a contract, with ethers and with viem.
import { Signature, Transaction, Wallet, ZeroAddress, hashMessage, zeroPadBytes } from "ethers";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";

import { packaged } from "../artifacts.mjs";
import { ENTRYPOINT_0_8 } from "./predeployed.mjs";
import { entryPoint, operation, signTyped } from "./account-abstraction.mjs";

const DESIGNATOR = "0xef0100";
const EIP7702_MARKER = zeroPadBytes("0x7702", 20);
const AUTHORIZATION_GAS = 500_000n;

async function prepared(f, party) {
  const implementation = await f.deploy(party, packaged("account-abstraction-0.8/artifacts/Simple7702Account.json"), [],
    "Simple7702Account");
  const book = await f.deploy(party, f.contracts.Guestbook, [party.address], "what is called");
  const signing = (text) => ({ target: book.target, value: 0n, data: book.interface.encodeFunctionData("sign", [text]) });
  const borrowed = `${DESIGNATOR}${implementation.target.slice(2)}`;
  const account = (address) => f.at(address, implementation.interface);
  const state = async (address) => [await f.provider.getCode(address), await f.provider.getTransactionCount(address)];
  return { implementation, book, signing, borrowed, account, state };
}

/** An account delegates for itself, batches, and takes it back. */
export async function own(f) {
  const [deployer, me, stranger] = await f.parties(3);
  const { implementation, book, signing, borrowed, account, state } = await prepared(f, deployer);
  const mine = account(me.address);
  const both = [signing("one"), signing("two")];
  // The transaction's nonce is used before its authorizations are looked at.
  const authorize = (address, nonce) => me.wallet.authorize({ address, nonce, chainId: f.network.chainId });
  const receipt = await f.write(me, mine, "executeBatch", [both],
    { type: 4, authorizationList: [await authorize(implementation.target, 1)] });
  f.same(receipt.type, 4, "the transaction's type");
  f.event(receipt, book, "Signed", [me.address, "one"]);
  f.event(receipt, book, "Signed", [me.address, "two"]);
  f.same(await state(me.address), [borrowed, 2], "code and nonce: the transaction's and the authorization's");
  f.same(await f.provider.getStorage(me.address, 0), `0x${"0".repeat(64)}`, "no storage");
  me.nonce += 1;

  f.event(await f.write(me, mine, "execute", Object.values(signing("three"))), book, "Signed", [me.address, "three"]);
  await f.refused(stranger, mine, "execute", Object.values(signing("stolen")), { reason: "not from self or EntryPoint" });
  f.same(await mine.entryPoint(), ENTRYPOINT_0_8, "whom it obeys besides itself");
  f.same(await mine.supportsInterface("0x150b7a02"), true, "the account says that it takes tokens");
  const [signed, other] = await Promise.all([me.wallet, stranger.wallet].map((one) => one.signMessage("heqi")));
  f.same(await mine.isValidSignature(hashMessage("heqi"), signed), "0x1626ba7e", "ERC-1271 of the account itself");
  f.same(await mine.isValidSignature(hashMessage("heqi"), other), "0xffffffff", "not of another");

  const away = await me.send({ what: `${f.name}: takes it back`, to: me.address, type: 4, gasLimit: AUTHORIZATION_GAS,
    authorizationList: [await authorize(ZeroAddress, me.nonce + 1)] });
  f.succeeded(away, "the revocation");
  me.nonce += 1;
  f.same(await state(me.address), ["0x", 5], "no code, and the nonce");
  const data = mine.interface.encodeFunctionData("executeBatch", [both]);
  const plain = await me.send({ what: `${f.name}: a call of no code`, to: me.address, data });
  f.same([plain.status, plain.logs.length], [1, 0], "a call of no code does nothing");
}

/** Authorizations that do not hold are passed over, and their transaction succeeds. */
export async function invalid(f) {
  const [deployer, sponsor] = await f.parties(2);
  const { implementation, book, signing, borrowed, state } = await prepared(f, deployer);
  const authority = new Wallet(Wallet.createRandom().privateKey, f.provider);
  const [{ target, data }, address] = [signing("x"), implementation.target];
  const send = async (what, authorization) => {
    const receipt = await sponsor.send({ what: `${f.name}: ${what}`, to: target, data, type: 4, gasLimit: AUTHORIZATION_GAS,
      authorizationList: [authorization] });
    f.succeeded(receipt, what);
    f.event(receipt, book, "Signed", [sponsor.address, "x"]);
    return state(authority.address);
  };
  const signedFor = (fields) => authority.authorize({ address, nonce: 0, chainId: f.network.chainId, ...fields });
  f.same(await send("a nonce to come", await signedFor({ nonce: 1 })), ["0x", 0], "a nonce to come is passed over");
  f.same(await send("another chain", await signedFor({ chainId: f.network.chainId + 1n })), ["0x", 0],
    "another chain's is passed over");
  const forged = await signedFor({});
  const changed = { ...forged, address: book.target };
  const before = await state(authority.address);
  f.same(await send("a changed address", changed), before, "a changed one is somebody else's");
  f.same(await send("any chain", await signedFor({ chainId: 0n })), [borrowed, 1], "chain id 0 is any chain");
  f.same(await send("once more", forged), [borrowed, 1], "a used nonce is passed over");
  f.same(await send("back", await signedFor({ address: ZeroAddress, nonce: 1 })), ["0x", 2], "taken back by a sponsor");

  const base = { type: 4, chainId: f.network.chainId, nonce: sponsor.nonce, to: target, gasLimit: AUTHORIZATION_GAS,
    maxFeePerGas: f.mode.price, maxPriorityFeePerGas: 0n };
  const empty = await sponsor.wallet.signTransaction({ ...base, authorizationList: [] });
  await f.checks.rejects(f.provider.broadcastTransaction(empty), (error) =>
    /authorization/i.test(JSON.stringify(error.info ?? error.message)), "a list without entries");
  const creation = Transaction.from({ ...base, to: target, authorizationList: [forged] });
  creation.to = null;
  creation.signature = Signature.from(sponsor.wallet.signingKey.sign(creation.unsignedHash));
  await f.checks.rejects(f.provider.broadcastTransaction(creation.serialized), () => true, "a creation");
}

/** viem's own way: somebody else sends, the account only signs. */
export async function sponsored(f) {
  const [deployer, sponsor] = await f.parties(2);
  const { implementation, borrowed, state, book, signing } = await prepared(f, deployer);
  const [url] = [f.provider._getConnection().url];
  const chain = defineChain({ id: Number(f.network.chainId), name: "network under test",
    nativeCurrency: { name: "Unit", symbol: "UNT", decimals: 18 }, rpcUrls: { default: { http: [url] } } });
  const reader = createPublicClient({ chain, transport: http(url), pollingInterval: 200, cacheTime: 0 });
  const account = privateKeyToAccount(sponsor.wallet.privateKey);
  const writer = createWalletClient({ chain, transport: http(url), account });
  const authority = privateKeyToAccount(Wallet.createRandom().privateKey);
  const send = async (what, contractAddress, fields) => {
    const authorization = await writer.signAuthorization({ account: authority, contractAddress });
    const hash = await writer.sendTransaction({ authorizationList: [authorization], ...fields });
    sponsor.nonce += 1;
    const receipt = await reader.waitForTransactionReceipt({ hash });
    const raw = await reader.request({ method: "eth_getRawTransactionByHash", params: [hash] });
    await sponsor.note({ what: `${f.name}: ${what}`, raw, hash });
    f.same([receipt.status, receipt.type], ["success", "eip7702"], what);
    return hash;
  };
  const { target: to, data } = signing("by viem");
  const hash = await send("delegates with viem", implementation.target, { to, data });
  f.same(await state(authority.address), [borrowed, 1], "code and nonce of who never sent anything");
  const [seen] = (await reader.getTransaction({ hash })).authorizationList;
  f.same([seen.address, seen.nonce, seen.chainId], [implementation.target, 0, chain.id], "the list in the answer");
  f.same((await f.provider.getTransaction(hash)).authorizationList[0].address, implementation.target, "and to ethers");

  // What it signs from now on, a bundler brings to the EntryPoint.
  const entry = entryPoint(f, "0.8");
  const wallet = new Wallet(Wallet.createRandom().privateKey, f.provider);
  const callData = implementation.interface.encodeFunctionData("executeBatch", [[signing("operation"), signing("again")]]);
  const op = operation({ sender: wallet.address, nonce: 0n, initCode: EIP7702_MARKER, callData });
  // The hash has the delegate's address in the place of the marker.
  op.signature = await signTyped(f, wallet, op, { initCode: implementation.target });
  const list = [await wallet.authorize({ address: implementation.target, nonce: 0, chainId: f.network.chainId })];
  const receipt = await f.write(sponsor, entry, "handleOps", [[op], sponsor.address],
    { type: 4, authorizationList: list, gasLimit: 3_000_000n });
  f.event(receipt, book, "Signed", [wallet.address, "operation"]);
  f.event(receipt, book, "Signed", [wallet.address, "again"]);
  f.same(f.event(receipt, entry, "UserOperationEvent").success, true, "the operation");
  f.same(await state(wallet.address), [borrowed, 1], "delegated in the same transaction");
  const foreign = { ...op, nonce: 1n, initCode: "0x" };
  foreign.signature = await signTyped(f, Wallet.createRandom(), foreign);
  await f.refused(sponsor, entry, "handleOps", [[foreign], sponsor.address],
    { error: "FailedOp", args: [0n, "AA24 signature error"] });
  await send("revokes with viem", ZeroAddress, { to, data });
  f.same(await state(authority.address), ["0x", 2], "revoked");
}
