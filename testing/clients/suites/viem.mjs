// viem 2 as its users have it, over HTTP or WebSocket.
import {
  BaseError, ContractFunctionRevertedError, InsufficientFundsError, IntrinsicGasTooLowError,
  NonceTooLowError, createPublicClient, createWalletClient, defineChain, http, webSocket,
} from "viem";
import { privateKeyToAccount, generatePrivateKey } from "viem/accounts";

import { rpc } from "../lib/processes.mjs";

const CONCURRENT = 50;
const BATCH = 1000;
const MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11";

export async function viemSuite(checks, { url, transport, probe, accounts, mode }) {
  const context = { ...(await connect({ url, transport, probe, accounts, checks })), mode };
  try {
    await checks.step("identity and zero balance", () => identity(context));
    const address = await checks.step("deploy", () => deploy(context));
    if (address === undefined) return;
    await checks.step("write and read your write", () => writeRead(context, address));
    await checks.step("wait for 5 confirmations on an idle chain", () => waitFive(context, address));
    await checks.step("history", () => history(context, address));
    await checks.step("events", () => events(context, address));
    await checks.step("failures", () => failures(context, address));
    await checks.step(`${CONCURRENT} concurrent nonces`, () => concurrent(context, address));
    await checks.step(`${BATCH} reads at once`, () => batch(context, address));
    if (accounts.target !== "anvil") await checks.step("multicall", () => multicall(context, address));
    await checks.step("typed errors", () => typedErrors(context));
  } finally {
    if (transport === "ws") (await context.reader.transport.getRpcClient()).close();
  }
}

async function connect({ url, transport, probe, accounts, checks }) {
  const id = Number(await rpc(url, "eth_chainId", []));
  const chain = defineChain({
    id, name: "network under test", nativeCurrency: { name: "Unit", symbol: "UNT", decimals: 18 },
    rpcUrls: { default: { http: [url] } }, contracts: { multicall3: { address: MULTICALL3 } },
  });
  const channel = transport === "ws"
    ? webSocket(url.replace(/^http/, "ws"))
    : http(url, { batch: { batchSize: BATCH, wait: 5 } });
  const account = privateKeyToAccount(await accounts.main(url));
  const reader = createPublicClient({ chain, transport: channel, pollingInterval: 250, cacheTime: 0 });
  const writer = createWalletClient({ chain, transport: channel, account, pollingInterval: 250 });
  return { checks, url, chain, account, reader, writer, probe, accounts, channel };
}

const read = ({ reader, probe }, address, functionName, extra = {}) =>
  reader.readContract({ address, abi: probe.abi, functionName, ...extra });

const write = ({ writer, probe }, address, args, extra = {}) =>
  writer.writeContract({ address, abi: probe.abi, functionName: "set", args, ...extra });

async function identity({ checks, reader, account, chain, accounts, mode }) {
  checks.equal(await reader.getChainId(), chain.id, "chain id");
  const balance = await reader.getBalance({ address: account.address });
  if (accounts.empty) checks.equal(balance, 0n, "the account holds nothing");
  const fees = await reader.estimateFeesPerGas();
  if (accounts.target !== "anvil") {
    if (mode.metered) checks.ok(fees.maxFeePerGas >= mode.price, "the fee covers the base fee");
    else checks.equal(fees.maxFeePerGas, 0n, "the fee is 0");
    checks.equal(await reader.getGasPrice(), mode.price, "the gas price");
  }
}

async function deploy(context) {
  const { checks, reader, writer, probe, account } = context;
  const hash = await writer.deployContract({ abi: probe.abi, bytecode: probe.bytecode, args: [7n] });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  checks.equal(receipt.status, "success", "the deployment succeeded");
  const address = receipt.contractAddress;
  checks.ok((await reader.getCode({ address }))?.length > 100, "the code is there");
  checks.equal(await read(context, address, "value"), 7n, "the constructor ran");
  checks.equal(await read(context, address, "deployer"), account.address, "the immutable is set");
  return address;
}

async function writeRead(context, address) {
  const { checks, reader, account, accounts, mode } = context;
  for (let round = 1n; round <= 5n; round += 1n) {
    const before = await reader.getTransactionCount({ address: account.address });
    const hash = await write(context, address, [round, "write"]);
    const receipt = await reader.waitForTransactionReceipt({ hash, confirmations: 1 });
    const [value, nonce] = await Promise.all([
      read(context, address, "value"), reader.getTransactionCount({ address: account.address }),
    ]);
    checks.equal(receipt.status, "success", `status of write ${round}`);
    checks.equal(receipt.type, "eip1559", `type of write ${round}`);
    checks.equal(value, round, `the value right after the receipt of write ${round}`);
    checks.equal(nonce, before + 1, `the nonce right after the receipt of write ${round}`);
    if (accounts.target !== "anvil") checks.equal(receipt.effectiveGasPrice, mode.price, "the price that was charged");
  }
}

async function waitFive(context, address) {
  const { checks, reader } = context;
  const hash = await write(context, address, [55n, "five"]);
  const receipt = await reader.waitForTransactionReceipt({ hash, confirmations: 5, timeout: 60_000 });
  checks.equal(receipt.status, "success", "the write succeeded");
  const confirmations = await reader.getTransactionConfirmations({ hash });
  checks.ok(confirmations >= 5n, `5 confirmations, got ${confirmations}`);
}

async function history(context, address) {
  const { checks, reader, account } = context;
  const hash = await write(context, address, [77n, "history"]);
  const { blockNumber, blockHash } = await reader.waitForTransactionReceipt({ hash });
  const { nonce } = await reader.getTransaction({ hash });
  const nonceAt = (number) =>
    reader.getTransactionCount({ address: account.address, blockNumber: number });
  checks.equal(await nonceAt(blockNumber - 1n), nonce, "nonce before");
  checks.equal(await nonceAt(blockNumber), nonce + 1, "nonce after");
  const balance = await reader.getBalance({ address: account.address, blockNumber: blockNumber - 1n });
  checks.ok(balance >= (await reader.getBalance({ address: account.address, blockNumber })), "balances");
  checks.equal(await read(context, address, "value", { blockNumber }), 77n, "value at its block");
  checks.ok(
    (await read(context, address, "value", { blockNumber: blockNumber - 1n })) !== 77n, "value before",
  );
  const block = await reader.getBlock({ blockHash, includeTransactions: true });
  checks.equal(block.number, blockNumber, "block by hash");
  checks.ok(block.transactions.some((transaction) => transaction.hash === hash), "full transactions");
}

async function events(context, address) {
  const { checks, reader, account, probe } = context;
  const seen = [];
  let arrived;
  const arrival = new Promise((done) => (arrived = done));
  const stop = reader.watchContractEvent({
    address, abi: probe.abi, eventName: "ValueSet", args: { who: account.address },
    onLogs: (logs) => {
      seen.push(...logs);
      if (logs.some(({ args }) => args.note === "subscribed-2")) arrived();
    },
    onError: (error) => checks.fail(`watching failed: ${error.message}`),
  });
  await new Promise((next) => setTimeout(next, 500));
  const blocks = [];
  for (const [value, note] of [[81n, "subscribed-1"], [82n, "subscribed-2"]]) {
    const hash = await write(context, address, [value, note]);
    blocks.push((await reader.waitForTransactionReceipt({ hash })).blockNumber);
  }
  await arrival;
  stop();
  checks.equal(seen.map(({ args }) => args.note).join(), "subscribed-1,subscribed-2", "each event once");
  const logs = await reader.getContractEvents({
    address, abi: probe.abi, eventName: "ValueSet", args: { value: [81n, 82n] },
    fromBlock: blocks[0], toBlock: blocks[1], strict: true,
  });
  checks.equal(logs.length, 2, "events by topic and range");
  checks.equal(logs[0]?.args.who, account.address, "indexed argument");
  const filter = await reader.createContractEventFilter({
    address, abi: probe.abi, eventName: "ValueSet", fromBlock: blocks[0],
  });
  checks.equal((await reader.getFilterLogs({ filter })).length, 2, "logs of a filter");
  checks.ok(await reader.uninstallFilter({ filter }), "the filter is removed");
  const head = new Promise((done) => {
    const unwatch = reader.watchBlocks({ onBlock: (block) => (unwatch(), done(block)) });
  });
  await reader.waitForTransactionReceipt({ hash: await write(context, address, [83n, "head"]) });
  checks.ok((await head).number > 0n, "new heads arrive");
}

const reverted = (accept) => (error) => {
  const cause = error instanceof BaseError && error.walk((e) => e instanceof ContractFunctionRevertedError);
  return cause instanceof ContractFunctionRevertedError && accept(cause);
};

async function failures(context, address) {
  const { checks, reader, writer, probe, account } = context;
  const simulate = (functionName, args = []) =>
    reader.simulateContract({ address, abi: probe.abi, functionName, args, account });
  await checks.rejects(simulate("set", [2_000_000n, ""]), reverted(({ data }) =>
    data?.errorName === "TooLarge" && data.args[0] === 2_000_000n && data.args[1] === 1_000_000n),
  "custom error");
  await checks.rejects(simulate("requireString"), reverted(({ reason }) =>
    reason === "the value is not zero"), "require text");
  await checks.rejects(simulate("divide", [0n]), reverted(({ data }) =>
    data?.errorName === "Panic" && data.args[0] === 0x12n), "panic code");
  await checks.rejects(writer.writeContract({
    address, abi: probe.abi, functionName: "set", args: [2_000_000n, ""],
  }), (error) => error instanceof BaseError && /TooLarge|revert/i.test(error.message), "while estimating");
  const hash = await write(context, address, [2_000_000n, ""], { gas: 200_000n });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  checks.equal(receipt.status, "reverted", "a reverted transaction has status 0");
}

async function concurrent(context, address) {
  const { checks, reader, account, mode } = context;
  const first = await reader.getTransactionCount({ address: account.address });
  const order = Array.from({ length: CONCURRENT }, (_, index) => index).reverse();
  const hashes = await Promise.all(order.map((offset) => write(
    context, address, [BigInt(100 + offset), "concurrent"],
    { nonce: first + offset, gas: 200_000n, maxFeePerGas: mode.price, maxPriorityFeePerGas: 0n },
  )));
  const receipts = await Promise.all(hashes.map((hash) => reader.waitForTransactionReceipt({ hash })));
  checks.equal(receipts.filter(({ status }) => status === "success").length, CONCURRENT, "all succeeded");
  const nonce = await reader.getTransactionCount({ address: account.address });
  checks.equal(nonce, first + CONCURRENT, "nonce");
  checks.equal(await read(context, address, "value"), BigInt(100 + CONCURRENT - 1), "last nonce last");
}

async function batch({ checks, reader }, address) {
  // a distinct key each, because viem merges identical requests in flight
  const words = await Promise.all(Array.from({ length: BATCH }, (_, index) =>
    reader.getStorageAt({ address, slot: `0x${(index + 1000).toString(16)}` })));
  checks.equal(words.length, BATCH, "answers");
  checks.ok(words.every((word) => /^0x0{64}$/.test(word)), "empty slots are 32 zero bytes");
}

async function multicall(context, address) {
  const { checks, reader, probe } = context;
  const call = { address, abi: probe.abi };
  const [value, limit] = await reader.multicall({
    contracts: [{ ...call, functionName: "value" }, { ...call, functionName: "LIMIT" }],
    allowFailure: false,
  });
  checks.equal(value, await read(context, address, "value"), "value through Multicall3");
  checks.equal(limit, 1_000_000n, "constant through Multicall3");
}

async function typedErrors({ checks, url, chain, channel, accounts, reader, mode }) {
  const account = privateKeyToAccount(await accounts.fresh(url));
  const writer = createWalletClient({ chain, transport: channel, account });
  const base = { to: account.address, gas: 21_000n, maxFeePerGas: mode.price, maxPriorityFeePerGas: 0n };
  const send = (fields) => writer.sendTransaction({ ...base, ...fields });
  const is = (kind) => (error) => error instanceof BaseError && Boolean(error.walk((e) => e instanceof kind));
  const says = (pattern) => (error) => pattern.test(`${error.details} ${error.message}`);

  await reader.waitForTransactionReceipt({ hash: await send({ nonce: 0 }) });
  await checks.rejects(send({ nonce: 0, gas: 22_000n }), is(NonceTooLowError), "a used nonce");
  await send({ nonce: 3 });
  await checks.rejects(
    send({ nonce: 3, gas: 30_000n }), says(/replacement transaction underpriced/), "a replacement",
  );
  await checks.rejects(send({ nonce: 1, gas: 20_000n }), is(IntrinsicGasTooLowError), "too little gas");
  const poor = createWalletClient({
    chain, transport: channel, account: privateKeyToAccount(generatePrivateKey()),
  });
  await checks.rejects(
    poor.sendTransaction({ ...base, nonce: 0, value: 1n }), is(InsufficientFundsError), "no such funds",
  );
  const foreign = await account.signTransaction({ ...base, nonce: 1, chainId: chain.id + 1, type: "eip1559" });
  await checks.rejects(
    reader.sendRawTransaction({ serializedTransaction: foreign }), says(/chain.?id/i), "another chain's",
  );
}
