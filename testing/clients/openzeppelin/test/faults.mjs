// Every way in which a call fails, as a call, as an estimate, and in a block.
import { MAX, ethers, expect, loadFixture, rpc } from "../support.mjs";

const STATIC = "staticCall", ESTIMATED = "send", MINED = "send with a gas limit";
const GAS = { gasLimit: 500_000n };

describe("faults", () => {
  const faulty = async () => {
    const [owner, other] = await ethers.getSigners();
    const faults = await ethers.deployContract("Faults");
    const caller = await ethers.deployContract("Caller");
    return { owner, other, faults, caller };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(faulty)));
  const ways = {
    [STATIC]: (name, args) => all.faults[name].staticCall(...args),
    [ESTIMATED]: (name, args) => all.faults[name].send(...args),
    [MINED]: (name, args) => all.faults[name].send(...args, GAS),
  };
  const point = { x: 1n, y: -1n };
  const reverts = [
    ["plain", [], (tx) => expect(tx).to.be.revertedWithCustomError(all.faults, "Plain").withArgs()],
    ["numbers", [MAX, -1n], (tx) => expect(tx).to.be.revertedWithCustomError(all.faults, "Numbers").withArgs(MAX, -1n)],
    ["nested", [point, [1n, 2n], "text ✓", "0x0102"],
      (tx) => expect(tx).to.be.revertedWithCustomError(all.faults, "Nested").withArgs([1n, -1n], [1n, 2n], "text ✓", "0x0102")],
    ["reason", ["why not"], (tx) => expect(tx).to.be.revertedWith("why not")],
    ["reason", [""], (tx) => expect(tx).to.be.revertedWith("")],
    ["reason", ["理由 \u0001".repeat(300)], (tx) => expect(tx).to.be.revertedWith("理由 \u0001".repeat(300))],
    ["silent", [], (tx) => expect(tx).to.be.revertedWithoutReason(ethers)],
    ["fails", [true], (tx) => expect(tx).to.be.revertedWith("condition")],
    ["checkFails", [], (tx) => expect(tx).to.be.revertedWithPanic(0x01)],
    ["overflow", [1n], (tx) => expect(tx).to.be.revertedWithPanic(0x11)],
    ["divide", [0n], (tx) => expect(tx).to.be.revertedWithPanic(0x12)],
    ["toChoice", [2n], (tx) => expect(tx).to.be.revertedWithPanic(0x21)],
    ["pop", [], (tx) => expect(tx).to.be.revertedWithPanic(0x31)],
    ["item", [0n], (tx) => expect(tx).to.be.revertedWithPanic(0x32)],
    ["allocate", [], (tx) => expect(tx).to.be.revertedWithPanic(0x41)],
  ];
  for (const [name, args, check] of reverts) {
    for (const way of Object.keys(ways)) {
      it(`${name}(${args.length === 0 ? "" : "…"}) by ${way}`, () => check(ways[way](name, args)));
    }
  }
  for (const way of [STATIC, ESTIMATED, MINED]) {
    it(`an invalid instruction by ${way}`, () => expect(ways[way]("invalid", [])).to.be.revert(ethers));
  }
  it("no more gas in a block", async () => {
    const { faults } = all;
    // Hardhat's own network throws what the transaction came to
    await faults.exhaust(GAS).catch(() => undefined);
    const receipt = await ethers.provider.getTransactionReceipt((await ethers.provider.getBlock("latest")).transactions[0]);
    expect([receipt.status, receipt.gasUsed]).to.deep.equal([0, GAS.gasLimit]);
    expect(await faults.counter()).to.equal(0n);
    await expect(faults.exhaust(GAS)).to.be.revert(ethers);
  });
  it("no more gas in a call", async () => {
    await expect(all.faults.exhaust.staticCall(GAS)).to.be.rejected;
  });

  it("stand in a block where they have a gas limit", async () => {
    const { faults, owner } = all;
    const [nonce, height] = [await owner.getNonce(), await ethers.provider.getBlockNumber()];
    const tx = await faults.plain.send(GAS).catch((error) => error);
    const receipt = (await ethers.provider.getBlock("latest", true)).getPrefetchedTransaction(0);
    expect([await owner.getNonce(), await ethers.provider.getBlockNumber()]).to.deep.equal([nonce + 1, height + 1]);
    const mined = await ethers.provider.getTransactionReceipt(receipt.hash);
    expect([mined.status, mined.logs.length, mined.from]).to.deep.equal([0, 0, owner.address]);
    expect(mined.gasUsed).to.be.lessThan(GAS.gasLimit);
    if (!(tx instanceof Error)) await expect(tx.wait()).to.be.rejectedWith(/reverted/);
  });
  it("stand in no block where they have none", async () => {
    const { faults, owner } = all;
    const [nonce, height] = [await owner.getNonce(), await ethers.provider.getBlockNumber()];
    await expect(faults.plain.send()).to.be.revertedWithCustomError(faults, "Plain");
    expect([await owner.getNonce(), await ethers.provider.getBlockNumber()]).to.deep.equal([nonce, height]);
  });
  it("carry their bytes in the error", async () => {
    const { faults, owner } = all;
    const data = faults.interface.encodeFunctionData("numbers", [7n, -7n]);
    const expected = faults.interface.encodeErrorResult("Numbers", [7n, -7n]);
    for (const method of ["eth_call", "eth_estimateGas", "eth_sendTransaction"]) {
      const error = await rpc(method, { from: owner.address, to: faults.target, data }).catch((caught) => caught);
      const carried = typeof error.data === "string" ? error.data : error.data?.data;
      expect([method, carried]).to.deep.equal([method, expected]);
      expect(error.message).to.match(/revert/i);
    }
  });
  it("are seen in a trace", async () => {
    const { faults } = all;
    const tx = await faults.count();
    const trace = await rpc("debug_traceTransaction", tx.hash, {});
    expect(trace.failed).to.equal(false);
    expect(trace.structLogs.filter(({ op }) => op === "SSTORE").length).to.equal(1);
    const { gasUsed } = await tx.wait();
    expect(BigInt(trace.gas)).to.equal(gasUsed);
  });

  describe("through OpenZeppelin's Address", () => {
    const data = (name, ...args) => all.faults.interface.encodeFunctionData(name, args);
    it("return what a call returns", async () => {
      const { caller, faults } = all;
      await expect(caller.call(faults, data("divide", 1n), 0n)).to.emit(caller, "Returned").withArgs(ethers.toBeHex(1n, 32));
      expect(await caller.look(faults, data("counter"))).to.equal(ethers.toBeHex(0n, 32));
    });
    for (const [name, args, check] of [
      ["plain", [], (tx) => expect(tx).to.be.revertedWithCustomError(all.faults, "Plain")],
      ["reason", ["inner"], (tx) => expect(tx).to.be.revertedWith("inner")],
      ["checkFails", [], (tx) => expect(tx).to.be.revertedWithPanic(1)],
      ["silent", [], (tx) => expect(tx).to.be.revertedWithCustomError(all.caller, "FailedCall")],
      ["invalid", [], (tx) => expect(tx).to.be.revertedWithCustomError(all.caller, "FailedCall")],
    ]) {
      it(`bubble up ${name}`, () => check(all.caller.call(all.faults, data(name, ...args), 0n)));
      it(`bubble up ${name} in a view`, () => check(all.caller.look(all.faults, data(name, ...args))));
    }
    it("run out of gas inside", async () => {
      const { caller, faults } = all;
      await expect(caller.call(faults, data("exhaust"), 0n, { gasLimit: 200_000n })).to.be.revertedWithCustomError(caller, "FailedCall");
    });
    it("need code to be called", async () => {
      const { caller, other } = all;
      await expect(caller.call(other, "0x12345678", 0n)).to.be.revertedWithCustomError(caller, "AddressEmptyCode").withArgs(other);
    });
    it("need ether to be sent", async () => {
      const { caller, other, owner, faults } = all;
      await expect(caller.send(other, 5n)).to.be.revertedWithCustomError(caller, "InsufficientBalance").withArgs(0n, 5n);
      await expect(caller.send(other, 5n, { value: 8n })).to.changeEtherBalances(ethers, [owner, caller, other], [-8n, 3n, 5n]);
      await expect(caller.send(faults, 3n)).to.be.revertedWithCustomError(caller, "FailedCall");
      await expect(caller.call(faults, data("fails", false), 2n)).to.changeEtherBalances(ethers, [caller, faults], [-2n, 2n]);
      expect(await faults.counter()).to.equal(2n);
    });
  });
});

describe("coming back while it is paid", () => {
  for (const [kind, guarded] of [["Purse", true], ["TransientPurse", true], ["Purse", false]]) {
    it(guarded ? `is stopped by ${kind}` : "empties what is not guarded", async () => {
      const [owner] = await ethers.getSigners();
      const purse = await ethers.deployContract(kind);
      const thief = await ethers.deployContract("Thief", [purse], { value: 10n });
      await purse.put({ value: 100n });
      const method = purse.interface.getFunction(guarded ? "take" : "takeUnguarded").selector;
      const steal = thief.steal(method, 3n);
      if (guarded) {
        await expect(steal).to.be.revertedWithCustomError(purse, "ReentrancyGuardReentrantCall");
        await thief.steal(method, 0n);
        expect(await ethers.provider.getBalance(thief)).to.equal(10n);
        await expect(purse.take()).to.changeEtherBalances(ethers, [owner, purse], [100n, -100n]);
      } else {
        await expect(steal).to.changeEtherBalances(ethers, [thief, purse], [30n, -30n]);
      }
    });
  }
});
