// What every family of contracts does: deploy, write, be refused, look at events. Each of them checks.
import { Contract, ContractFactory, Interface, getCreateAddress } from "ethers";

const REVERT_GAS = 3_000_000n;

export class Family {
  constructor({ name, checks, network, provider, contracts }) {
    Object.assign(this, { name, checks, network, provider, contracts, mode: network.mode });
  }

  /** New accounts; where nothing is charged they hold nothing, and never will. */
  async parties(count) {
    const made = await this.network.parties(count, this.provider);
    this.members = [...(this.members ?? []), ...made];
    return made;
  }

  /** After everything: who paid nothing has nothing, and the nonces are those of the transactions. */
  async ends() {
    for (const { address, nonce } of this.members ?? []) {
      if (this.network.accounts.empty) this.same(await this.provider.getBalance(address), 0n, `${address} holds nothing`);
      this.same(await this.provider.getTransactionCount(address), nonce, `nonce of ${address}`);
    }
  }

  /** Deploys a contract; answers it for reading. */
  async deploy(party, { abi, bytecode }, args = [], what = "a contract", value = 0n) {
    const { data } = await new ContractFactory(abi, bytecode).getDeployTransaction(...args);
    const receipt = await party.send({ what: `${this.name}: deploys ${what}`, data, value });
    this.succeeded(receipt, `deployment of ${what}`);
    this.same(receipt.contractAddress, getCreateAddress({ from: party.address, nonce: party.nonce - 1 }),
      `address of ${what}`);
    return this.at(receipt.contractAddress, abi);
  }

  /** A contract that is there, with this interface. */
  at(address, abi) {
    return new Contract(address, abi, this.provider);
  }

  /** Calls a method in a transaction that has to succeed; answers the receipt. */
  async write(party, contract, method, args = [], fields = {}) {
    const data = contract.interface.encodeFunctionData(method, args);
    const what = `${this.name}: ${method.split("(")[0]}`;
    const receipt = await party.send({ what, to: contract.target, data, ...fields });
    this.succeeded(receipt, method);
    return receipt;
  }

  succeeded(receipt, what) {
    this.checks.equal(receipt?.status, 1, `status of ${what}`);
    this.checks.equal(receipt?.gasPrice, this.mode.price, `price charged for ${what}`);
    if (receipt?.status !== 1) throw new Error(`${what} did not succeed`);
  }

  /**
   * A method has to be refused, by a call with its error and by a transaction with status 0.
   * `wanted`: `{ error, args, of }` (a custom error, of this interface or the contract's), `{ reason }` (a
   * require text), `{ panic }` or `{ empty: true }`.
   */
  async refused(party, contract, method, args, wanted, fields = {}) {
    const data = contract.interface.encodeFunctionData(method, args);
    const call = { to: contract.target, data, from: party.address, ...fields };
    await this.callRefused(call, wanted, contract.interface, method);
    const what = `${this.name}: ${method.split("(")[0]} is refused`;
    const receipt = await party.send({ what, to: contract.target, data, gasLimit: REVERT_GAS, ...fields });
    this.checks.equal(receipt?.status, 0, `status of the refused ${method}`);
    this.checks.equal(receipt?.logs.length, 0, `no events of the refused ${method}`);
  }

  /** A call has to fail with this error. */
  async callRefused(call, wanted, own, what) {
    const data = await this.provider.call(call).then(() => undefined, (error) => {
      if (error.code !== "CALL_EXCEPTION") throw error;
      return error.data ?? "0x";
    });
    if (!this.checks.ok(data !== undefined, `${what} did not fail`)) return;
    this.checks.equal(shown(data, wanted, own), expected(wanted), `why ${what} is refused`);
  }

  /** The receipt has this event of this contract with these arguments; answers all arguments. */
  event(receipt, contract, name, args) {
    const found = receipt.logs
      .filter(({ address }) => address === contract.target)
      .map((log) => contract.interface.parseLog(log))
      .filter((log) => log?.name === name)
      .map((log) => log.args);
    const match = args ? found.find((one) => plain(one) === plain(args)) : found[0];
    const wanted = args ? ` ${plain(args)}` : "";
    if (!this.checks.ok(match, `event ${name}${wanted}: got ${found.map(plain).join(" ")}`)) throw new Error(`no event ${name}`);
    return match;
  }

  /** Equality of values as clients give them: numbers of any kind, addresses, lists. */
  same(actual, wanted, text) {
    return this.checks.equal(plain(actual), plain(wanted), text);
  }

  /** Timestamp of the block that has the transaction. */
  async timeOf(receipt) {
    return BigInt((await this.provider.getBlock(receipt.blockHash)).timestamp);
  }
}

function plain(value) {
  if (Array.isArray(value) || typeof value?.toArray === "function") return `[${Array.from(value, plain).join()}]`;
  if (typeof value === "string" && value.startsWith("0x")) return value.toLowerCase();
  return String(value);
}

function expected({ error, args = [], reason, panic, empty, data }) {
  if (empty) return "0x";
  if (data !== undefined) return data;
  if (reason !== undefined) return `Error(${reason})`;
  if (panic !== undefined) return `Panic(${panic})`;
  return `${error}(${args.map(plain).join()})`;
}

function shown(data, { of, empty, data: bytes }, own) {
  if (empty || bytes !== undefined || data === "0x") return data;
  const parsed = (of ? Interface.from(of) : own).parseError(data) ?? own.parseError(data);
  return parsed ? `${parsed.name}(${Array.from(parsed.args, plain).join()})` : data;
}

/** Waits until `done` says so; for time that passes on the chain. */
export async function until(done, what, timeoutMs = 120_000) {
  const end = Date.now() + timeoutMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`${what} did not happen in ${timeoutMs} ms`);
    await new Promise((next) => setTimeout(next, 200));
  }
}
