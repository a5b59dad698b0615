// ERC-4337 at the canonical EntryPoints 0.7 and 0.8, without anybody holding anything: operations offer
// the price 0, a bundler sends them.
import { Wallet, concat, getBytes, toBeHex, zeroPadValue } from "ethers";

import { packaged } from "../artifacts.mjs";
import { ENTRYPOINT_0_7, ENTRYPOINT_0_8 } from "./predeployed.mjs";

const GAS = { verification: 1_500_000n, call: 300_000n, paymaster: 200_000n, postOp: 100_000n };
const VERSIONS = {
  "0.7": { address: ENTRYPOINT_0_7, folder: "account-abstraction-0.7", sponsor: "Sponsor07" },
  "0.8": { address: ENTRYPOINT_0_8, folder: "account-abstraction-0.8", sponsor: "Sponsor08" },
};

export const accounts07 = (f) => accounts(f, "0.7");
export const accounts08 = (f) => accounts(f, "0.8");

const twice = (high, low) => concat([toBeHex(high, 16), toBeHex(low, 16)]);

/** A packed user operation with a price of 0. */
export function operation(fields) {
  return {
    initCode: "0x", callData: "0x", accountGasLimits: twice(GAS.verification, GAS.call), preVerificationGas: 0n,
    gasFees: twice(0n, 0n), paymasterAndData: "0x", signature: "0x", ...fields,
  };
}

const TYPES = { PackedUserOperation: [
  { name: "sender", type: "address" }, { name: "nonce", type: "uint256" }, { name: "initCode", type: "bytes" },
  { name: "callData", type: "bytes" }, { name: "accountGasLimits", type: "bytes32" },
  { name: "preVerificationGas", type: "uint256" }, { name: "gasFees", type: "bytes32" },
  { name: "paymasterAndData", type: "bytes" },
] };

/** The signature of 0.8: EIP-712. */
export async function signTyped(f, wallet, { signature, ...message }, changes = {}) {
  const domain = { name: "ERC4337", version: "1", chainId: f.network.chainId, verifyingContract: ENTRYPOINT_0_8 };
  return wallet.signTypedData(domain, TYPES, { ...message, ...changes });
}

export const entryPoint = (f, version) => {
  const { address, folder } = VERSIONS[version];
  return f.at(address, packaged(`${folder}/artifacts/EntryPoint.json`).abi);
};

async function accounts(f, version) {
  const [bundler, deployer] = await f.parties(2);
  const entry = entryPoint(f, version);
  f.checks.ok((await f.provider.getCode(entry.target)).length > 30_000, `EntryPoint ${version} is there`);
  const { folder } = VERSIONS[version];
  const factory = await f.deploy(deployer, packaged(`${folder}/artifacts/SimpleAccountFactory.json`), [entry.target],
    "SimpleAccountFactory");
  const book = await f.deploy(deployer, f.contracts.Guestbook, [deployer.address], "what is called");
  const owner = Wallet.createRandom();
  const sender = await factory["getAddress(address,uint256)"](owner.address, 7n);
  const account = f.at(sender, packaged(`${folder}/artifacts/SimpleAccount.json`).abi);
  const initCode = concat([factory.target, factory.interface.encodeFunctionData("createAccount", [owner.address, 7n])]);
  const sign = async (op, by = owner) => ({ ...op, signature: version === "0.7"
    ? await by.signMessage(getBytes(await entry.getUserOpHash(op))) : await signTyped(f, by, op) });
  const callData = (text) => account.interface.encodeFunctionData("execute",
    [book.target, 0n, book.interface.encodeFunctionData("sign", [text])]);
  const next = async (text, fields = {}) =>
    operation({ sender, nonce: await entry.getNonce(sender, 0n), callData: callData(text), ...fields });
  const context = { f, bundler, deployer, entry, book, sender, sign, next, account, owner };

  const first = await sign(await next("first", { initCode }));
  const receipt = await handled(context, first, true);
  f.event(receipt, entry, "AccountDeployed", [await entry.getUserOpHash(first), sender, factory.target, zero]);
  f.event(receipt, book, "Signed", [sender, "first"]);
  f.same(await account.owner(), owner.address, "the account's owner");
  f.same(await entry.getNonce(sender, 0n), 1n, "the operation is used up");
  await operations(context);
  await sponsored(context, version);
  if (f.mode.metered) await priced(context);
}

const zero = "0x0000000000000000000000000000000000000000";

/** The bundler sends one operation; the EntryPoint says what became of it. */
async function handled({ f, bundler, entry }, op, success, paymaster = zero) {
  const receipt = await f.write(bundler, entry, "handleOps", [[op], bundler.address]);
  const said = f.event(receipt, entry, "UserOperationEvent");
  f.same([said.userOpHash, said.sender, said.paymaster, said.nonce, said.success, said.actualGasCost],
    [await entry.getUserOpHash(op), op.sender, paymaster, op.nonce, success, 0n], "the operation's event");
  f.checks.ok(said.actualGasUsed > 21_000n, "the operation's gas");
  return receipt;
}

async function operations(context) {
  const { f, bundler, entry, book, sender, sign, next, account } = context;
  const refused = (op, reason) =>
    f.refused(bundler, entry, "handleOps", [[op], bundler.address], { error: "FailedOp", args: [0n, reason] });
  const good = await sign(await next("second"));
  await refused(await sign(await next("second"), Wallet.createRandom()), "AA24 signature error");
  await refused({ ...good, callData: account.interface.encodeFunctionData("execute", [sender, 0n, "0x"]) }, "AA24 signature error");
  f.event(await handled(context, good, true), book, "Signed", [sender, "second"]);
  await refused(good, "AA25 invalid account nonce");
  await refused(await sign(await next("dear", { gasFees: twice(1n, 10n ** 9n) })), "AA21 didn't pay prefund");
  const nobody = await sign(await next("nobody", { sender: bundler.address, nonce: 0n }));
  // 0.7 calls what has no code; 0.8 looks first.
  if (entry.target === ENTRYPOINT_0_8) await refused(nobody, "AA20 account not deployed");
  else await f.refused(bundler, entry, "handleOps", [[nobody], bundler.address], { empty: true });
  const failing = await sign(await next(""));
  const failed = await handled(context, failing, false);
  f.same(f.event(failed, entry, "UserOperationRevertReason").revertReason,
    book.interface.encodeErrorResult("EmptyText"), "why the operation's call failed");
  // Two at once, of different keys of the account's nonces (ERC-4337's two-dimensional nonces).
  const [one, two] = [await sign(await next("one")),
    await sign(await next("two", { nonce: await entry.getNonce(sender, 5n) }))];
  const both = await f.write(bundler, entry, "handleOps", [[one, two], bundler.address]);
  f.event(both, book, "Signed", [sender, "one"]);
  f.event(both, book, "Signed", [sender, "two"]);
  f.same(await entry.getNonce(sender, 5n), (5n << 64n) + 1n, "a nonce of its own");
  await f.refused(bundler, account, "execute", [book.target, 0n, "0x"],
    { reason: "account: not Owner or EntryPoint" });
}

/** With a price: the account's deposit at the EntryPoint pays whom the bundler names. */
async function priced({ f, bundler, entry, book, sender, sign, next }) {
  const deposit = 10n ** 17n;
  f.event(await f.write(bundler, entry, "depositTo", [sender], { value: deposit }), entry, "Deposited", [sender, deposit]);
  const beneficiary = Wallet.createRandom().address;
  const op = await sign(await next("paid", { gasFees: twice(f.mode.price, f.mode.price) }));
  const receipt = await f.write(bundler, entry, "handleOps", [[op], beneficiary]);
  f.event(receipt, book, "Signed", [sender, "paid"]);
  const { actualGasCost, actualGasUsed } = f.event(receipt, entry, "UserOperationEvent");
  f.same(actualGasCost, actualGasUsed * f.mode.price, "the operation's cost");
  f.same(await f.provider.getBalance(beneficiary), actualGasCost, "what the bundler got");
  f.same(await entry.balanceOf(sender), deposit - actualGasCost, "what is left of the deposit");
}

async function sponsored(context, version) {
  const { f, bundler, deployer, entry, book, sender, sign, next } = context;
  const sponsor = await f.deploy(deployer, f.contracts[VERSIONS[version].sponsor], [entry.target, sender], "a paymaster");
  const paymasterAndData = concat([sponsor.target, twice(GAS.paymaster, GAS.postOp)]);
  const receipt = await handled(context, await sign(await next("sponsored", { paymasterAndData })), true, sponsor.target);
  f.event(receipt, book, "Signed", [sender, "sponsored"]);
  f.event(receipt, sponsor, "Sponsored", [sender, 0n]);
  const strict = await f.deploy(deployer, f.contracts[VERSIONS[version].sponsor], [entry.target, deployer.address],
    "a paymaster for others");
  const refused = await sign(await next("refused", {
    paymasterAndData: concat([strict.target, twice(GAS.paymaster, GAS.postOp)]) }));
  await f.refused(bundler, entry, "handleOps", [[refused], bundler.address], { error: "FailedOpWithRevert", args: [
    0n, "AA33 reverted", concat([strict.interface.getError("NotAGuest").selector, zeroPadValue(sender, 32)])] });
}
