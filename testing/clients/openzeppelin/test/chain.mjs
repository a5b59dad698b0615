// What a test does with the chain itself.
import { DAY, block, connection, ethers, expect, height, impersonated, inOneBlock, latest, loadFixture, NODE_SIGNS, networkHelpers, rpc, time } from "../support.mjs";

const SOMEBODY = "0x00000000000000000000000000000000DeaDBeef", COINBASE = "0x000000000000000000000000000000000000dEaD";

describe("accounts", () => {
  it("are twenty, with 10,000 ether each", async () => {
    const signers = await ethers.getSigners();
    expect(signers.length).to.equal(20);
    const unused = signers.slice(12);
    for (const signer of unused) expect(await ethers.provider.getBalance(signer)).to.equal(ethers.parseEther("10000"));
    expect(signers[19].address).to.equal("0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199");
  });
  it("send ether", async () => {
    const [from, to] = await ethers.getSigners();
    await expect(from.sendTransaction({ to, value: 200n })).to.changeEtherBalances(ethers, [from, to], [-200n, 200n]);
  });
  it("do not send what they do not have", async () => {
    const [from, to] = await ethers.getSigners();
    const value = (await ethers.provider.getBalance(from)) + 1n;
    await expect(from.sendTransaction({ to, value })).to.be.rejectedWith(/insufficient|doesn't have enough funds|OutOfFunds|fund/i);
  });
  it("get a nonce each where they send at once", async () => {
    const signers = (await ethers.getSigners()).slice(0, NODE_SIGNS ? 3 : 1);
    const nonces = await Promise.all(signers.map((signer) => signer.getNonce()));
    const rounds = NODE_SIGNS ? 5 : 1;
    const sends = signers.flatMap((signer) => Array.from({ length: rounds }, () => signer.sendTransaction({ to: SOMEBODY, value: 1n })));
    const sent = await Promise.all(sends);
    expect(new Set(sent.map(({ from, nonce }) => `${from} ${nonce}`)).size).to.equal(sends.length);
    expect(await Promise.all(signers.map((signer) => signer.getNonce()))).to.deep.equal(nonces.map((nonce) => nonce + rounds));
  });
});

describe("time", () => {
  it("is increased by a block", async () => {
    const [before, at] = [await latest(), await height()];
    const now = await time.increase(1_000);
    expect([BigInt(now), await height()]).to.deep.equal([before + 1_000n, at + 1n]);
  });
  it("is increased to a moment", async () => {
    const to = (await latest()) + 10n * DAY;
    await time.increaseTo(to);
    expect(await latest()).to.equal(to);
  });
  it("goes on from there", async () => {
    const before = await latest();
    await networkHelpers.mine();
    const after = await latest();
    expect(after - before >= 1n && after - before < 10n).to.equal(true);
  });
  it("of the next block is set", async () => {
    const to = (await latest()) + 12_345n;
    await time.setNextBlockTimestamp(to);
    const [from] = await ethers.getSigners();
    const tx = await from.sendTransaction({ to: from });
    expect(BigInt((await block((await tx.wait()).blockNumber)).timestamp)).to.equal(to);
  });
  it("does not go back", async () => {
    const now = await latest();
    await expect(time.setNextBlockTimestamp(now - 10n)).to.be.rejectedWith(/lower|before|previous/i);
  });
  it("is increased without a block", async () => {
    const before = await latest();
    await rpc("evm_increaseTime", 5_000);
    expect(await latest()).to.equal(before);
    await rpc("evm_mine");
    const passed = (await latest()) - before;
    expect(passed >= 5_000n && passed < 5_020n).to.equal(true, `${passed}`);
  });
  for (const [blocks, interval] of [[1, 1], [10, 1], [5, 60], [256, 12]]) {
    it(`passes ${interval} s with each of ${blocks} blocks`, async () => {
      const [at, before] = [await height(), await latest()];
      await networkHelpers.mine(blocks, { interval });
      expect(await height()).to.equal(at + BigInt(blocks));
      const first = BigInt((await block(Number(at + 1n))).timestamp);
      expect(first > before).to.equal(true);
      expect(await latest()).to.equal(first + BigInt((blocks - 1) * interval));
    });
  }
  it("of a view is that of the block it looks at", async () => {
    const contract = await ethers.deployContract("Surroundings");
    expect(await contract.now_()).to.deep.equal([await height(), await latest()]);
    const at = Number(await height());
    await networkHelpers.mine(3);
    expect(await contract.now_({ blockTag: at })).to.deep.equal([BigInt(at), BigInt((await block(at)).timestamp)]);
    expect(await contract.parent()).to.equal((await block(Number(await height()) - 1)).hash);
  });
  it("of an estimate is that of the block to come", async () => {
    const contract = await ethers.deployContract("Surroundings");
    const [to, number] = [(await latest()) + 7_777n, (await height()) + 1n];
    await time.setNextBlockTimestamp(to);
    await expect(contract.notBefore.estimateGas(to + 1n, number)).to.be.revertedWith("too early");
    await expect(contract.notBefore.estimateGas(to, number + 1n)).to.be.revertedWith("too early");
    expect(await contract.notBefore.estimateGas(to, number)).to.be.greaterThan(21_000n);
    await expect(contract.pass(to, number)).to.emit(contract, "Passed").withArgs(to, number);
  });
  it("of a pending call is that of the block to come", async () => {
    const contract = await ethers.deployContract("Surroundings");
    const to = (await latest()) + 7_777n;
    await time.setNextBlockTimestamp(to);
    expect(await contract.notBefore(to, (await height()) + 1n, { blockTag: "pending" })).to.equal(to);
  });
});

describe("snapshots", () => {
  const deployed = async () => ({ faults: await ethers.deployContract("Faults") });
  it("bring back state, height and time", async () => {
    const { faults } = await loadFixture(deployed);
    const [at, now, hash] = [await height(), await latest(), (await block()).hash];
    const snapshot = await networkHelpers.takeSnapshot();
    await faults.count();
    await time.increase(100n * DAY);
    await snapshot.restore();
    expect([await height(), await latest(), (await block()).hash, await faults.counter()]).to.deep.equal([at, now, hash, 0n]);
    await networkHelpers.mine();
    expect((await latest()) - now < 60n).to.equal(true);
  });
  it("are nested", async () => {
    const { faults } = await loadFixture(deployed);
    const outer = await networkHelpers.takeSnapshot();
    await faults.count();
    const inner = await networkHelpers.takeSnapshot();
    await faults.count();
    expect(await faults.counter()).to.equal(2n);
    await inner.restore();
    expect(await faults.counter()).to.equal(1n);
    await faults.count();
    await inner.restore();
    expect(await faults.counter()).to.equal(1n);
    await outer.restore();
    expect(await faults.counter()).to.equal(0n);
    await expect(inner.restore()).to.be.rejected;
  });
  it("of fixtures survive each other", async () => {
    const counted = async () => {
      const all = await loadFixture(deployed);
      await all.faults.count();
      return all;
    };
    for (let round = 0; round < 3; round += 1) {
      expect(await (await loadFixture(counted)).faults.counter()).to.equal(1n);
      expect(await (await loadFixture(deployed)).faults.counter()).to.equal(0n);
    }
  });
  it("bring back balances, nonces and code that were set", async () => {
    const snapshot = await networkHelpers.takeSnapshot();
    const before = await Promise.all([ethers.provider.getBalance(SOMEBODY), ethers.provider.getTransactionCount(SOMEBODY), ethers.provider.getCode(SOMEBODY)]);
    await networkHelpers.setBalance(SOMEBODY, 5n);
    await networkHelpers.setNonce(SOMEBODY, 7n);
    await networkHelpers.setCode(SOMEBODY, "0x00");
    expect(await ethers.provider.getTransactionCount(SOMEBODY)).to.equal(7);
    await snapshot.restore();
    expect(await Promise.all([ethers.provider.getBalance(SOMEBODY), ethers.provider.getTransactionCount(SOMEBODY), ethers.provider.getCode(SOMEBODY)])).to.deep.equal(before);
  });
  it("that never were are not restored", async () => {
    expect(await rpc("evm_revert", "0xffffff").catch(() => false)).to.equal(false);
  });
});

describe("blocks", () => {
  it("hold what waited for them", async () => {
    const [one, two] = await ethers.getSigners();
    const gasLimit = 21_000n;
    const receipts = await inOneBlock(
      () => one.sendTransaction({ to: two, value: 1n, gasLimit }),
      () => two.sendTransaction({ to: one, value: 1n, gasLimit }),
    );
    expect(receipts.map(({ status }) => status)).to.deep.equal([1, 1]);
    expect((await block()).transactions.length).to.equal(2);
  });
  it("are not made while nobody asks", async () => {
    const [one, two] = await ethers.getSigners();
    await rpc("evm_setAutomine", false);
    try {
      const [at, balance] = [await height(), await ethers.provider.getBalance(two)];
      const tx = await one.sendTransaction({ to: two, value: 11n, gasLimit: 21_000n });
      expect([await height(), await ethers.provider.getTransactionReceipt(tx.hash)]).to.deep.equal([at, null]);
      expect((await ethers.provider.getTransaction(tx.hash)).blockNumber).to.equal(null);
      expect(await ethers.provider.getTransactionCount(one, "pending")).to.equal((await ethers.provider.getTransactionCount(one)) + 1);
      expect(await ethers.provider.getBalance(two, "pending")).to.equal(balance + 11n);
      expect(await ethers.provider.getBalance(two)).to.equal(balance);
      const pending = await rpc("eth_getBlockByNumber", "pending", false);
      expect(pending.transactions).to.deep.equal([tx.hash]);
      // Hardhat's own network leaves it out
      if (pending.number !== null) expect(BigInt(pending.number)).to.equal(at + 1n);
      await networkHelpers.mine(2);
      expect((await ethers.provider.getTransactionReceipt(tx.hash)).blockNumber).to.equal(Number(at) + 1);
    } finally {
      await rpc("evm_setAutomine", true);
    }
  });
  it("let one transaction build on another that waits", async () => {
    const [owner] = await ethers.getSigners();
    const surroundings = await ethers.getContractFactory("Faults");
    await rpc("evm_setAutomine", false);
    try {
      const nonce = await owner.getNonce();
      const address = ethers.getCreateAddress({ from: owner.address, nonce });
      await surroundings.deploy();
      // estimated on what waits
      const counted = await (await ethers.getContractAt("Faults", address)).burnGas(3n);
      await networkHelpers.mine();
      expect((await ethers.provider.getTransactionReceipt(counted.hash)).status).to.equal(1);
      expect(await (await ethers.getContractAt("Faults", address)).counter()).to.equal(3n);
    } finally {
      await rpc("evm_setAutomine", true);
    }
  });
  it("do without what was dropped", async () => {
    const [one, two] = await ethers.getSigners();
    await rpc("evm_setAutomine", false);
    try {
      const tx = await one.sendTransaction({ to: two, value: 1n, gasLimit: 21_000n });
      await networkHelpers.dropTransaction(tx.hash);
      expect(await ethers.provider.getTransaction(tx.hash)).to.equal(null);
      await networkHelpers.mine();
      expect((await block()).transactions.length).to.equal(0);
    } finally {
      await rpc("evm_setAutomine", true);
    }
  });
  it("name their coinbase, their randomness and their fee", async () => {
    const snapshot = await networkHelpers.takeSnapshot();
    const contract = await ethers.deployContract("Surroundings");
    const random = 2n ** 255n + 12_345n;
    await networkHelpers.setCoinbase(COINBASE);
    await networkHelpers.setPrevRandao(random);
    await networkHelpers.setNextBlockBaseFeePerGas(1_000_000_007n);
    const receipt = await (await contract.see()).wait();
    const made = await block(receipt.blockNumber);
    expect(contract.interface.parseLog(receipt.logs[0]).args.toArray())
      .to.deep.equal([BigInt(made.number), BigInt(made.timestamp), COINBASE, random, 1_000_000_007n, made.gasLimit, 31_337n]);
    const { mixHash } = await rpc("eth_getBlockByNumber", ethers.toQuantity(made.number), false);
    expect([made.miner, BigInt(mixHash), made.baseFeePerGas]).to.deep.equal([COINBASE, random, 1_000_000_007n]);
    expect(receipt.gasPrice >= 1_000_000_007n).to.equal(true);
    await snapshot.restore();
  });
  it("charge a fee where one is set", async () => {
    const snapshot = await networkHelpers.takeSnapshot();
    const [one, two] = await ethers.getSigners();
    await networkHelpers.setNextBlockBaseFeePerGas(5_000_000_000n);
    const tx = one.sendTransaction({ to: two, value: 7n });
    await expect(tx).to.changeEtherBalance(ethers, one, -7n);
    const receipt = await (await tx).wait();
    await expect(tx).to.changeEtherBalance(ethers, one, -7n - receipt.fee, { includeFee: true });
    expect(receipt.fee >= 21_000n * 5_000_000_000n).to.equal(true);
    await snapshot.restore();
  });
  it("have the gas limit that is set", async () => {
    const snapshot = await networkHelpers.takeSnapshot();
    const faults = await ethers.deployContract("Faults");
    await networkHelpers.setBlockGasLimit(2_000_000n);
    await networkHelpers.mine();
    expect((await block()).gasLimit).to.equal(2_000_000n);
    await expect(faults.count({ gasLimit: 2_000_001n })).to.be.rejectedWith(/gas/i);
    await faults.count({ gasLimit: 2_000_000n });
    await snapshot.restore();
  });
  it("hold contracts of any size", async () => {
    const [owner] = await ethers.getSigners();
    for (const size of [24_576, 24_577, 60_000]) {
      // PUSH3 size, DUP1, PUSH1 0, MSTORE8 …: returns as many bytes 00
      const code = ethers.concat(["0x62", ethers.toBeHex(size, 3), "0x5f", "0xf3"]);
      const tx = await owner.sendTransaction({ data: code, gasLimit: 16_000_000n });
      const receipt = await ethers.provider.getTransactionReceipt(tx.hash);
      expect(receipt.status).to.equal(1);
      expect(ethers.dataLength(await ethers.provider.getCode(receipt.contractAddress))).to.equal(size);
    }
  });
});

describe("hashes of blocks", () => {
  const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
  const hashes = async () => ({ contract: await ethers.deployContract("Surroundings"), start: await block() });
  let all;
  beforeEach(async () => (all = await loadFixture(hashes)));
  const after = async (blocks) => {
    await networkHelpers.mineUpTo(all.start.number + blocks);
    return all.contract.hashOf(all.start.number);
  };
  // Hardhat's own network does not have the contract of EIP-2935
  const NEAR = connection.networkName === "own" ? [] : [[1, true, true], [255, true, true], [256, true, true], [257, false, true]];
  // anvil needs minutes for going back so far
  const KEPT = NEAR.length === 0 || process.env.HEQI_TARGET === "anvil" ? NEAR : [...NEAR, [8_191, false, true], [8_201, false, false]];
  for (const [blocks, seen, kept] of KEPT) {
    it(`are ${seen ? "seen" : "not seen"} and ${kept ? "kept" : "not kept"} ${blocks} blocks later`, async () => {
      const hash = (known) => (known ? all.start.hash : ethers.ZeroHash);
      expect(await after(blocks)).to.deep.equal([hash(seen), hash(kept)]);
    });
  }
  for (const [blocks, seen] of [[1, true], [256, true], [257, false]]) {
    it(`are ${seen ? "seen" : "not seen"} ${blocks} blocks later without the contract that keeps them`, async () => {
      await networkHelpers.setCode(HISTORY, "0x");
      const hash = seen ? all.start.hash : ethers.ZeroHash;
      expect(await after(blocks)).to.deep.equal([hash, hash]);
    });
  }
  it("of the future are not known", async () => {
    expect((await all.contract.hashOf(all.start.number + 10))[0]).to.equal(ethers.ZeroHash);
  });
  if (NODE_SIGNS && KEPT.length > 0) {
    it("are kept for who calls as the chain itself does", async () => {
      const system = await impersonated("0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE");
      await system.sendTransaction({ to: HISTORY, data: all.start.hash });
      expect(await after(200)).to.deep.equal([all.start.hash, all.start.hash]);
    });
  }
});

describe("values that are set", () => {
  it("are seen at once", async () => {
    await networkHelpers.setBalance(SOMEBODY, 2n ** 200n);
    expect(await ethers.provider.getBalance(SOMEBODY)).to.equal(2n ** 200n);
    await networkHelpers.setBalance(SOMEBODY, 0n);
    expect(await ethers.provider.getBalance(SOMEBODY)).to.equal(0n);
    const faults = await ethers.deployContract("Faults");
    await networkHelpers.setStorageAt(faults.target, 1, 99n);
    expect(await faults.counter()).to.equal(99n);
    expect(await networkHelpers.getStorageAt(faults.target, 1)).to.equal(ethers.toBeHex(99n, 32));
  });
  it("do not go back for nonces", async () => {
    await networkHelpers.setNonce(SOMEBODY, 77n);
    expect(await ethers.provider.getTransactionCount(SOMEBODY)).to.equal(77);
  });
});

if (NODE_SIGNS) {
  describe("impersonation", () => {
    it("sends without a key", async () => {
      const signer = await impersonated(SOMEBODY);
      const [, to] = await ethers.getSigners();
      await expect(signer.sendTransaction({ to, value: 9n })).to.changeEtherBalances(ethers, [signer, to], [-9n, 9n]);
      const faults = await ethers.deployContract("Faults", signer);
      expect((await faults.deploymentTransaction().wait()).from).to.equal(SOMEBODY);
      await networkHelpers.stopImpersonatingAccount(SOMEBODY);
      await expect(signer.sendTransaction({ to, value: 9n })).to.be.rejectedWith(/unknown account|No Signer|sender/i);
    });
    it("sends from contracts", async () => {
      const token = await ethers.deployContract("VotesToken");
      const vault = await ethers.deployContract("Shares", [token]);
      await token.mint(vault, 50n);
      const signer = await impersonated(vault);
      const [, to] = await ethers.getSigners();
      await expect(token.connect(signer).transfer(to, 20n)).to.changeTokenBalances(ethers, token, [vault, to], [-20n, 20n]);
      await expect(token.connect(signer).transfer(to, 31n)).to.be.revertedWithCustomError(token, "ERC20InsufficientBalance").withArgs(vault, 30n, 31n);
    });
  });
}
