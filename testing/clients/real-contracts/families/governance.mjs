// OpenZeppelin 5: who may do what, and when. Time passes on the chain as it does for everybody.
import { ZeroAddress, ZeroHash, id } from "ethers";

import { packaged } from "../artifacts.mjs";
import { until } from "../family.mjs";

const DELAY_SECONDS = 3n;
const VOTING_SECONDS = 20n;
const PROPOSAL = { pending: 0n, active: 1n, defeated: 3n, succeeded: 4n, queued: 5n, executed: 7n };
const ROLE = 42n;

const artifact = (name) => packaged(`@openzeppelin/contracts/build/contracts/${name}.json`);

/** AccessManager: a role whose calls have to be announced. */
export async function accessManager(f) {
  const [admin, member, stranger] = await f.parties(3);
  const manager = await f.deploy(admin, artifact("AccessManager"), [admin.address], "AccessManager");
  const number = await f.deploy(admin, f.contracts.ManagedNumber, [manager.target], "a managed contract");
  const { selector } = number.interface.getFunction("set");
  f.event(await f.write(admin, manager, "setTargetFunctionRole", [number.target, [selector], ROLE]), manager,
    "TargetFunctionRoleUpdated", [number.target, selector, ROLE]);
  await f.write(admin, manager, "grantRole", [ROLE, member.address, DELAY_SECONDS]);
  f.same(await manager.canCall(member.address, number.target, selector), [false, DELAY_SECONDS], "only with a delay");
  await f.refused(stranger, number, "set", [1n],
    { error: "AccessManagedUnauthorized", args: [stranger.address] });
  const data = number.interface.encodeFunctionData("set", [5n]);
  const operation = await manager.hashOperation(member.address, number.target, data);
  await f.refused(member, manager, "execute", [number.target, data],
    { error: "AccessManagerNotScheduled", args: [operation] });
  const scheduled = await f.write(member, manager, "schedule", [number.target, data, 0n]);
  const when = (await f.timeOf(scheduled)) + DELAY_SECONDS;
  f.event(scheduled, manager, "OperationScheduled", [operation, 1n, when, member.address, number.target, data]);
  await f.callRefused({ from: member.address, to: manager.target, blockTag: scheduled.blockNumber,
    data: manager.interface.encodeFunctionData("execute", [number.target, data]) },
  { error: "AccessManagerNotReady", args: [operation] }, manager.interface, "execution before its time");
  await passed(f, member, manager, "execute", [number.target, data]);
  const done = await f.write(member, manager, "execute", [number.target, data]);
  f.event(done, manager, "OperationExecuted", [operation, 1n]);
  f.event(done, number, "NumberSet", [manager.target, 5n]);
  f.checks.ok((await f.timeOf(done)) >= when, "not before its time");
  await f.write(admin, manager, "revokeRole", [ROLE, member.address]);
  await f.refused(member, manager, "schedule", [number.target, data, 0n],
    { error: "AccessManagerUnauthorizedCall", args: [member.address, number.target, selector] });
}

/** Governor and TimelockController: propose, vote, queue, execute; who may not, and when not. */
export async function governor(f) {
  const [admin, voter, stranger] = await f.parties(3);
  const shares = await f.deploy(admin, f.contracts.TimedShares, [1_000n], "votes by time");
  const timelock = await f.deploy(admin, artifact("TimelockController"), [DELAY_SECONDS, [], [ZeroAddress], admin.address],
    "TimelockController");
  const board = await f.deploy(admin, f.contracts.Board,
    [shares.target, timelock.target, DELAY_SECONDS, VOTING_SECONDS], "Governor");
  for (const role of ["PROPOSER_ROLE", "CANCELLER_ROLE"]) {
    await f.write(admin, timelock, "grantRole", [await timelock[role](), board.target]);
  }
  const manager = await f.deploy(admin, artifact("AccessManager"), [timelock.target], "AccessManager of the board");
  const number = await f.deploy(admin, f.contracts.ManagedNumber, [manager.target], "what is governed");
  await f.write(admin, shares, "transfer", [voter.address, 900n]);
  await f.write(voter, shares, "delegate", [voter.address]);
  await f.write(admin, shares, "delegate", [admin.address]);
  f.same(await board.CLOCK_MODE(), "mode=timestamp", "the clock is time");

  const set = number.interface.encodeFunctionData("set", [9n]);
  const execute = manager.interface.encodeFunctionData("execute", [number.target, set]);
  const text = "set the number";
  const proposal = [[manager.target], [0n], [execute], text];
  const hashed = [...proposal.slice(0, 3), id(text)];
  const key = await board.hashProposal(...hashed);
  const state = async (tag = "latest") => board.state(key, { blockTag: tag });
  const proposed = await f.write(stranger, board, "propose", proposal);
  const snapshot = (await f.timeOf(proposed)) + DELAY_SECONDS;
  f.event(proposed, board, "ProposalCreated", [key, stranger.address, [manager.target], [0n], [""], [execute], snapshot,
    snapshot + VOTING_SECONDS, text]);
  f.same(await state(proposed.blockNumber), PROPOSAL.pending, "pending");
  await until(async () => (await state()) === PROPOSAL.active, "voting");
  f.event(await f.write(voter, board, "castVoteWithReason", [key, 1n, "why not"]), board, "VoteCast",
    [voter.address, key, 1n, 900n, "why not"]);
  await f.write(admin, board, "castVote", [key, 0n]);
  await f.refused(voter, board, "castVote", [key, 1n], { error: "GovernorAlreadyCastVote", args: [voter.address] });
  f.same(await board.proposalVotes(key), [100n, 900n, 0n], "the votes");
  await f.refused(voter, board, "execute", hashed, { error: "GovernorUnexpectedProposalState", args: [
    key, PROPOSAL.active, stateSet(PROPOSAL.queued)] });
  await until(async () => (await state()) === PROPOSAL.succeeded, "the end of voting");
  const queued = await f.write(stranger, board, "queue", hashed);
  const eta = (await f.timeOf(queued)) + DELAY_SECONDS;
  f.event(queued, board, "ProposalQueued", [key, eta]);
  f.same(await state(), PROPOSAL.queued, "queued");
  const salt = id(text);
  const early = timelock.interface.encodeFunctionData("executeBatch", [
    [manager.target], [0n], [execute], ZeroHash, saltOf(board.target, salt)]);
  const operation = await timelock.hashOperationBatch([manager.target], [0n], [execute], ZeroHash, saltOf(board.target, salt));
  f.event(queued, timelock, "CallScheduled", [operation, 0n, manager.target, 0n, execute, ZeroHash, DELAY_SECONDS]);
  await f.callRefused({ from: stranger.address, to: timelock.target, data: early, blockTag: queued.blockNumber },
    { error: "TimelockUnexpectedOperationState", args: [operation, stateSet(2n)] }, timelock.interface, "before its time");
  await passed(f, stranger, board, "execute", hashed);
  const executed = await f.write(stranger, board, "execute", hashed);
  f.event(executed, board, "ProposalExecuted", [key]);
  f.event(executed, number, "NumberSet", [manager.target, 9n]);
  f.checks.ok((await f.timeOf(executed)) >= eta, "not before its time");
  f.same(await state(), PROPOSAL.executed, "executed");
  await f.refused(stranger, timelock, "schedule", [number.target, 0n, set, ZeroHash, ZeroHash, DELAY_SECONDS],
    { error: "AccessControlUnauthorizedAccount", args: [stranger.address, await timelock.PROPOSER_ROLE()] });
}

/** A set of states as OpenZeppelin's errors have it: one bit each. */
const stateSet = (...states) => `0x${states.reduce((sum, one) => sum | (1n << one), 0n).toString(16).padStart(64, "0")}`;

/** The Governor's own salt in its timelock: its address, left-aligned, with the description's hash. */
const saltOf = (board, description) =>
  `0x${(BigInt(board) << 96n ^ BigInt(description)).toString(16).padStart(64, "0")}`;

/** Waits until a call of this method would succeed. */
async function passed(f, party, contract, method, args) {
  const data = contract.interface.encodeFunctionData(method, args);
  await until(() => f.provider.call({ from: party.address, to: contract.target, data }).then(() => true, (error) => {
    if (error.code !== "CALL_EXCEPTION") throw error;
    return false;
  }), `the time of ${method}`);
}
