// Accounts of the tests: fresh keys, or the given ones. Where nothing is charged they hold nothing;
// in metered mode a funded account pays into each of them.
import { Wallet } from "ethers";

import { rpc } from "./processes.mjs";

const FUNDS_WEI = 100n * 10n ** 18n;
const RECEIPT_ATTEMPTS = 600;
const RECEIPT_PAUSE_MS = 50;

export class Accounts {
  /** `keys` are used in turn; `faucet` is the key of a funded account, for metered mode. */
  constructor({ target, keys, mode, faucet }) {
    this.target = target;
    this.keys = keys;
    this.mode = mode;
    this.faucet = faucet ? new Wallet(faucet) : undefined;
    this.next = 0;
  }

  /** The key a suite works with: the given ones in turn, otherwise a fresh one. */
  async main(url) {
    if (this.keys.length === 0) return this.fresh(url);
    const key = this.keys[this.next % this.keys.length];
    this.next += 1;
    return key;
  }

  /** A key nobody has used before. */
  async fresh(url) {
    const wallet = Wallet.createRandom();
    if (this.target === "anvil") {
      await rpc(url, "anvil_setBalance", [wallet.address, `0x${FUNDS_WEI.toString(16)}`]);
    }
    if (this.mode.metered) await this.fund(url, wallet.address);
    return wallet.privateKey;
  }

  async fund(url, to) {
    if (!this.faucet) throw new Error("metered mode needs a funded account: give its key with --faucet");
    const latest = Number(await rpc(url, "eth_getTransactionCount", [this.faucet.address, "pending"]));
    this.nonce = Math.max(this.nonce ?? 0, latest);
    const signed = await this.faucet.signTransaction({
      chainId: BigInt(await rpc(url, "eth_chainId", [])), nonce: this.nonce, type: 0, to,
      gasPrice: this.mode.price, gasLimit: 21_000n, value: FUNDS_WEI,
    });
    this.nonce += 1;
    const hash = await rpc(url, "eth_sendRawTransaction", [signed]);
    for (let attempt = 0; attempt < RECEIPT_ATTEMPTS; attempt += 1) {
      const receipt = await rpc(url, "eth_getTransactionReceipt", [hash]);
      if (receipt?.status === "0x1") return;
      if (receipt) throw new Error(`funding ${to} failed`);
      await new Promise((next) => setTimeout(next, RECEIPT_PAUSE_MS));
    }
    throw new Error(`no receipt of the funding of ${to}`);
  }

  /** Whether accounts are without any balance, as the product promises to serve them. */
  get empty() {
    return this.target !== "anvil" && this.keys.length === 0 && !this.mode.metered;
  }
}
