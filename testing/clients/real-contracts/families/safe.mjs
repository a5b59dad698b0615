// Safe at its canonical addresses: signatures of two of three, modules, guards, batches.
import {
  AbiCoder, Wallet, ZeroAddress, ZeroHash, concat, dataLength, getCreate2Address, hashMessage, keccak256, solidityPacked,
} from "ethers";

import { packaged } from "../artifacts.mjs";
import { SAFE_SINGLETON_FACTORY } from "./predeployed.mjs";

const FOLDER = "@safe-global/safe-contracts/build/artifacts/contracts";
/** Where these contracts stand on every other chain (Safe 1.4.1). */
export const CANONICAL = {
  "Safe.sol/Safe": "0x41675C099F32341bf84BFc5382aF534df5C7461a",
  "proxies/SafeProxyFactory.sol/SafeProxyFactory": "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67",
  "libraries/MultiSend.sol/MultiSend": "0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526",
  "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler": "0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99",
};
const [CALL, DELEGATECALL] = [0, 1];
const SAFE_TX = { SafeTx: [
  { name: "to", type: "address" }, { name: "value", type: "uint256" }, { name: "data", type: "bytes" },
  { name: "operation", type: "uint8" }, { name: "safeTxGas", type: "uint256" }, { name: "baseGas", type: "uint256" },
  { name: "gasPrice", type: "uint256" }, { name: "gasToken", type: "address" }, { name: "refundReceiver", type: "address" },
  { name: "nonce", type: "uint256" },
] };

/** Deploys through Safe's own factory, unless somebody has done so on this network. */
async function canonical(f, party, name) {
  const { abi, bytecode } = packaged(`${FOLDER}/${name}.json`);
  const address = getCreate2Address(SAFE_SINGLETON_FACTORY, ZeroHash, keccak256(bytecode));
  f.same(address, CANONICAL[name], `canonical address of ${name}`);
  if ((await f.provider.getCode(address)) === "0x") {
    f.succeeded(await party.send({ what: `${f.name}: deploys ${name}`, to: SAFE_SINGLETON_FACTORY,
      data: concat([ZeroHash, bytecode]) }), name);
  }
  return f.at(address, abi);
}

async function deployed(f, party, owners) {
  const all = [];
  for (const name of Object.keys(CANONICAL)) all.push(await canonical(f, party, name));
  const [first, proxies, batch, fallback] = all;
  const setup = first.interface.encodeFunctionData("setup",
    [owners.map(({ address }) => address), 2n, ZeroAddress, "0x", fallback.target, ZeroAddress, 0n, ZeroAddress]);
  const receipt = await f.write(party, proxies, "createProxyWithNonce", [first.target, setup, BigInt(party.address)]);
  const { proxy } = f.event(receipt, proxies, "ProxyCreation");
  return { safe: f.at(proxy, first.interface), batch, fallback: f.at(proxy, fallback.interface) };
}

/** All of Safe. */
export async function safe(f) {
  const [sender, module] = await f.parties(2);
  const owners = [1, 2, 3].map(() => Wallet.createRandom());
  const { safe: treasury, batch, fallback } = await deployed(f, sender, owners);
  f.same([await treasury.getThreshold(), await treasury.getOwners(), await treasury.VERSION()],
    [2n, owners.map(({ address }) => address), "1.4.1"], "the Safe as it was set up");
  const coin = await f.deploy(sender, f.contracts.Coin, ["Coin", "COIN", 1_000n], "an ERC-20");
  await f.write(sender, coin, "transfer", [treasury.target, 1_000n]);
  const pay = (to, amount) => coin.interface.encodeFunctionData("transfer", [to, amount]);

  const transaction = async (to, data, kind = CALL) => ({ to, value: 0n, data, operation: kind, safeTxGas: 0n, baseGas: 0n,
    gasPrice: 0n, gasToken: ZeroAddress, refundReceiver: ZeroAddress, nonce: await treasury.nonce() });
  const sorted = (signers) => [...signers].sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
  const domain = { chainId: f.network.chainId, verifyingContract: treasury.target };
  const signed = async (tx, signers) =>
    concat(await Promise.all(signers.map((one) => one.signTypedData(domain, SAFE_TX, tx))));
  const args = (tx, signatures) => [tx.to, tx.value, tx.data, tx.operation, tx.safeTxGas, tx.baseGas, tx.gasPrice,
    tx.gasToken, tx.refundReceiver, signatures];
  const execute = async (tx, signers = owners.slice(0, 2)) => {
    const receipt = await f.write(sender, treasury, "execTransaction", args(tx, await signed(tx, sorted(signers))));
    f.checks.ok(f.event(receipt, treasury, "ExecutionSuccess"), "the Safe's success");
    return receipt;
  };
  const refused = async (tx, signatures, reason) =>
    f.refused(sender, treasury, "execTransaction", args(tx, signatures), { reason });

  const first = await transaction(coin.target, pay(module.address, 10n));
  await refused(first, await signed(first, [owners[0]]), "GS020");
  await refused(first, await signed(first, [...sorted(owners.slice(0, 2))].reverse()), "GS026");
  await refused(first, await signed(first, sorted([owners[0], Wallet.createRandom()])), "GS026");
  const signatures = await signed(first, sorted(owners.slice(0, 2)));
  f.event(await execute(first), coin, "Transfer", [treasury.target, module.address, 10n]);
  f.same(await treasury.nonce(), 1n, "the Safe's nonce");
  await refused(first, signatures, "GS026");
  const tooMuch = await transaction(coin.target, pay(module.address, 1_000_000n));
  await refused(tooMuch, await signed(tooMuch, sorted(owners.slice(1))), "GS013");

  const part = (data) => solidityPacked(["uint8", "address", "uint256", "uint256", "bytes"],
    [CALL, coin.target, 0n, dataLength(data), data]);
  const many = batch.interface.encodeFunctionData("multiSend",
    [concat([part(pay(module.address, 1n)), part(pay(sender.address, 2n))])]);
  const receipt = await execute(await transaction(batch.target, many, DELEGATECALL), [owners[2], owners[0]]);
  f.event(receipt, coin, "Transfer", [treasury.target, module.address, 1n]);
  f.event(receipt, coin, "Transfer", [treasury.target, sender.address, 2n]);
  await f.refused(sender, batch, "multiSend", ["0x"], { reason: "MultiSend should only be called via delegatecall" });
  await modulesAndGuards(
    { f, module, treasury, coin, pay, execute, transaction, refused, signed, sorted, owners, batch, many });
  await contractSignature({ f, treasury, fallback, owners, sorted });
}

async function modulesAndGuards(context) {
  const { f, module, treasury, coin, pay, execute, transaction, refused, signed, sorted, owners, batch, many } = context;
  const payment = [coin.target, 0n, pay(module.address, 5n), CALL];
  await f.refused(module, treasury, "execTransactionFromModule", payment, { reason: "GS104" });
  const own = (method, args) => treasury.interface.encodeFunctionData(method, args);
  const enabled = await execute(await transaction(treasury.target, own("enableModule", [module.address])));
  f.event(enabled, treasury, "EnabledModule", [module.address]);
  const moved = await f.write(module, treasury, "execTransactionFromModule", payment);
  f.event(moved, treasury, "ExecutionFromModuleSuccess", [module.address]);
  f.event(moved, coin, "Transfer", [treasury.target, module.address, 5n]);
  await f.refused(module, treasury, "enableModule", [module.address], { reason: "GS031" });

  const guard = await f.deploy(module, packaged(
    `${FOLDER}/examples/guards/DelegateCallTransactionGuard.sol/DelegateCallTransactionGuard.json`), [ZeroAddress], "a guard");
  const guarded = await execute(await transaction(treasury.target, own("setGuard", [guard.target])));
  f.event(guarded, treasury, "ChangedGuard", [guard.target]);
  const forbidden = await transaction(batch.target, many, DELEGATECALL);
  await refused(forbidden, await signed(forbidden, sorted(owners.slice(0, 2))), "This call is restricted");
  await execute(await transaction(coin.target, pay(module.address, 1n)));
}

/** ERC-1271 through Safe's fallback handler. */
async function contractSignature({ f, treasury, fallback, owners, sorted }) {
  const hash = hashMessage("heqi");
  const types = { SafeMessage: [{ name: "message", type: "bytes" }] };
  const domain = { chainId: f.network.chainId, verifyingContract: treasury.target };
  const message = { message: AbiCoder.defaultAbiCoder().encode(["bytes32"], [hash]) };
  const sign = async (signers) =>
    concat(await Promise.all(sorted(signers).map((one) => one.signTypedData(domain, types, message))));
  const valid = "isValidSignature(bytes32,bytes)";
  f.same(await fallback[valid](hash, await sign(owners.slice(1))), "0x1626ba7e", "the Safe's signature");
  const data = fallback.interface.encodeFunctionData(valid, [hash, await sign(owners.slice(0, 1))]);
  await f.callRefused({ to: treasury.target, data }, { reason: "GS020" }, treasury.interface, "the signature of one");
}
