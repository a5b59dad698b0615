// Accounts of the tests: fresh keys, or the given ones. On Heqi they hold nothing.
import { Wallet } from "ethers";

import { rpc } from "./processes.mjs";

const DEVELOPMENT_FUNDS = "0x3635c9adc5dea00000";

export class Accounts {
  constructor({ target, keys }) {
    this.target = target;
    this.keys = keys;
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
      await rpc(url, "anvil_setBalance", [wallet.address, DEVELOPMENT_FUNDS]);
    }
    return wallet.privateKey;
  }

  /** Whether accounts are without any balance, as the product promises to serve them. */
  get empty() {
    return this.target !== "anvil" && this.keys.length === 0;
  }
}
