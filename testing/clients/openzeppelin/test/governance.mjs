// A governor with a timelock, by blocks and by time.
import { CLOCKS, DAY, domainOf, ethers, expect, height, impersonated, latest, loadFixture, NODE_SIGNS, networkHelpers, rpc, time } from "../support.mjs";

const VOTING_DELAY = 4n, VOTING_PERIOD = 16n, LOCK = 3_600n, SUPPLY = ethers.parseEther("100");
const State = { Pending: 0n, Active: 1n, Canceled: 2n, Defeated: 3n, Succeeded: 4n, Queued: 5n, Expired: 6n, Executed: 7n };
const Vote = { Against: 0n, For: 1n, Abstain: 2n };
const Ballot = [
  { name: "proposalId", type: "uint256" }, { name: "support", type: "uint8" },
  { name: "voter", type: "address" }, { name: "nonce", type: "uint256" },
];
const ExtendedBallot = [...Ballot, { name: "reason", type: "string" }, { name: "params", type: "bytes" }];
const states = (...list) => ethers.toBeHex(list.reduce((map, one) => map | (1n << one), 0n), 32);

/** A proposal as its calls need it. */
class Proposal {
  constructor(governor, calls, description) {
    this.governor = governor;
    this.description = description;
    this.calls = [calls.map(({ target }) => target), calls.map(({ value }) => value ?? 0n), calls.map(({ data }) => data ?? "0x")];
    this.short = [...this.calls, ethers.id(description)];
    this.id = BigInt(ethers.keccak256(ethers.AbiCoder.defaultAbiCoder().encode(["address[]", "uint256[]", "bytes[]", "bytes32"], this.short)));
  }

  propose = () => this.governor.propose(...this.calls, this.description);
  vote = (voter, support) => this.governor.connect(voter).castVote(this.id, support);
  queue = () => this.governor.queue(...this.short);
  execute = (more = {}) => this.governor.execute(...this.short, more);
  cancel = () => this.governor.cancel(...this.short);
  state = () => this.governor.state(this.id);
}

for (const [mode, clock] of Object.entries(CLOCKS)) {
  const assembly = async () => {
    const [admin, one, two, three, four, stranger] = await ethers.getSigners();
    const token = await ethers.deployContract(clock.token);
    const timelock = await ethers.deployContract("TimelockController", [LOCK, [], [], admin]);
    const governor = await ethers.deployContract("Assembly", [token, timelock, VOTING_DELAY, VOTING_PERIOD, 0n]);
    for (const role of ["PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"]) await timelock.grantRole(await timelock[role](), governor);
    const target = await ethers.deployContract("Target");
    await admin.sendTransaction({ to: timelock, value: ethers.parseEther("1") });
    for (const [voter, votes] of [[one, "10"], [two, "7"], [three, "5"], [four, "2"]]) {
      await token.mint(voter, ethers.parseEther(votes));
      await token.connect(voter).delegate(voter);
    }
    await token.mint(admin, SUPPLY - ethers.parseEther("24"));
    const call = { target: target.target, value: 5n, data: target.interface.encodeFunctionData("set", [77n]) };
    const proposal = new Proposal(governor, [call], "<set 77>");
    return { admin, one, two, three, four, stranger, token, timelock, governor, target, proposal };
  };
  const snapshot = async ({ governor, proposal }, offset = 0n) => clock.to((await governor.proposalSnapshot(proposal.id)) + offset);
  const deadline = async ({ governor, proposal }, offset = 0n) => clock.to((await governor.proposalDeadline(proposal.id)) + offset);
  const eta = async ({ governor, proposal }, offset = 0n) => time.increaseTo((await governor.proposalEta(proposal.id)) + offset);
  const passed = async (all) => {
    await all.proposal.propose();
    await snapshot(all, 1n);
    await all.proposal.vote(all.one, Vote.For);
    await deadline(all, 1n);
  };

  describe(`governor by ${mode}`, () => {
    let all;
    beforeEach(async () => (all = await loadFixture(assembly)));
    const stateIs = async (state) => expect(await all.proposal.state()).to.equal(state);

    it("is set up", async () => {
      const { governor, token, timelock } = all;
      expect(await governor.votingDelay()).to.equal(VOTING_DELAY);
      expect(await governor.votingPeriod()).to.equal(VOTING_PERIOD);
      expect(await governor.token()).to.equal(token.target);
      expect(await governor.timelock()).to.equal(timelock.target);
      expect(await governor.COUNTING_MODE()).to.equal("support=bravo&quorum=for,abstain");
      expect(await governor.CLOCK_MODE()).to.equal(clock.mode);
      expect(await governor.clock()).to.equal(await clock.now());
    });

    it("goes all the way", async () => {
      const { governor, proposal, one, two, three, four, target, timelock, admin } = all;
      const proposed = await proposal.propose();
      const { blockNumber } = await proposed.wait();
      const now = mode === "blocks" ? BigInt(blockNumber) : BigInt((await ethers.provider.getBlock(blockNumber)).timestamp);
      await expect(proposed).to.emit(governor, "ProposalCreated").withArgs(
        proposal.id, admin, proposal.calls[0], proposal.calls[1], [""], proposal.calls[2],
        now + VOTING_DELAY, now + VOTING_DELAY + VOTING_PERIOD, proposal.description,
      );
      expect(await governor.proposalProposer(proposal.id)).to.equal(admin.address);
      await snapshot(all, 1n);
      await expect(governor.connect(one).castVoteWithReason(proposal.id, Vote.For, "good"))
        .to.emit(governor, "VoteCast").withArgs(one, proposal.id, Vote.For, ethers.parseEther("10"), "good");
      await expect(proposal.vote(two, Vote.For)).to.emit(governor, "VoteCast").withArgs(two, proposal.id, Vote.For, ethers.parseEther("7"), "");
      await expect(proposal.vote(three, Vote.Against)).to.emit(governor, "VoteCast");
      await expect(governor.connect(four).castVoteWithReasonAndParams(proposal.id, Vote.Abstain, "x", "0x1234"))
        .to.emit(governor, "VoteCastWithParams").withArgs(four, proposal.id, Vote.Abstain, ethers.parseEther("2"), "x", "0x1234");
      expect(await governor.proposalVotes(proposal.id)).to.deep.equal(["5", "17", "2"].map((count) => ethers.parseEther(count)));
      await deadline(all, 1n);
      await expect(proposal.queue()).to.emit(governor, "ProposalQueued").and.to.emit(timelock, "CallScheduled");
      expect(await governor.proposalEta(proposal.id)).to.equal((await latest()) + LOCK);
      await eta(all);
      const executed = proposal.execute();
      await expect(executed).to.emit(governor, "ProposalExecuted").withArgs(proposal.id);
      await expect(executed).to.emit(timelock, "CallExecuted");
      await expect(executed).to.emit(target, "Called").withArgs(timelock, 5n, 77n);
      await expect(executed).to.changeEtherBalances(ethers, [timelock, target], [-5n, 5n]);
      expect(await target.number()).to.equal(77n);
      await stateIs(State.Executed);
    });

    it("has each state at its time", async () => {
      const { proposal, governor, one } = all;
      await expect(proposal.state()).to.be.revertedWithCustomError(governor, "GovernorNonexistentProposal").withArgs(proposal.id);
      await proposal.propose();
      await stateIs(State.Pending);
      await snapshot(all);
      await stateIs(State.Pending);
      await snapshot(all, 1n);
      await stateIs(State.Active);
      await proposal.vote(one, Vote.For);
      await deadline(all);
      await stateIs(State.Active);
      await deadline(all, 1n);
      await stateIs(State.Succeeded);
      await proposal.queue();
      await stateIs(State.Queued);
      await eta(all);
      await stateIs(State.Queued);
      await proposal.execute();
      await stateIs(State.Executed);
    });

    it("is defeated without a quorum", async () => {
      const { proposal, governor, three } = all;
      await proposal.propose();
      await snapshot(all, 1n);
      await proposal.vote(three, Vote.For);
      await deadline(all, 1n);
      await stateIs(State.Defeated);
      await expect(proposal.queue()).to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState")
        .withArgs(proposal.id, State.Defeated, states(State.Succeeded));
    });

    it("is defeated by more votes against", async () => {
      const { one, two, proposal } = all;
      await proposal.propose();
      await snapshot(all, 1n);
      await proposal.vote(one, Vote.Against);
      await proposal.vote(two, Vote.For);
      await deadline(all, 1n);
      await stateIs(State.Defeated);
    });

    it("counts what there was at the snapshot", async () => {
      const { proposal, governor, token, one, stranger } = all;
      await token.connect(stranger).delegate(stranger);
      await proposal.propose();
      await snapshot(all, 1n);
      await token.connect(one).transfer(stranger, ethers.parseEther("10"));
      await expect(proposal.vote(stranger, Vote.For)).to.emit(governor, "VoteCast").withArgs(stranger, proposal.id, Vote.For, 0n, "");
      await expect(proposal.vote(one, Vote.For)).to.emit(governor, "VoteCast").withArgs(one, proposal.id, Vote.For, ethers.parseEther("10"), "");
    });

    describe("refuses", () => {
      it("the same proposal twice", async () => {
        const { proposal, governor } = all;
        await proposal.propose();
        await expect(proposal.propose()).to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState")
          .withArgs(proposal.id, State.Pending, ethers.ZeroHash);
      });
      it("lists of different lengths", async () => {
        const { governor, target } = all;
        await expect(governor.propose([target], [], ["0x"], "x"))
          .to.be.revertedWithCustomError(governor, "GovernorInvalidProposalLength").withArgs(1n, 1n, 0n);
      });
      it("votes before and after", async () => {
        const { proposal, governor, one } = all;
        await proposal.propose();
        const early = proposal.vote(one, Vote.For);
        await expect(early).to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState")
          .withArgs(proposal.id, State.Pending, states(State.Active));
        await deadline(all, 1n);
        await expect(proposal.vote(one, Vote.For)).to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState")
          .withArgs(proposal.id, State.Defeated, states(State.Active));
      });
      it("a second vote", async () => {
        const { proposal, governor, one } = all;
        await proposal.propose();
        await snapshot(all, 1n);
        await proposal.vote(one, Vote.For);
        await expect(proposal.vote(one, Vote.For)).to.be.revertedWithCustomError(governor, "GovernorAlreadyCastVote").withArgs(one);
      });
      it("a vote for nothing known", async () => {
        const { proposal, governor, one } = all;
        await proposal.propose();
        await snapshot(all, 1n);
        await expect(proposal.vote(one, 255n)).to.be.revertedWithCustomError(governor, "GovernorInvalidVoteType");
      });
      it("execution before the lock opens", async () => {
        const { proposal, timelock } = all;
        await passed(all);
        await proposal.queue();
        await eta(all, -5n);
        await expect(proposal.execute()).to.be.revertedWithCustomError(timelock, "TimelockUnexpectedOperationState");
      });
      it("execution twice", async () => {
        const { proposal, governor } = all;
        await passed(all);
        await proposal.queue();
        await eta(all);
        await proposal.execute();
        await expect(proposal.execute()).to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState")
          .withArgs(proposal.id, State.Executed, states(State.Queued));
      });
      it("its own settings to strangers", async () => {
        const { governor, stranger } = all;
        await expect(governor.connect(stranger).setVotingDelay(1n)).to.be.revertedWithCustomError(governor, "GovernorOnlyExecutor").withArgs(stranger);
        await expect(governor.connect(stranger).relay(stranger, 0n, "0x")).to.be.revertedWithCustomError(governor, "GovernorOnlyExecutor").withArgs(stranger);
      });
      it("ether", async () => {
        const { governor, admin } = all;
        await expect(admin.sendTransaction({ to: governor, value: 1n })).to.be.revertedWithCustomError(governor, "GovernorDisabledDeposit");
      });
    });

    // in the very second, without a block in between: what is sent has to be tried in the block to come
    it("opens the lock in the second that was said", async () => {
      const { proposal, timelock } = all;
      await passed(all);
      await proposal.queue();
      const opens = await all.governor.proposalEta(proposal.id);
      await time.setNextBlockTimestamp(opens - 1n);
      await expect(proposal.execute()).to.be.revertedWithCustomError(timelock, "TimelockUnexpectedOperationState");
      await time.setNextBlockTimestamp(opens);
      await expect(proposal.execute()).to.emit(timelock, "CallExecuted");
      expect(await latest()).to.equal(opens);
    });

    it("is canceled by its proposer while it is pending", async () => {
      const { proposal, governor, stranger, admin } = all;
      await proposal.propose();
      await expect(governor.connect(stranger).cancel(...proposal.short))
        .to.be.revertedWithCustomError(governor, "GovernorUnableToCancel").withArgs(proposal.id, stranger);
      await expect(proposal.cancel()).to.emit(governor, "ProposalCanceled").withArgs(proposal.id);
      await stateIs(State.Canceled);
      await snapshot(all, 1n);
      await expect(proposal.vote(admin, Vote.For)).to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState");
    });

    it("is canceled in the timelock", async () => {
      const { proposal, timelock, admin } = all;
      await passed(all);
      await proposal.queue();
      const salt = ethers.toBeHex((BigInt(all.governor.target) << 96n) ^ BigInt(proposal.short[3]), 32);
      const id = await timelock.hashOperationBatch(...proposal.calls, ethers.ZeroHash, salt);
      expect(await timelock.getOperationState(id)).to.equal(1n);
      await timelock.grantRole(await timelock.CANCELLER_ROLE(), admin);
      await expect(timelock.cancel(id)).to.emit(timelock, "Cancelled").withArgs(id);
      await stateIs(State.Canceled);
    });

    for (const [name, args, check] of [
      ["fails", [9n], (tx, { target }) => expect(tx).to.be.revertedWithCustomError(target, "Fails").withArgs(9n)],
      ["failsWithReason", [], (tx) => expect(tx).to.be.revertedWith("target: reverting")],
      ["failsSilently", [], (tx, { timelock }) => expect(tx).to.be.revertedWithCustomError(timelock, "FailedCall")],
      ["panics", [0n], (tx) => expect(tx).to.be.revertedWithPanic(0x12)],
    ]) {
      it(`passes on how its target ${name}`, async () => {
        const { governor, target } = all;
        const data = target.interface.encodeFunctionData(name, args);
        all.proposal = new Proposal(governor, [{ target: target.target, data }], name);
        await passed(all);
        await all.proposal.queue();
        await eta(all);
        await check(all.proposal.execute(), all);
        await stateIs(State.Queued);
      });
    }

    for (const setting of ["setVotingDelay", "setVotingPeriod", "setProposalThreshold"]) {
      it(`changes itself by ${setting}`, async () => {
        const { governor } = all;
        const data = governor.interface.encodeFunctionData(setting, [3n]);
        all.proposal = new Proposal(governor, [{ target: governor.target, data }], setting);
        await passed(all);
        await all.proposal.queue();
        await eta(all);
        const event = `${setting.slice(3)}Set`.replace("SetSet", "Set");
        await expect(all.proposal.execute()).to.emit(governor, event);
      });
    }

    it("takes votes by signature", async () => {
      const { governor, proposal, one, stranger } = all;
      await proposal.propose();
      await snapshot(all, 1n);
      const domain = await domainOf(governor);
      const message = { proposalId: proposal.id, support: Vote.For, voter: one.address, nonce: await governor.nonces(one) };
      const signature = await one.signTypedData(domain, { Ballot }, message);
      await expect(governor.connect(stranger).castVoteBySig(proposal.id, Vote.For, one, signature))
        .to.emit(governor, "VoteCast").withArgs(one, proposal.id, Vote.For, ethers.parseEther("10"), "");
      await expect(governor.castVoteBySig(proposal.id, Vote.For, one, signature))
        .to.be.revertedWithCustomError(governor, "GovernorInvalidSignature").withArgs(one);
    });

    it("takes votes with words and parameters by signature", async () => {
      const { governor, proposal, two, stranger } = all;
      await proposal.propose();
      await snapshot(all, 1n);
      const domain = await domainOf(governor);
      const message = { proposalId: proposal.id, support: Vote.Abstain, voter: two.address, nonce: 0n, reason: "因为 ✓ \" \n", params: "0xdeadbeef" };
      const signature = await two.signTypedData(domain, { ExtendedBallot }, message);
      const send = (reason) => governor.connect(stranger)
        .castVoteWithReasonAndParamsBySig(proposal.id, Vote.Abstain, two, reason, "0xdeadbeef", signature);
      await expect(send("another")).to.be.revertedWithCustomError(governor, "GovernorInvalidSignature").withArgs(two);
      await expect(send(message.reason)).to.emit(governor, "VoteCastWithParams")
        .withArgs(two, proposal.id, Vote.Abstain, ethers.parseEther("7"), message.reason, "0xdeadbeef");
    });

    if (NODE_SIGNS) {
      it("obeys its timelock, which has no key", async () => {
        const { governor, timelock } = all;
        const signer = await impersonated(timelock);
        await expect(governor.connect(signer).setVotingDelay(9n)).to.be.revert(ethers);
        await expect(governor.connect(signer).updateTimelock(timelock)).to.be.revert(ethers);
        expect(await ethers.provider.getTransactionCount(timelock)).to.equal(1);
        await rpc("hardhat_stopImpersonatingAccount", timelock.target);
        await expect(governor.connect(signer).setVotingDelay(9n)).to.be.rejected;
      });
    }

    it("waits for as many blocks as it takes", async () => {
      const { proposal } = all;
      await proposal.propose();
      const before = await height();
      await networkHelpers.mine(1_000);
      expect(await height()).to.equal(before + 1_000n);
      await time.increase(30n * DAY);
      await stateIs(State.Defeated);
    });
  });
}

describe("timelock", () => {
  const DELAY = 2n * DAY;
  const controller = async () => {
    const [admin, proposer, canceller, executor, other] = await ethers.getSigners();
    const timelock = await ethers.deployContract("TimelockController", [DELAY, [proposer], [executor], admin]);
    await timelock.grantRole(await timelock.CANCELLER_ROLE(), canceller);
    const target = await ethers.deployContract("Target");
    return { admin, proposer, canceller, executor, other, timelock, target };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(controller)));
  const operation = (number, predecessor = ethers.ZeroHash, salt = ethers.id("salt")) => {
    const { target, timelock } = all;
    const data = target.interface.encodeFunctionData("set", [number]);
    const call = [target.target, 0n, data, predecessor, salt];
    return { call, data, id: () => timelock.hashOperation(...call) };
  };

  it("schedules, waits and executes", async () => {
    const { timelock, proposer, executor, target } = all;
    const { call, id, data } = operation(5n);
    const scheduled = await timelock.connect(proposer).schedule(...call, DELAY);
    await expect(scheduled).to.emit(timelock, "CallScheduled").withArgs(await id(), 0n, target, 0n, data, ethers.ZeroHash, DELAY);
    await expect(scheduled).to.emit(timelock, "CallSalt").withArgs(await id(), ethers.id("salt"));
    const ready = (await latest()) + DELAY;
    expect(await timelock.getTimestamp(await id())).to.equal(ready);
    expect(await timelock.isOperationPending(await id())).to.equal(true);
    expect(await timelock.isOperationReady(await id())).to.equal(false);
    await time.increaseTo(ready - 2n);
    await expect(timelock.connect(executor).execute(...call)).to.be.revertedWithCustomError(timelock, "TimelockUnexpectedOperationState")
      .withArgs(await id(), ethers.toBeHex(1n << 2n, 32));
    await time.increaseTo(ready);
    expect(await timelock.isOperationReady(await id())).to.equal(true);
    await expect(timelock.connect(executor).execute(...call)).to.emit(timelock, "CallExecuted").withArgs(await id(), 0n, target, 0n, data);
    expect(await timelock.isOperationDone(await id())).to.equal(true);
    expect(await target.number()).to.equal(5n);
  });
  it("refuses whom it does not know", async () => {
    const { timelock, other } = all;
    const { call } = operation(5n);
    const refused = async (tx, role) => expect(tx).to.be.revertedWithCustomError(timelock, "AccessControlUnauthorizedAccount")
      .withArgs(other, await timelock[role]());
    await refused(timelock.connect(other).schedule(...call, DELAY), "PROPOSER_ROLE");
    await refused(timelock.connect(other).execute(...call), "EXECUTOR_ROLE");
    await refused(timelock.connect(other).cancel(ethers.ZeroHash), "CANCELLER_ROLE");
  });
  it("refuses shorter delays", async () => {
    const { timelock, proposer } = all;
    await expect(timelock.connect(proposer).schedule(...operation(1n).call, DELAY - 1n))
      .to.be.revertedWithCustomError(timelock, "TimelockInsufficientDelay").withArgs(DELAY - 1n, DELAY);
  });
  it("keeps an order", async () => {
    const { timelock, proposer, executor, target } = all;
    const first = operation(1n);
    const second = operation(2n, await first.id());
    await timelock.connect(proposer).schedule(...first.call, DELAY);
    await timelock.connect(proposer).schedule(...second.call, DELAY);
    await time.increase(DELAY + 10n);
    await expect(timelock.connect(executor).execute(...second.call))
      .to.be.revertedWithCustomError(timelock, "TimelockUnexecutedPredecessor").withArgs(await first.id());
    await timelock.connect(executor).execute(...first.call);
    await timelock.connect(executor).execute(...second.call);
    expect(await target.number()).to.equal(2n);
  });
  it("cancels", async () => {
    const { timelock, proposer, canceller, executor } = all;
    const { call, id } = operation(1n);
    await timelock.connect(proposer).schedule(...call, DELAY);
    await expect(timelock.connect(canceller).cancel(await id())).to.emit(timelock, "Cancelled").withArgs(await id());
    await time.increase(DELAY);
    await expect(timelock.connect(executor).execute(...call)).to.be.revertedWithCustomError(timelock, "TimelockUnexpectedOperationState");
    expect(await timelock.getOperationState(await id())).to.equal(0n);
  });
  it("takes several calls as one", async () => {
    const { timelock, proposer, executor, target, admin } = all;
    await admin.sendTransaction({ to: timelock, value: 10n });
    const set = (number) => target.interface.encodeFunctionData("set", [number]);
    const batch = [[target, target, target], [1n, 2n, 3n], [set(1n), set(2n), set(3n)], ethers.ZeroHash, ethers.ZeroHash];
    await timelock.connect(proposer).scheduleBatch(...batch, DELAY);
    await time.increase(DELAY);
    const tx = timelock.connect(executor).executeBatch(...batch);
    await expect(tx).to.changeEtherBalances(ethers, [timelock, target], [-6n, 6n]);
    for (const number of [1n, 2n, 3n]) await expect(tx).to.emit(target, "Called").withArgs(timelock, number, number);
  });
  it("takes several calls or none", async () => {
    const { timelock, proposer, executor, target } = all;
    const data = [target.interface.encodeFunctionData("set", [1n]), target.interface.encodeFunctionData("fails", [4n])];
    const batch = [[target, target], [0n, 0n], data, ethers.ZeroHash, ethers.ZeroHash];
    await timelock.connect(proposer).scheduleBatch(...batch, DELAY);
    await time.increase(DELAY);
    await expect(timelock.connect(executor).executeBatch(...batch)).to.be.revertedWithCustomError(target, "Fails").withArgs(4n);
    expect(await target.number()).to.equal(0n);
  });
  it("runs out of gas with its target", async () => {
    const { timelock, proposer, executor, target } = all;
    const call = [target, 0n, target.interface.encodeFunctionData("spends"), ethers.ZeroHash, ethers.ZeroHash];
    await timelock.connect(proposer).schedule(...call, DELAY);
    await time.increase(DELAY);
    await expect(timelock.connect(executor).execute(...call, { gasLimit: 120_000n })).to.be.revertedWithCustomError(timelock, "FailedCall");
  });
  it("changes its delay by itself only", async () => {
    const { timelock, proposer, executor, admin } = all;
    await expect(timelock.updateDelay(0n)).to.be.revertedWithCustomError(timelock, "TimelockUnauthorizedCaller").withArgs(admin);
    const call = [timelock, 0n, timelock.interface.encodeFunctionData("updateDelay", [7n]), ethers.ZeroHash, ethers.ZeroHash];
    await timelock.connect(proposer).schedule(...call, DELAY);
    await time.increase(DELAY);
    await expect(timelock.connect(executor).execute(...call)).to.emit(timelock, "MinDelayChange").withArgs(DELAY, 7n);
    expect(await timelock.getMinDelay()).to.equal(7n);
  });
});
