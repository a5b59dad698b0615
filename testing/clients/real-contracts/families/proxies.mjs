// OpenZeppelin 5: proxies of all kinds and contracts that make contracts.
import {
  AbiCoder, ContractFactory, dataSlice, getAddress, getCreate2Address, id, keccak256,
} from "ethers";

import { packaged } from "../artifacts.mjs";

const IMPLEMENTATION_SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
const ADMIN_SLOT = "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103";
const BEACON_SLOT = "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50";

const artifact = (name) => packaged(`@openzeppelin/contracts/build/contracts/${name}.json`);
/** The address in a slot of a contract. */
const slot = async (f, contract, at) => getAddress(dataSlice(await f.provider.getStorage(contract.target, at), 12));

async function implementations(f, owner) {
  const first = await f.deploy(owner, f.contracts.CounterV1, [], "an implementation");
  const second = await f.deploy(owner, f.contracts.CounterV2, [], "its next version");
  const initialize = first.interface.encodeFunctionData("initialize", [owner.address, 40n]);
  return { first, second, initialize, initializeV2: second.interface.encodeFunctionData("initializeV2", [3n]) };
}

/** After an upgrade: the value from before, the new version, the new value. */
async function upgraded(f, counter) {
  f.same([await counter.number(), await counter.version(), await counter.step()], [42n, 2n, 3n], "after the upgrade");
}

/** UUPS: the implementation decides who upgrades. */
export async function uups(f) {
  const [owner, stranger] = await f.parties(2);
  const { first, second, initialize, initializeV2 } = await implementations(f, owner);
  const proxy = await f.deploy(owner, artifact("ERC1967Proxy"), [first.target, initialize], "ERC1967Proxy");
  const counter = f.at(proxy.target, f.contracts.CounterV2.abi);
  f.same(await slot(f, proxy, IMPLEMENTATION_SLOT), first.target, "ERC-1967's slot");
  f.same(await counter.version(), 1n, "first version");
  await f.write(owner, counter, "add", [2n]);
  await f.refused(stranger, counter, "upgradeToAndCall", [second.target, "0x"],
    { error: "OwnableUnauthorizedAccount", args: [stranger.address] });
  await f.refused(owner, counter, "upgradeToAndCall", [stranger.address, "0x"],
    { empty: true });
  await f.refused(owner, counter, "upgradeToAndCall", [proxy.target, "0x"],
    { error: "ERC1967InvalidImplementation", args: [proxy.target] });
  await f.refused(owner, counter, "initialize", [stranger.address, 1n], { error: "InvalidInitialization" });
  await f.refused(stranger, first, "initialize", [stranger.address, 1n], { error: "InvalidInitialization" });
  const receipt = await f.write(owner, counter, "upgradeToAndCall", [second.target, initializeV2]);
  f.event(receipt, f.at(proxy.target, proxy.interface), "Upgraded", [second.target]);
  f.same(await slot(f, proxy, IMPLEMENTATION_SLOT), second.target, "ERC-1967's slot after the upgrade");
  await upgraded(f, counter);
}

/** Transparent proxy: its ProxyAdmin upgrades, and cannot reach the contract behind. */
export async function transparent(f) {
  const [owner, stranger] = await f.parties(2);
  const { first, second, initialize, initializeV2 } = await implementations(f, owner);
  const proxy = await f.deploy(owner, artifact("TransparentUpgradeableProxy"), [first.target, owner.address, initialize],
    "TransparentUpgradeableProxy");
  const counter = f.at(proxy.target, f.contracts.CounterV2.abi);
  const admin = f.at(await slot(f, proxy, ADMIN_SLOT), artifact("ProxyAdmin").abi);
  f.same(await admin.owner(), owner.address, "the owner of the ProxyAdmin that the proxy made");
  await f.write(stranger, counter, "add", [2n]);
  await f.refused(stranger, admin, "upgradeAndCall", [proxy.target, second.target, initializeV2],
    { error: "OwnableUnauthorizedAccount", args: [stranger.address] });
  f.event(await f.write(owner, admin, "upgradeAndCall", [proxy.target, second.target, initializeV2]), proxy, "Upgraded",
    [second.target]);
  await upgraded(f, counter);
  await f.callRefused({ from: admin.target, to: proxy.target, data: counter.interface.encodeFunctionData("number") },
    { error: "ProxyDeniedAdminAccess" }, proxy.interface, "the admin behind the proxy");
}

/** Beacon: one upgrade for many. */
export async function beacon(f) {
  const [owner, stranger] = await f.parties(2);
  const { first, second, initialize } = await implementations(f, owner);
  const lamp = await f.deploy(owner, artifact("UpgradeableBeacon"), [first.target, owner.address], "UpgradeableBeacon");
  const counters = [];
  for (const name of ["one", "another"]) {
    const proxy = await f.deploy(owner, artifact("BeaconProxy"), [lamp.target, initialize], `BeaconProxy, ${name}`);
    f.same(await slot(f, proxy, BEACON_SLOT), lamp.target, "the beacon's slot");
    counters.push(f.at(proxy.target, f.contracts.CounterV2.abi));
  }
  await f.write(owner, counters[0], "add", [2n]);
  await f.refused(stranger, lamp, "upgradeTo", [second.target],
    { error: "OwnableUnauthorizedAccount", args: [stranger.address] });
  await f.refused(owner, lamp, "upgradeTo", [stranger.address],
    { error: "BeaconInvalidImplementation", args: [stranger.address] });
  f.event(await f.write(owner, lamp, "upgradeTo", [second.target]), lamp, "Upgraded", [second.target]);
  f.same(await Promise.all(counters.map((one) => one.version())), [2n, 2n], "both are upgraded");
  await f.write(owner, counters[0], "initializeV2", [3n]);
  await upgraded(f, counters[0]);
  f.same([await counters[1].number(), await counters[1].step()], [40n, 0n], "each has its own values");
}

/** Clones and Create2. */
export async function factories(f) {
  const [owner] = await f.parties(1);
  const workshop = await f.deploy(owner, f.contracts.Workshop, [], "a factory");
  const { first } = await implementations(f, owner);
  const made = async (method, args, fields) =>
    f.event(await f.write(owner, workshop, method, args, fields), workshop, "Made")[0];
  const counter = (address) => f.at(address, f.contracts.CounterV1.abi);

  const clone = counter(await made("clone", [first.target]));
  await f.write(owner, clone, "initialize", [owner.address, 5n]);
  f.same([await clone.number(), await clone.owner()], [5n, owner.address], "a clone has its own state");
  f.checks.match(await f.provider.getCode(clone.target), /^0x363d3d373d3d3d363d73[0-9a-f]{40}5af43d82803e903d91602b57fd5bf3$/,
    "ERC-1167's code");
  const salt = id("salt");
  const predicted = await workshop.addressOfClone(first.target, salt);
  f.same(await made("cloneAt", [first.target, salt]), predicted, "the predicted address");
  await f.refused(owner, workshop, "cloneAt", [first.target, salt], { error: "FailedDeployment" });
  const args = AbiCoder.defaultAbiCoder().encode(["address", "uint256"], [owner.address, 77n]);
  f.same(await workshop.argsOf(await made("cloneWith", [first.target, args])), args, "arguments in the code");

  const coin = f.contracts.Coin;
  const { data } = await new ContractFactory(coin.abi, coin.bytecode).getDeployTransaction("Made", "MADE", 3n);
  const wanted = getCreate2Address(workshop.target, salt, keccak256(data));
  f.same(await workshop.addressOfCreate2(salt, keccak256(data)), wanted, "CREATE2's address");
  f.same(await made("create2", [salt, data]), wanted, "and the contract is there");
  f.same(await f.at(wanted, coin.abi).balanceOf(workshop.target), 3n, "made by the factory");
  await f.refused(owner, workshop, "create2", [salt, data], { error: "FailedDeployment" });
  await f.refused(owner, workshop, "create2", [salt, "0x"], { error: "Create2EmptyBytecode" });
  // EIP-3541: no code that begins with 0xef.
  await f.refused(owner, workshop, "create2", [salt, "0x60ef60005360016000f3"], { error: "FailedDeployment" });
}
