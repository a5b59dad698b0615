// The network under test as one family of contracts sees it: accounts, transactions signed here, and
// what became of them. All transactions are kept, for the comparison at the end.
import { JsonRpcProvider, Wallet } from "ethers";

const POLLING_MS = 150;
const RECEIPT_TIMEOUT_MS = 60_000;
// ethers answers a repeated question from memory for 250 ms; a write here can be final sooner.
const NO_CACHE = -1;
// An estimate is made as in the latest block. What a contract writes once per block or per second (a
// checkpoint, a price) costs nothing new in the block of the write before, and much in the next.
const ESTIMATE_MARGIN_PERCENT = 100n;

export class Network {
  constructor({ urls, accounts, mode }) {
    this.urls = urls;
    this.accounts = accounts;
    this.mode = mode;
    this.sent = [];
    this.providers = urls.map((url) =>
      new JsonRpcProvider(url, undefined, { cacheTimeout: NO_CACHE, pollingInterval: POLLING_MS }));
    this.lastFunding = Promise.resolve();
  }

  async open() {
    this.chainId = (await this.providers[0].getNetwork()).chainId;
  }

  destroy() {
    this.providers.forEach((provider) => provider.destroy());
  }

  /** New accounts, one after the other because one account may have to pay into all. */
  parties(count, provider) {
    const made = this.lastFunding.then(async () => {
      const parties = [];
      for (let index = 0; index < count; index += 1) {
        const key = await this.accounts.fresh(this.urls[0]);
        parties.push(new Party(this, new Wallet(key, provider)));
      }
      return parties;
    });
    this.lastFunding = made.catch(() => undefined);
    return made;
  }
}

/** An account that sends transactions. */
export class Party {
  constructor(network, wallet) {
    this.network = network;
    this.wallet = wallet;
    this.address = wallet.address;
    this.nonce = 0;
  }

  /** Sends a transaction and waits until a block has it; answers its receipt, whatever its status. */
  async send({ what, to = null, data = "0x", value = 0n, gasLimit, ...rest }) {
    const { chainId, mode } = this.network;
    const { provider } = this.wallet;
    const asked = { from: this.address, to, data, value, ...(rest.authorizationList ? rest : {}) };
    const gas = gasLimit ?? (await provider.estimateGas(asked)) * (100n + ESTIMATE_MARGIN_PERCENT) / 100n;
    const nonce = this.nonce;
    this.nonce += 1;
    const raw = await this.wallet.signTransaction({
      type: 2, chainId, nonce, to, data, value, gasLimit: gas, maxFeePerGas: mode.price, maxPriorityFeePerGas: 0n, ...rest,
    });
    const { hash } = await provider.broadcastTransaction(raw);
    return this.note({ what, raw, hash });
  }

  /** Waits for a transaction that is on its way and keeps it. */
  async note({ what, raw, hash }) {
    const receipt = await this.wallet.provider.waitForTransaction(hash, 1, RECEIPT_TIMEOUT_MS);
    this.network.sent.push({ what, raw, hash, from: this.address, receipt });
    return receipt;
  }
}
