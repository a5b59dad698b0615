// A chain with something to index: transfers of a token by several accounts, about one in each block,
// among them transfers by a contract, refused ones, and (where accounts hold something) of the chain's unit.
import { readFileSync } from "node:fs";
import { encodeDeployData, encodeFunctionData, keccak256, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

import { compiled } from "../lib/compile.mjs";
import { rpc } from "../lib/processes.mjs";

const SENDERS = 3;
const RECIPIENTS = 20;
const MINTED = 10n ** 18n;
const COINS_WEI = 10n ** 18n;
const GAS = 2_000_000n;
const IN_FLIGHT_MAX = 64;
const PACE_FIRST_MS = 30;
const PACE_LEAST_MS = 2;
const PACE_MOST_MS = 250;
/** Faster than blocks come, so that none has to wait for a transaction. */
const PACE_SHARE = 0.9;
const PACE_SENDS = 50;
const SETTLE_ATTEMPTS = 600;
const PAUSE_MS = 100;

const pause = (millis) => new Promise((next) => setTimeout(next, millis));

export const { Token, Cashier } = compiled("Token.sol", readFileSync(new URL("contracts/Token.sol", import.meta.url), "utf8"));

export class Workload {
  /**
   * `dev`: a development ledger, where accounts are given something, which they send too, and where after
   * every so many transactions `emptyBlocks` blocks without any are made at once.
   */
  constructor({ url, key, price }, { dev, emptyBlocks }) {
    Object.assign(this, { url, price, dev, emptyBlocks });
    this.senders = Array.from({ length: SENDERS }, (_, index) => {
      const account = privateKeyToAccount(keccak256(`${key}${index.toString(16).padStart(2, "0")}`));
      return { account, address: account.address.toLowerCase(), nonce: 0 };
    });
    this.recipients = Array.from({ length: RECIPIENTS }, (_, index) => `0x${keccak256(toHex(`${key}${index}`)).slice(-40)}`);
    this.next = 0;
    /** What an indexer has to find: by transaction. */
    this.transfers = new Map();
    this.details = new Map();
    this.balances = new Map();
  }

  call(method, ...params) {
    return rpc(this.url, method, params);
  }

  async height() {
    return Number(await this.call("eth_blockNumber"));
  }

  async sign(sender, { to, data, value = 0n }) {
    const signed = await sender.account.signTransaction({
      type: "legacy", chainId: this.chainId, nonce: sender.nonce, gasPrice: this.price, gas: GAS, to, data, value,
    });
    sender.nonce += 1;
    return { signed, hash: keccak256(signed) };
  }

  note(hash, from, to, value) {
    this.transfers.set(hash, { from, to, value });
    for (const [address, change] of [[from, -value], [to, value]]) {
      this.balances.set(address, (this.balances.get(address) ?? 0n) + change);
    }
  }

  async receipt(hash) {
    for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt += 1) {
      const receipt = await this.call("eth_getTransactionReceipt", hash);
      if (receipt) return receipt;
      await pause(PAUSE_MS);
    }
    throw new Error(`no receipt of ${hash}`);
  }

  async landed(transaction) {
    const { signed, hash } = await this.sign(this.senders[0], transaction);
    await this.call("eth_sendRawTransaction", signed);
    const receipt = await this.receipt(hash);
    if (receipt.status !== "0x1") throw new Error(`${hash} failed`);
    return receipt;
  }

  /** Deploys both contracts and gives everybody something to send. */
  async deploy() {
    this.chainId = Number(await this.call("eth_chainId"));
    const token = await this.landed({ data: encodeDeployData(Token) });
    this.token = token.contractAddress.toLowerCase();
    this.start = Number(token.blockNumber);
    const cashier = await this.landed({ data: encodeDeployData({ ...Cashier, args: [this.token] }) });
    this.cashier = cashier.contractAddress.toLowerCase();
    for (const holder of [...this.senders.map(({ address }) => address), this.cashier]) {
      const data = encodeFunctionData({ ...Token, functionName: "mint", args: [holder, MINTED] });
      const { transactionHash } = await this.landed({ to: this.token, data });
      this.note(transactionHash, `0x${"0".repeat(40)}`, holder, MINTED);
    }
    for (const { address } of this.dev ? this.senders : []) {
      await this.call("hardhat_setBalance", address, toHex(COINS_WEI));
    }
  }

  /** What transaction `index` does. */
  plan(index) {
    const to = this.recipients[index % RECIPIENTS];
    const value = BigInt(index + 1);
    if (index % 50 === 7) return { kind: "refused", to, value: MINTED * 10n };
    if (index % 10 === 3) return { kind: "paid", to, value };
    if (this.dev && index % 10 === 5) return { kind: "coins", to, value };
    return { kind: "transfer", to, value };
  }

  async one() {
    const index = this.next;
    this.next += 1;
    const sender = this.senders[index % SENDERS];
    const { kind, to, value } = this.plan(index);
    const transaction = kind === "coins"
      ? { to, value }
      : kind === "paid"
        ? { to: this.cashier, data: encodeFunctionData({ ...Cashier, functionName: "pay", args: [to, value] }) }
        : { to: this.token, data: encodeFunctionData({ ...Token, functionName: "transfer", args: [to, value] }) };
    const { signed, hash } = await this.sign(sender, transaction);
    if (kind === "transfer") this.note(hash, sender.address, to, value);
    if (kind === "paid") this.note(hash, this.cashier, to, value);
    this.details.set(hash, { kind, sender: sender.address, nonce: sender.nonce - 1, to, value });
    return signed;
  }

  /** Sends until the chain has this height, about one transaction for each block. */
  async fill(height, isEnough = (head) => head >= height) {
    const inFlight = new Set();
    let failure;
    let pace = PACE_FIRST_MS;
    let [head, since, due] = [await this.height(), Date.now(), Date.now()];
    for (let sent = 0; !failure && !isEnough(head, sent); sent += 1) {
      const sending = this.call("eth_sendRawTransaction", await this.one());
      const tracked = sending.catch((error) => (failure ??= error)).finally(() => inFlight.delete(tracked));
      inFlight.add(tracked);
      if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight);
      if (sent % PACE_SENDS === PACE_SENDS - 1) {
        if (this.dev) await this.call("hardhat_mine", toHex(this.emptyBlocks));
        const [reached, time] = [await this.height(), Date.now()];
        const measured = ((time - since) / Math.max(1, reached - head)) * PACE_SHARE;
        pace = Math.min(PACE_MOST_MS, Math.max(PACE_LEAST_MS, measured));
        [head, since] = [reached, time];
      }
      due = Math.max(due + pace, Date.now() - PACE_MOST_MS);
      if (due > Date.now()) await pause(due - Date.now());
    }
    await Promise.all(inFlight);
    if (failure) throw failure;
    await this.settled();
  }

  /** Until everything that was sent is in a block. */
  async settled() {
    for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt += 1) {
      const nonces = await Promise.all(this.senders.map(({ address }) => this.call("eth_getTransactionCount", address, "latest")));
      if (nonces.every((nonce, index) => Number(nonce) === this.senders[index].nonce)) return;
      await pause(PAUSE_MS);
    }
    throw new Error("transactions are left over");
  }

  /** From here on an indexer looks at calls and receipts too. */
  async detail() {
    this.detailed = (await this.height()) + 1;
    this.details.clear();
  }

  async balanceOf(holder, block = "latest") {
    const data = encodeFunctionData({ ...Token, functionName: "balanceOf", args: [holder] });
    return BigInt(await this.call("eth_call", { to: this.token, data }, block));
  }
}
