// OpenZeppelin 5: fungible and other tokens, permits, votes, vaults, value.
import { MaxUint256, Signature, ZeroAddress, id, verifyTypedData } from "ethers";

import { packaged } from "../artifacts.mjs";

const YEAR_SECONDS = 31_536_000n;

/** ERC-2612: a signed permission, which works once. */
export async function permit(f) {
  const [owner, spender] = await f.parties(2);
  const coin = await f.deploy(owner, f.contracts.Coin, ["Coin", "COIN", 1_000n], "ERC-20 with permit");
  f.event(await f.write(owner, coin, "transfer", [spender.address, 100n]), coin, "Transfer",
    [owner.address, spender.address, 100n]);
  await f.refused(spender, coin, "transfer", [owner.address, 101n],
    { error: "ERC20InsufficientBalance", args: [spender.address, 100n, 101n] });
  await f.refused(spender, coin, "transferFrom", [owner.address, spender.address, 1n],
    { error: "ERC20InsufficientAllowance", args: [spender.address, 0n, 1n] });
  await f.refused(owner, coin, "transfer", [ZeroAddress, 1n], { error: "ERC20InvalidReceiver", args: [ZeroAddress] });

  const deadline = MaxUint256;
  const signed = async (value, nonce, changes = {}) => {
    const { chainId, name, verifyingContract, version } = await coin.eip712Domain();
    const domain = { chainId, name, verifyingContract, version, ...changes };
    const types = { Permit: [
      { name: "owner", type: "address" }, { name: "spender", type: "address" }, { name: "value", type: "uint256" },
      { name: "nonce", type: "uint256" }, { name: "deadline", type: "uint256" },
    ] };
    const message = { owner: owner.address, spender: spender.address, value, nonce, deadline };
    return { signature: Signature.from(await owner.wallet.signTypedData(domain, types, message)), domain, types, message };
  };
  const args = ({ signature: { v, r, s }, message: { value } }) =>
    [owner.address, spender.address, value, deadline, v, r, s];
  f.same((await coin.eip712Domain()).chainId, f.network.chainId, "the chain id of the EIP-712 domain");
  const first = await signed(300n, 0n);
  f.event(await f.write(spender, coin, "permit", args(first)), coin, "Approval", [owner.address, spender.address, 300n]);
  f.same(await coin.nonces(owner.address), 1n, "the permit is used up");
  f.event(await f.write(spender, coin, "transferFrom", [owner.address, spender.address, 250n]), coin, "Transfer",
    [owner.address, spender.address, 250n]);
  f.same(await coin.allowance(owner.address, spender.address), 50n, "what is left of the allowance");
  f.same(await coin.balanceOf(spender.address), 350n, "balance");
  // Again: the nonce has moved, so that another signer comes out.
  await f.refused(spender, coin, "permit", args(first), { error: "ERC2612InvalidSigner", args: [
    signerOf(first, 1n), owner.address] });
  const foreign = await signed(300n, 1n, { chainId: f.network.chainId + 1n });
  await f.refused(spender, coin, "permit", args(foreign), { error: "ERC2612InvalidSigner", args: [
    signerOf(foreign, 1n, { chainId: f.network.chainId }), owner.address] });
  const { v, r, s } = first.signature;
  await f.refused(spender, coin, "permit", [owner.address, spender.address, 1n, 1n, v, r, s],
    { error: "ERC2612ExpiredSignature", args: [1n] });
}

/** Whose signature it would be for another nonce or domain. */
function signerOf({ signature, domain, types, message }, nonce, changes = {}) {
  return verifyTypedData({ ...domain, ...changes }, types, { ...message, nonce }, signature);
}

/** ERC20Votes: delegation, and votes of the past by block number. */
export async function votes(f) {
  const [owner, voter] = await f.parties(2);
  const shares = await f.deploy(owner, f.contracts.Shares, [1_000n], "ERC-20 with votes");
  f.same(await shares.getVotes(owner.address), 0n, "no votes without delegation");
  const delegated = await f.write(owner, shares, "delegate", [owner.address]);
  f.event(delegated, shares, "DelegateVotesChanged", [owner.address, 0n, 1_000n]);
  await f.write(voter, shares, "delegate", [voter.address]);
  const moved = await f.write(owner, shares, "transfer", [voter.address, 400n]);
  f.event(moved, shares, "DelegateVotesChanged", [voter.address, 0n, 400n]);
  const later = await f.write(owner, shares, "delegate", [voter.address]);
  f.event(later, shares, "DelegateChanged", [owner.address, owner.address, voter.address]);
  f.same(await shares.getVotes(voter.address), 1_000n, "all votes");
  f.same(await shares.numCheckpoints(voter.address), 2n, "checkpoints");
  const past = BigInt(moved.blockNumber);
  f.same(await shares.getPastVotes(voter.address, past), 400n, "votes of the past");
  f.same(await shares.getPastVotes(owner.address, BigInt(delegated.blockNumber)), 1_000n, "and of the other");
  f.same(await shares.getPastVotes(voter.address, past - 1n), 0n, "and before");
  f.same(await shares.getPastTotalSupply(past), 1_000n, "supply of the past");
  const far = past + 1_000_000n;
  const data = shares.interface.encodeFunctionData("getPastVotes", [voter.address, far]);
  const clock = async (blockTag) => shares.clock({ blockTag });
  f.same(await clock(later.blockNumber), BigInt(later.blockNumber), "the clock is the block's number");
  await f.callRefused({ to: shares.target, data, blockTag: later.blockNumber },
    { error: "ERC5805FutureLookup", args: [far, await clock(later.blockNumber)] }, shares.interface, "votes of the future");
  await f.refused(owner, shares, "delegateBySig", [voter.address, 0n, 1n, 27, id("r"), id("s")],
    { error: "VotesExpiredSignature", args: [1n] });
  await delegatedBySignature(f, { owner, voter, shares });
}

/** Who holds the shares signs, somebody else sends. */
async function delegatedBySignature(f, { owner, voter, shares }) {
  const { chainId, name, verifyingContract, version } = await shares.eip712Domain();
  const types = { Delegation: [
    { name: "delegatee", type: "address" }, { name: "nonce", type: "uint256" }, { name: "expiry", type: "uint256" }] };
  const message = { delegatee: owner.address, nonce: await shares.nonces(owner.address), expiry: MaxUint256 };
  const signature = await owner.wallet.signTypedData({ chainId, name, verifyingContract, version }, types, message);
  const { v, r, s } = Signature.from(signature);
  const args = [message.delegatee, message.nonce, message.expiry, v, r, s];
  f.event(await f.write(voter, shares, "delegateBySig", args), shares, "DelegateChanged",
    [owner.address, voter.address, owner.address]);
  f.same([await shares.getVotes(owner.address), await shares.getVotes(voter.address)], [600n, 400n], "votes after it");
  await f.refused(voter, shares, "delegateBySig", args, { error: "InvalidAccountNonce", args: [owner.address, message.nonce + 1n] });
}

/** ERC-721: enumeration, safe transfers to those who take tokens and those who do not. */
export async function collectibles(f) {
  const [owner, other] = await f.parties(2);
  const items = await f.deploy(owner, f.contracts.Collectible, [], "ERC-721");
  const holder = await f.deploy(owner, f.contracts.Holder, [], "a receiver");
  for (const number of [7n, 8n, 9n]) {
    f.event(await f.write(owner, items, "mint", [owner.address, number]), items, "Transfer",
      [ZeroAddress, owner.address, number]);
  }
  const safe = "safeTransferFrom(address,address,uint256)";
  await f.write(owner, items, safe, [owner.address, holder.target, 8n]);
  f.same(await items.ownerOf(8n), holder.target, "the receiver has it");
  f.same(await items.totalSupply(), 3n, "supply");
  f.same(await items.tokenOfOwnerByIndex(owner.address, 1n), 9n, "the order of the owner's after one has left");
  f.same(await items.tokenByIndex(2n), 9n, "the order of all");
  f.same(await items.supportsInterface("0x780e9d63"), true, "ERC-721 enumerable is announced");
  await f.refused(owner, items, safe, [owner.address, items.target, 7n],
    { error: "ERC721InvalidReceiver", args: [items.target] });
  await f.refused(other, items, "transferFrom", [owner.address, other.address, 7n],
    { error: "ERC721InsufficientApproval", args: [other.address, 7n] });
  await f.refused(other, items, "mint", [other.address, 10n],
    { error: "OwnableUnauthorizedAccount", args: [other.address] });
  f.event(await f.write(owner, items, "approve", [other.address, 7n]), items, "Approval",
    [owner.address, other.address, 7n]);
  await f.write(other, items, "transferFrom", [owner.address, other.address, 7n]);
  f.same(await items.balanceOf(other.address), 1n, "moved by the approved account");
  await f.refused(owner, items, "mint", [other.address, 7n], { error: "ERC721InvalidSender", args: [ZeroAddress] });
}

/** ERC-1155 in batches. */
export async function batches(f) {
  const [owner, other] = await f.parties(2);
  const items = await f.deploy(owner, f.contracts.Items, [], "ERC-1155");
  const holder = await f.deploy(owner, f.contracts.Holder, [], "a receiver");
  const minted = await f.write(owner, items, "mintBatch", [owner.address, [1n, 2n, 3n], [10n, 20n, 30n]]);
  f.event(minted, items, "TransferBatch", [owner.address, ZeroAddress, owner.address, [1n, 2n, 3n], [10n, 20n, 30n]]);
  await f.write(owner, items, "safeBatchTransferFrom", [owner.address, holder.target, [1n, 3n], [4n, 5n], "0x"]);
  f.same(await items.balanceOfBatch([owner.address, holder.target, holder.target], [1n, 1n, 3n]), [6n, 4n, 5n], "balances");
  await f.refused(owner, items, "safeBatchTransferFrom", [owner.address, other.address, [1n, 2n], [1n, 21n], "0x"],
    { error: "ERC1155InsufficientBalance", args: [owner.address, 20n, 21n, 2n] });
  f.same(await items.balanceOf(other.address, 1n), 0n, "a batch is all or nothing");
  await f.refused(owner, items, "safeBatchTransferFrom", [owner.address, items.target, [1n], [1n], "0x"],
    { error: "ERC1155InvalidReceiver", args: [items.target] });
  await f.refused(other, items, "safeTransferFrom", [owner.address, other.address, 1n, 1n, "0x"],
    { error: "ERC1155MissingApprovalForAll", args: [other.address, owner.address] });
}

/** ERC-4626 with a gain. */
export async function vault(f) {
  const [owner, other] = await f.parties(2);
  const coin = await f.deploy(owner, f.contracts.Coin, ["Coin", "COIN", 10_000n], "the asset");
  const store = await f.deploy(owner, f.contracts.Vault, [coin.target], "ERC-4626");
  await f.write(owner, coin, "approve", [store.target, MaxUint256]);
  f.event(await f.write(owner, store, "deposit", [1_000n, owner.address]), store, "Deposit",
    [owner.address, owner.address, 1_000n, 1_000n]);
  await f.write(owner, coin, "transfer", [store.target, 500n]);
  f.same(await store.totalAssets(), 1_500n, "assets with the gain");
  // Rounded down with one virtual share and asset: 1000 * 1501 / 1001.
  f.same(await store.convertToAssets(1_000n), 1_499n, "what the shares are worth");
  const shares = await store.previewWithdraw(300n);
  f.event(await f.write(owner, store, "withdraw", [300n, other.address, owner.address]), store, "Withdraw",
    [owner.address, other.address, owner.address, 300n, shares]);
  f.same(await coin.balanceOf(other.address), 300n, "withdrawn to another");
  const most = await store.maxWithdraw(owner.address);
  await f.refused(owner, store, "withdraw", [most + 1n, owner.address, owner.address],
    { error: "ERC4626ExceededMaxWithdraw", args: [owner.address, most + 1n, most] });
  await f.refused(other, store, "redeem", [1n, other.address, owner.address],
    { error: "ERC20InsufficientAllowance", args: [other.address, 0n, 1n] });
}

/** VestingWallet with an ERC-20 and with nothing, and value in a network where nobody has any. */
export async function value(f) {
  const [owner, payee, other] = await f.parties(3);
  const coin = await f.deploy(owner, f.contracts.Coin, ["Coin", "COIN", 1_000_000_000n], "an asset");
  const now = BigInt((await f.provider.getBlock("latest")).timestamp);
  const [start, duration] = [now - YEAR_SECONDS, 2n * YEAR_SECONDS];
  const wallet = await f.deploy(owner, packaged("@openzeppelin/contracts/build/contracts/VestingWallet.json"),
    [payee.address, start, duration], "VestingWallet");
  await f.write(owner, coin, "transfer", [wallet.target, 1_000_000_000n]);
  const released = await f.write(payee, wallet, "release(address)", [coin.target]);
  const vested = 1_000_000_000n * ((await f.timeOf(released)) - start) / duration;
  f.event(released, wallet, "ERC20Released", [coin.target, vested]);
  f.same(await coin.balanceOf(payee.address), vested, "vested by the block's time");
  f.event(await f.write(payee, wallet, "release()"), wallet, "EtherReleased", [0n]);
  await f.refused(other, wallet, "transferOwnership", [other.address],
    { error: "OwnableUnauthorizedAccount", args: [other.address] });

  const splitter = await f.deploy(owner, f.contracts.Splitter, [[payee.address, other.address]], "a splitter");
  const paid = await f.write(owner, splitter, "release");
  f.event(paid, splitter, "Paid", [payee.address, 0n]);
  f.event(paid, splitter, "Paid", [other.address, 0n]);
  await f.refused(owner, splitter, "pay", [payee.address, 1n], { error: "InsufficientBalance", args: [0n, 1n] });
  await f.refused(owner, splitter, "forward", [coin.target, "0x", 1n], { error: "InsufficientBalance", args: [0n, 1n] });
  const plain = await owner.send({ what: `${f.name}: a call with value 0`, to: splitter.target });
  f.succeeded(plain, "a call with value 0");
  f.event(plain, splitter, "Received", [owner.address, 0n]);
  const intruder = await f.deploy(owner, f.contracts.Intruder, [], "a contract that calls back");
  const target = await f.deploy(owner, f.contracts.Splitter, [[intruder.target]], "its splitter");
  await f.refused(owner, target, "release", [], { error: "ReentrancyGuardReentrantCall" });
  if (!f.mode.metered) {
    await f.checks.rejects(owner.wallet.sendTransaction({ to: splitter.target, value: 1n, gasLimit: 100_000n }),
      ({ code }) => code === "INSUFFICIENT_FUNDS", "value that the account does not hold");
    return;
  }
  f.succeeded(await owner.send({ what: `${f.name}: value`, to: splitter.target, value: 11n }), "a payment");
  await f.write(owner, splitter, "release");
  f.same(await f.provider.getBalance(splitter.target), 1n, "what cannot be shared stays");
}
