// Every transaction of the run once more, in another implementation: anvil gets the same signed
// transactions in the same blocks with the same times and has to come to the same receipts. What was
// there before the run is copied to it first.
import { Transaction, verifyAuthorization } from "ethers";

import { startReplay } from "../lib/networks.mjs";
import { post, rpc } from "../lib/processes.mjs";

const BALANCE = `0x${(10n ** 30n).toString(16)}`;
// EIP-7702: what an authorization of an account that exists gives back, at most a fifth of all (EIP-3529).
const [AUTHORIZATION_REFUND_GAS, REFUND_QUOTIENT] = [12_500, 5];
/** Storage that constructors of such contracts have written lies here. */
const SLOTS_COPIED = 8;

/** Runs all transactions again and compares receipt by receipt. */
export async function replay(checks, { url, sent, present, mode }) {
  const mined = sent.filter(({ receipt }) => receipt);
  checks.equal(mined.length, sent.length, "all transactions have a receipt");
  const heights = [...new Set(mined.map(({ receipt }) => receipt.blockNumber))].sort((a, b) => a - b);
  const before = await rpc(url, "eth_getBlockByNumber", [hex(heights[0] - 1), false]);
  const anvil = await startReplay([
    "--hardfork", await hardfork(url), "--chain-id", `${Number(await rpc(url, "eth_chainId", []))}`,
    "--number", `${heights[0] - 1}`, "--timestamp", `${Number(before.timestamp)}`,
  ]);
  try {
    const [other] = anvil.urls;
    await rpc(other, "anvil_setBlockTimestampInterval", [0]);
    for (const address of present) await copy(url, other, address, hex(heights[0] - 1));
    for (const address of new Set(mined.map(({ from }) => from))) await rpc(other, "anvil_setBalance", [address, BALANCE]);
    for (const height of heights) {
      await block(url, other, height, mined.filter(({ receipt }) => receipt.blockNumber === height), mode);
    }
    for (const one of mined) await compare(checks, url, other, one);
    console.log(`  ${mined.length} transactions of ${heights.length} blocks repeated in anvil`);
  } finally {
    await anvil.stop();
  }
}

/** By the precompile that came last. */
async function hardfork(url) {
  const { current } = await rpc(url, "eth_config", []);
  return current.precompiles.P256VERIFY ? "osaka" : "prague";
}

/** A contract as it is at this height. */
async function copy(url, other, address, at) {
  const code = await rpc(url, "eth_getCode", [address, at]);
  if (code === "0x") return;
  await rpc(other, "anvil_setCode", [address, code]);
  await rpc(other, "anvil_setNonce", [address, await rpc(url, "eth_getTransactionCount", [address, at])]);
  for (let slot = 0; slot < SLOTS_COPIED; slot += 1) {
    const value = await rpc(url, "eth_getStorageAt", [address, hex(slot), at]);
    if (BigInt(value) !== 0n) await rpc(other, "anvil_setStorageAt", [address, hex(slot), value]);
  }
}

/** The same block: its number, its time, its transactions in their order. */
async function block(url, other, height, transactions, mode) {
  const missing = height - 1 - Number(await rpc(other, "eth_blockNumber", []));
  if (missing > 0) await rpc(other, "anvil_mine", [hex(missing)]);
  const { timestamp } = await rpc(url, "eth_getBlockByNumber", [hex(height), false]);
  await rpc(other, "evm_setNextBlockTimestamp", [Number(timestamp)]);
  await rpc(other, "anvil_setNextBlockBaseFeePerGas", [hex(mode.price)]);
  transactions.sort((a, b) => a.receipt.index - b.receipt.index);
  for (const { raw, what } of transactions) {
    const { body } = await post(other, { jsonrpc: "2.0", id: 1, method: "eth_sendRawTransaction", params: [raw] });
    if (body.error) throw new Error(`anvil does not take ${what}: ${body.error.message}`);
  }
  await rpc(other, "evm_mine", []);
}

async function compare(checks, url, other, { what, hash, raw }) {
  const [ours, theirs] = await Promise.all([url, other].map((one) => rpc(one, "eth_getTransactionReceipt", [hash])));
  const more = theirs ? await tooMuchBack(url, Transaction.from(raw), ours) : 0;
  checks.equal(outcome(ours), outcome(theirs, more), `${what} (${hash}): receipt as in anvil`);
}

/**
 * Gas that anvil gives back and Ethereum does not: an authorization of an account that exists has a refund,
 * and anvil's database answers for accounts that nobody has used as if they existed.
 */
async function tooMuchBack(url, { type, chainId, authorizationList }, ours) {
  if (type !== 4) return 0;
  const before = hex(Number(ours.blockNumber) - 1);
  const unused = new Set();
  for (const { signature, ...one } of authorizationList) {
    const authority = verifyAuthorization(one, signature);
    const asked = ["eth_getTransactionCount", "eth_getBalance", "eth_getCode"];
    const [nonce, balance, code] = await Promise.all(asked.map((method) => rpc(url, method, [authority, before])));
    const holds = [0n, chainId].includes(one.chainId) && one.nonce === 0n;
    if (holds && BigInt(nonce) === 0n && BigInt(balance) === 0n && code === "0x") unused.add(authority);
  }
  return Math.min(unused.size * AUTHORIZATION_REFUND_GAS, Math.floor(Number(ours.gasUsed) / REFUND_QUOTIENT));
}

/** What of a receipt depends on the execution only. */
function outcome(receipt, more = 0) {
  if (!receipt) return "no receipt";
  const logs = receipt.logs.map(({ address, topics, data }) => [address, topics, data]);
  return JSON.stringify({
    block: Number(receipt.blockNumber), status: Number(receipt.status), gas: Number(receipt.gasUsed) + more,
    created: receipt.contractAddress ?? null, bloom: receipt.logsBloom, logs,
  });
}

const hex = (number) => `0x${number.toString(16)}`;
