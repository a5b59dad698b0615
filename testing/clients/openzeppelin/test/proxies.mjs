// Proxies of all kinds, addresses known before, clones.
import { ethers, events, expect, loadFixture, networkHelpers, rpc } from "../support.mjs";

const slot = (label) => ethers.toBeHex(BigInt(ethers.id(label)) - 1n, 32);
const IMPLEMENTATION = slot("eip1967.proxy.implementation"), ADMIN = slot("eip1967.proxy.admin"), BEACON = slot("eip1967.proxy.beacon");
const INITIALIZABLE = ethers.toBeHex(
  BigInt(ethers.keccak256(ethers.toBeHex(BigInt(ethers.id("openzeppelin.storage.Initializable")) - 1n, 32))) & ~0xffn, 32,
);
const stored = async (contract, at) => ethers.getAddress(ethers.dataSlice(await ethers.provider.getStorage(contract, at), 12));
const word = (address) => ethers.zeroPadValue(address, 32);

const boxes = async () => {
  const [owner, other, third] = await ethers.getSigners();
  const one = await ethers.deployContract("Box");
  const two = await ethers.deployContract("BoxTwo");
  const setUp = one.interface.encodeFunctionData("initialize", [owner.address, 5n]);
  const migrate = two.interface.encodeFunctionData("migrate", [10n]);
  return { owner, other, third, one, two, setUp, migrate };
};
const at = (name, proxy) => ethers.getContractAt(name, proxy.target ?? proxy);

describe("a UUPS proxy", () => {
  const proxied = async () => {
    const all = await boxes();
    const proxy = await ethers.deployContract("ERC1967Proxy", [all.one, all.setUp]);
    return { ...all, proxy, box: await at("BoxTwo", proxy) };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(proxied)));

  it("keeps its implementation in the slot of ERC-1967", async () => {
    expect(await stored(all.proxy, IMPLEMENTATION)).to.equal(all.one.target);
    expect(await networkHelpers.getStorageAt(all.proxy.target, INITIALIZABLE)).to.equal(ethers.toBeHex(1n, 32));
  });
  it("has its own values", async () => {
    const { box, one, owner } = all;
    expect([await box.owner(), await box.value(), await one.value()]).to.deep.equal([owner.address, 5n, 0n]);
    await expect(box.store(9n)).to.emit(box, "Stored").withArgs(9n);
    expect([await box.value(), await one.value()]).to.deep.equal([9n, 0n]);
  });
  it("is initialized once", async () => {
    const { box, one, owner } = all;
    await expect(box.initialize(owner, 1n)).to.be.revertedWithCustomError(box, "InvalidInitialization");
    await expect(one.initialize(owner, 1n)).to.be.revertedWithCustomError(one, "InvalidInitialization");
  });
  it("is upgraded by its owner", async () => {
    const { box, two, other, owner, migrate, proxy } = all;
    await expect(box.connect(other).upgradeToAndCall(two, "0x")).to.be.revertedWithCustomError(box, "NotOwner").withArgs(other);
    const tx = box.connect(owner).upgradeToAndCall(two, migrate);
    await expect(tx).to.emit(box, "Upgraded").withArgs(two).and.to.emit(box, "Initialized").withArgs(2n);
    expect([await box.version(), await box.value()]).to.deep.equal([2n, 15n]);
    expect(await stored(proxy, IMPLEMENTATION)).to.equal(two.target);
    await expect(box.migrate(1n)).to.be.revertedWithCustomError(box, "InvalidInitialization");
  });
  for (const [name, error] of [["NotUpgradeable", "ERC1967InvalidImplementation"], ["WrongSlot", "UUPSUnsupportedProxiableUUID"]]) {
    it(`is not upgraded to ${name}`, async () => {
      const implementation = await ethers.deployContract(name);
      await expect(all.box.upgradeToAndCall(implementation, "0x")).to.be.revertedWithCustomError(all.box, error);
    });
  }
  it("is not upgraded to an account without code, nor directly", async () => {
    const { box, one, two, other } = all;
    await expect(box.upgradeToAndCall(other, "0x")).to.be.revert(ethers);
    await expect(one.upgradeToAndCall(two, "0x")).to.be.revertedWithCustomError(one, "UUPSUnauthorizedCallContext");
    await expect(ethers.deployContract("ERC1967Proxy", [other, all.setUp]))
      .to.be.revertedWithCustomError(all.proxy, "ERC1967InvalidImplementation").withArgs(other);
  });
  it("takes no ether with an upgrade that calls nothing", async () => {
    const { box, two } = all;
    await expect(box.upgradeToAndCall(two, "0x", { value: 1n })).to.be.revertedWithCustomError(box, "ERC1967NonPayable");
  });
  it("goes where its slot is set to", async () => {
    const { box, two, proxy } = all;
    await networkHelpers.setStorageAt(proxy.target, IMPLEMENTATION, word(two.target));
    expect(await box.version()).to.equal(2n);
    expect(await box.value()).to.equal(5n);
  });
});

describe("a beacon", () => {
  const beacons = async () => {
    const all = await boxes();
    const beacon = await ethers.deployContract("UpgradeableBeacon", [all.one, all.owner]);
    const proxies = [];
    for (let count = 0; count < 3; count += 1) proxies.push(await ethers.deployContract("BeaconProxy", [beacon, all.setUp]));
    return { ...all, beacon, proxies };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(beacons)));

  it("stands in the slot of ERC-1967", async () => {
    for (const proxy of all.proxies) expect(await stored(proxy, BEACON)).to.equal(all.beacon.target);
  });
  it("upgrades all its proxies at once", async () => {
    const { beacon, two, proxies, owner } = all;
    const found = await Promise.all(proxies.map((proxy) => at("BoxTwo", proxy)));
    for (const [index, box] of found.entries()) await box.connect(owner).store(BigInt(index));
    await expect(beacon.upgradeTo(two)).to.emit(beacon, "Upgraded").withArgs(two);
    expect(await Promise.all(found.map((box) => box.version()))).to.deep.equal([2n, 2n, 2n]);
    expect(await Promise.all(found.map((box) => box.value()))).to.deep.equal([0n, 1n, 2n]);
  });
  it("obeys its owner, and takes code only", async () => {
    const { beacon, two, other } = all;
    await expect(beacon.connect(other).upgradeTo(two)).to.be.revertedWithCustomError(beacon, "OwnableUnauthorizedAccount").withArgs(other);
    await expect(beacon.upgradeTo(other)).to.be.revertedWithCustomError(beacon, "BeaconInvalidImplementation").withArgs(other);
  });
});

describe("a transparent proxy", () => {
  const transparent = async () => {
    const all = await boxes();
    const proxy = await ethers.deployContract("TransparentUpgradeableProxy", [all.one, all.owner, all.setUp]);
    const admin = await at("ProxyAdmin", await stored(proxy, ADMIN));
    return { ...all, proxy, admin, box: await at("BoxTwo", proxy) };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(transparent)));

  it("made its administrator as its first contract", async () => {
    expect(all.admin.target).to.equal(ethers.getCreateAddress({ from: all.proxy.target, nonce: 1 }));
    expect(await all.admin.owner()).to.equal(all.owner.address);
    expect(await all.admin.UPGRADE_INTERFACE_VERSION()).to.equal("5.0.0");
    expect(await ethers.provider.getTransactionCount(all.proxy)).to.equal(2);
  });
  it("is upgraded through it", async () => {
    const { admin, box, two, migrate, other, proxy } = all;
    await expect(admin.connect(other).upgradeAndCall(proxy, two, "0x"))
      .to.be.revertedWithCustomError(admin, "OwnableUnauthorizedAccount").withArgs(other);
    await expect(admin.upgradeAndCall(proxy, two, migrate)).to.emit(box, "Upgraded").withArgs(two);
    expect([await box.version(), await box.value()]).to.deep.equal([2n, 15n]);
  });
  it("lets its callers reach the implementation only", async () => {
    const { box, two, other } = all;
    await expect(box.connect(other).upgradeToAndCall(two, "0x")).to.be.revertedWithCustomError(box, "NotOwner");
  });
});

describe("addresses known before", () => {
  const factory = async () => ({ ...(await boxes()), factory: await ethers.deployContract("Factory") });
  let all;
  beforeEach(async () => (all = await loadFixture(factory)));
  const made = async (tx) => {
    const receipt = await (await tx).wait();
    return events(receipt, all.factory, "Made")[0].args.instance;
  };

  for (const salt of ["0x" + "00".repeat(32), ethers.id("salt"), "0x" + "ff".repeat(32)]) {
    it(`by CREATE2 with ${salt.slice(0, 10)}…`, async () => {
      const { factory } = all;
      const { bytecode } = await ethers.getContractFactory("Target");
      const predicted = await factory.predict(salt, ethers.keccak256(bytecode));
      expect(predicted).to.equal(ethers.getCreate2Address(factory.target, salt, ethers.keccak256(bytecode)));
      expect(await ethers.provider.getCode(predicted)).to.equal("0x");
      expect(await made(factory.deploy(0n, salt, bytecode))).to.equal(predicted);
      expect((await ethers.provider.getCode(predicted)).length).to.be.greaterThan(100);
      await expect(factory.deploy(0n, salt, bytecode)).to.be.revertedWithCustomError(factory, "FailedDeployment");
    });
  }
  it("with ether that is there before", async () => {
    const { factory, owner } = all;
    // a constructor that takes ether and leaves one byte of code
    const code = "0x600160005360016000f3";
    const predicted = await factory.predict(ethers.ZeroHash, ethers.keccak256(code));
    await owner.sendTransaction({ to: predicted, value: 3n });
    await expect(factory.deploy(4n, ethers.ZeroHash, code, { value: 4n })).to.changeEtherBalance(ethers, predicted, 4n);
    expect(await ethers.provider.getBalance(predicted)).to.equal(7n);
    await expect(factory.deploy(9n, ethers.id("x"), code)).to.be.revertedWithCustomError(factory, "InsufficientBalance").withArgs(0n, 9n);
    await expect(factory.deploy(0n, ethers.id("x"), "0x")).to.be.revertedWithCustomError(factory, "Create2EmptyBytecode");
  });
  it("of what an account makes", async () => {
    const { owner } = all;
    const nonce = await owner.getNonce();
    const predicted = [0, 1, 2].map((more) => ethers.getCreateAddress({ from: owner.address, nonce: nonce + more }));
    for (const address of predicted) expect((await ethers.deployContract("Target")).target).to.equal(address);
  });
  it("of clones", async () => {
    const { factory, one } = all;
    const salt = ethers.id("clone");
    const predicted = await factory.predictClone(one, salt);
    expect(await made(factory.cloneDeterministic(one, salt, "0x"))).to.equal(predicted);
    expect(await ethers.provider.getCode(predicted)).to.equal(ethers.concat(["0x363d3d373d3d3d363d73", one.target, "0x5af43d82803e903d91602b57fd5bf3"]));
    await expect(factory.cloneDeterministic(one, salt, "0x")).to.be.revertedWithCustomError(factory, "FailedDeployment");
  });
  it("of clones that are initialized and paid", async () => {
    const { factory, one, owner, setUp } = all;
    const instance = await made(factory.clone(one, setUp, { value: 6n }));
    const box = await at("Box", instance);
    expect([await box.owner(), await box.value(), await ethers.provider.getBalance(instance)]).to.deep.equal([owner.address, 5n, 6n]);
    await expect(factory.clone(one, box.interface.encodeFunctionData("proxiableUUID")))
      .to.be.revertedWithCustomError(one, "UUPSUnauthorizedCallContext");
  });
  for (const size of [0, 1, 32, 1_000, 24_000]) {
    it(`of clones with ${size} bytes of arguments`, async () => {
      const { factory, one } = all;
      const args = ethers.hexlify(ethers.randomBytes(size));
      const instance = await made(factory.cloneWithArguments(one, args));
      expect(await factory.argumentsOf(instance)).to.equal(args);
      expect(ethers.dataLength(await ethers.provider.getCode(instance))).to.equal(45 + size);
    });
  }
  it("of code that is set", async () => {
    const { one, other } = all;
    await networkHelpers.setCode(other.address, await ethers.provider.getCode(one));
    const box = await at("Box", other.address);
    expect(await box.version()).to.equal(1n);
    await networkHelpers.setCode(other.address, "0x");
    expect(await ethers.provider.getCode(other)).to.equal("0x");
  });
  it("at the deployer that every chain has", async () => {
    const deployer = "0x4e59b44847b379578588920ca78fbf26c0b4956c";
    if ((await ethers.provider.getCode(deployer)) === "0x") {
      // Hardhat's own network has none
      await rpc("hardhat_setCode", deployer, "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3");
    }
    const { bytecode } = await ethers.getContractFactory("Target");
    const salt = ethers.hexlify(ethers.randomBytes(32));
    await all.owner.sendTransaction({ to: deployer, data: ethers.concat([salt, bytecode]) });
    const target = await at("Target", ethers.getCreate2Address(deployer, salt, ethers.keccak256(bytecode)));
    expect(await target.number()).to.equal(0n);
  });
});
