// What stands on every network from block 1 on: Multicall3, CreateX, the deterministic deployment proxies.
import {
  AbiCoder, Contract, ContractFactory, concat, getCreate2Address, id, keccak256, toBeHex, zeroPadValue,
} from "ethers";

export const MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11";
export const CREATEX = "0xba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed";
export const DEPLOYMENT_PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
export const SAFE_SINGLETON_FACTORY = "0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7";
export const ENTRYPOINT_0_7 = "0x0000000071727De22E5E9d8BAf0edAc6f37da032";
export const ENTRYPOINT_0_8 = "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108";

const MULTICALL3_ABI = [
  "function aggregate3((address target, bool allowFailure, bytes callData)[]) payable returns ((bool success, bytes returnData)[])",
  "function aggregate3Value((address target, bool allowFailure, uint256 value, bytes callData)[]) payable returns ((bool success, bytes returnData)[])",
  "function getChainId() view returns (uint256)",
  "function getBasefee() view returns (uint256)",
  "function getEthBalance(address) view returns (uint256)",
  "function getLastBlockHash() view returns (bytes32)",
  "function getBlockNumber() view returns (uint256)",
];
const CREATEX_ABI = [
  "event ContractCreation(address indexed newContract, bytes32 indexed salt)",
  "event ContractCreation(address indexed newContract)",
  "event Create3ProxyContractCreation(address indexed newContract, bytes32 indexed salt)",
  "error FailedContractCreation(address emitter)",
  "error InvalidSalt(address emitter)",
  "function deployCreate(bytes) payable returns (address)",
  "function deployCreate2(bytes32,bytes) payable returns (address)",
  "function deployCreate3(bytes32,bytes) payable returns (address)",
  "function computeCreate2Address(bytes32,bytes32) view returns (address)",
  "function computeCreate3Address(bytes32) view returns (address)",
];

async function present(f, address, name) {
  f.checks.ok((await f.provider.getCode(address)).length > 2, `${name} is there`);
}

/** Multicall3: many reads and writes in one. */
export async function multicall(f) {
  const [owner] = await f.parties(1);
  await present(f, MULTICALL3, "Multicall3");
  const many = f.at(MULTICALL3, MULTICALL3_ABI);
  const book = await f.deploy(owner, f.contracts.Guestbook, [MULTICALL3], "what is called");
  const sign = (text) => book.interface.encodeFunctionData("sign", [text]);
  const call = (callData, allowFailure = false) => ({ target: book.target, allowFailure, callData });
  const receipt = await f.write(owner, many, "aggregate3", [[call(sign("one")), call(sign(""), true), call(sign("three"))]]);
  f.same(receipt.logs.map((log) => book.interface.parseLog(log).args.text), ["one", "three"], "what went through, in order");
  const [, failed] = await many.aggregate3.staticCall([call(sign("one")), call(sign(""), true)]);
  f.same([failed.success, failed.returnData], [false, id("EmptyText()").slice(0, 10)], "the failure's own error");
  await f.refused(owner, many, "aggregate3", [[call(sign("one")), call(sign(""))]], { reason: "Multicall3: call failed" });
  await f.refused(owner, many, "aggregate3Value", [[{ ...call(sign("x")), value: 1n }]], { reason: "Multicall3: call failed" });
  await f.write(owner, many, "aggregate3Value", [[{ ...call(sign("x")), value: 0n }]]);
  const head = await f.provider.getBlock(receipt.blockNumber);
  const at = { blockTag: receipt.blockNumber };
  f.same(await many.getLastBlockHash(at), head.parentHash, "the hash of the block before");
  f.same(await many.getChainId(at), f.network.chainId, "chain id");
  f.same(await many.getBasefee({ ...at, from: owner.address, gasPrice: f.mode.price }), f.mode.price, "base fee");
  // As geth: who names no price is asked none.
  f.same(await many.getBasefee(at), 0n, "base fee of a call without a price");
  f.same(await many.getBlockNumber(at), head.number, "number");
  f.same(await many.getEthBalance(owner.address, at), await f.provider.getBalance(owner.address, head.number), "balance");
}

/** CreateX and the two deployment proxies: the addresses are those of every other chain. */
export async function deterministic(f) {
  const [owner, other] = await f.parties(2);
  const { abi, bytecode } = f.contracts.Coin;
  const initCode = async (name) => (await new ContractFactory(abi, bytecode).getDeployTransaction(name, "SYM", 9n)).data;
  for (const [address, name] of [[DEPLOYMENT_PROXY, "deployment proxy"], [SAFE_SINGLETON_FACTORY, "Safe's factory"]]) {
    await present(f, address, name);
    const [salt, code] = [id(`${owner.address}${name}`), await initCode(name)];
    const data = concat([salt, code]);
    f.succeeded(await owner.send({ what: `${f.name}: ${name}`, to: address, data }), name);
    const coin = new Contract(getCreate2Address(address, salt, keccak256(code)), abi, f.provider);
    f.same([await coin.name(), await coin.balanceOf(address)], [name, 9n], `deployed by ${name}`);
    await f.callRefused({ from: owner.address, to: address, data }, { empty: true }, coin.interface, "the same again");
    const again = await other.send({ what: `${f.name}: ${name} again`, to: address, data, gasLimit: 2_000_000n });
    f.same(again.status, 0, "the same again in a transaction");
  }
  await present(f, CREATEX, "CreateX");
  const createx = f.at(CREATEX, CREATEX_ABI);
  const made = (receipt) => receipt.logs.map((log) => createx.interface.parseLog(log))
    .filter((log) => log?.name === "ContractCreation").map((log) => log.args[0])[0];
  const code = await initCode("CreateX");
  const words = (types, values) => keccak256(AbiCoder.defaultAbiCoder().encode(types, values));

  const open = id(`${owner.address} open`);
  const guarded = words(["bytes32"], [open]);
  const expected = getCreate2Address(CREATEX, guarded, keccak256(code));
  f.same(await createx.computeCreate2Address(guarded, keccak256(code)), expected, "the address that CreateX computes");
  f.same(made(await f.write(owner, createx, "deployCreate2(bytes32,bytes)", [open, code])), expected, "CREATE2");
  await f.refused(owner, createx, "deployCreate2(bytes32,bytes)", [open, code],
    { error: "FailedContractCreation", args: [CREATEX] });
  // Only for this sender and this chain: the sender's address, then 0x01.
  const own = concat([owner.address, "0x01", zeroPadValue("0x2a", 11)]);
  const salt = words(["address", "uint256", "bytes32"], [owner.address, f.network.chainId, own]);
  const third = await createx.computeCreate3Address(salt);
  f.same(made(await f.write(owner, createx, "deployCreate3(bytes32,bytes)", [own, code])), third, "CREATE3");
  f.same(await new Contract(third, abi, f.provider).name(), "CreateX", "and it lives");
  const elsewhere = await f.write(other, createx, "deployCreate3(bytes32,bytes)", [own, code]);
  f.checks.ok(made(elsewhere) !== third, "another sender comes to another address");
  const unclear = concat([owner.address, "0x02", zeroPadValue("0x2a", 11)]);
  await f.refused(owner, createx, "deployCreate3(bytes32,bytes)", [unclear, code], { error: "InvalidSalt", args: [CREATEX] });
  f.checks.ok(made(await f.write(owner, createx, "deployCreate(bytes)", [code])), "CREATE");
  f.same(toBeHex(BigInt(await f.provider.getTransactionCount(third))), "0x01", "a contract's first nonce");
}
