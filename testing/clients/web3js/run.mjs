// web3.js 4 as its users have it, over HTTP or WebSocket. Started by ../run.mjs.
import { Web3 } from "web3";

import { finish, settings } from "../lib/external.mjs";
import { Checks } from "../lib/report.mjs";

const CONCURRENT = 50;
const BATCH = 1000;
const CONFIRMATIONS = 5;
const EVENT_PAUSE_MS = 100;
const GAS = "300000";

const entry = { name: "web3js", passed: 0, failures: [], millis: 0 };
const checks = new Checks(entry);
const given = await settings();
const transport = process.argv[2];
const web3 = new Web3(transport === "ws" ? given.url.replace(/^http/, "ws") : given.url);
web3.eth.transactionPollingInterval = 250;
const me = web3.eth.accounts.wallet.add(given.key)[0].address;

const pause = (millis) => new Promise((next) => setTimeout(next, millis));
const same = (one, other) => String(one).toLowerCase() === String(other).toLowerCase();
/** All that an error says, its causes and the node's answer among it. */
const said = (error) => {
  const parts = [];
  for (let one = error; one && parts.length < 30; one = one.innerError ?? one.cause) {
    parts.push(one.message, one.reason, one.errorName, JSON.stringify(one.data ?? ""), JSON.stringify(one.error ?? ""));
  }
  return parts.join(" ");
};
const set = (contract, value, note, fields = {}) => contract.methods.set(value, note).send({ from: me, ...fields });

async function identity() {
  checks.ok((await web3.eth.getChainId()) > 0n, "the chain id is positive");
  checks.equal(await web3.eth.getChainId(), BigInt(await web3.eth.net.getId()), "chain id and network id");
  checks.equal(await web3.eth.net.isListening(), true, "the node listens");
  checks.ok((await web3.eth.getNodeInfo()).length > 0, "the client's version");
  const balance = await web3.eth.getBalance(me);
  if (given.mode === "metered") checks.ok(balance > 0n, "the account is funded");
  else checks.equal(balance, 0n, "the account holds nothing");
  checks.equal(await web3.eth.getGasPrice(), given.price, "the gas price");
  const history = await web3.eth.getFeeHistory(4, "latest", [25]);
  checks.ok(history.baseFeePerGas.length >= 2, "a history of fees");
}

async function deploy() {
  const contract = await new web3.eth.Contract(given.probe.abi)
    .deploy({ data: given.probe.bytecode, arguments: [7n] })
    .send({ from: me });
  checks.ok((await web3.eth.getCode(contract.options.address)).length > 100, "the code is there");
  checks.equal(await contract.methods.value().call(), 7n, "the constructor ran");
  checks.ok(same(await contract.methods.deployer().call(), me), "the immutable is set");
  return contract;
}

async function writeRead(contract) {
  for (let round = 1n; round <= 5n; round += 1n) {
    const before = await web3.eth.getTransactionCount(me, "latest");
    const receipt = await set(contract, round, "write");
    checks.equal(receipt.status, 1n, `status of write ${round}`);
    checks.equal(await contract.methods.value().call(), round, `value right after the receipt of write ${round}`);
    const after = await web3.eth.getTransactionCount(me, "latest");
    checks.equal(after, before + 1n, `nonce right after the receipt of write ${round}`);
    checks.ok(receipt.effectiveGasPrice >= given.price, "the price that was charged");
    if (given.price === 0n) checks.equal(receipt.effectiveGasPrice, 0n, "nothing was charged");
  }
}

/** web3.js announces each confirmation; it asks every second, or is told by new heads. */
async function confirmations(contract) {
  const sending = contract.methods.set(55n, "five").send({ from: me });
  let seen = 0n;
  const five = new Promise((done) => sending.on("confirmation", ({ confirmations: count }) => {
    seen = count;
    if (count >= BigInt(CONFIRMATIONS)) done();
  }));
  const receipt = await sending;
  await five;
  checks.ok(seen >= BigInt(CONFIRMATIONS), "confirmations were announced");
  const head = await web3.eth.getBlockNumber();
  checks.ok(head >= receipt.blockNumber + BigInt(CONFIRMATIONS) - 1n, `block ${receipt.blockNumber}, head ${head}`);
}

async function history(contract) {
  const receipt = await set(contract, 77n, "history");
  const number = receipt.blockNumber;
  const sent = await web3.eth.getTransaction(receipt.transactionHash);
  checks.equal(await web3.eth.getTransactionCount(me, number - 1n), BigInt(sent.nonce), "nonce before");
  checks.equal(await web3.eth.getTransactionCount(me, number), BigInt(sent.nonce) + 1n, "nonce after");
  checks.equal(await contract.methods.value().call({}, number), 77n, "value at its block");
  checks.ok((await contract.methods.value().call({}, number - 1n)) !== 77n, "value one block earlier");
  const block = await web3.eth.getBlock(receipt.blockHash, true);
  checks.equal(block.number, number, "block by hash");
  checks.ok(block.transactions.some(({ hash }) => hash === receipt.transactionHash), "full transactions");
  checks.equal(await web3.eth.getBlockTransactionCount(number), BigInt(block.transactions.length), "their number");
  checks.equal(await web3.eth.getBlockUncleCount(number), 0n, "no uncles");
  const index = await web3.eth.getTransactionFromBlock(number, receipt.transactionIndex);
  checks.equal(index.hash, receipt.transactionHash, "transaction by its index");
}

async function events(contract) {
  const from = (await web3.eth.getBlockNumber()) + 1n;
  const seen = [];
  let subscription;
  if (transport === "ws") {
    subscription = contract.events.ValueSet({ filter: { who: me } });
    subscription.on("data", (event) => seen.push(event.returnValues.note));
    subscription.on("error", (error) => checks.fail(`subscription: ${said(error)}`));
    await new Promise((done) => subscription.on("connected", done));
  }
  const heads = transport === "ws" ? await web3.eth.subscribe("newHeads") : undefined;
  const head = heads && new Promise((done) => heads.on("data", done));
  await set(contract, 81n, "subscribed-1");
  await set(contract, 82n, "subscribed-2");
  if (transport === "ws") {
    while (seen.filter((note) => note.startsWith("subscribed")).length < 2) await pause(EVENT_PAUSE_MS);
    checks.equal(seen.join(), "subscribed-1,subscribed-2", "each event once and in order");
    checks.ok((await head).number > 0n, "new heads arrive");
    await heads.unsubscribe();
    await subscription.unsubscribe();
  } else {
    await checks.rejects(web3.eth.subscribe("newHeads"), () => true, "HTTP has no subscriptions");
  }
  const past = await contract.getPastEvents("ValueSet", {
    filter: { who: me, value: [81n, 82n] }, fromBlock: from, toBlock: "latest",
  });
  checks.equal(past.length, 2, "events by topic and range");
  checks.equal(past[0]?.returnValues.note, "subscribed-1", "decoded note");
  const none = await contract.getPastEvents("ValueSet", { filter: { who: contract.options.address }, fromBlock: from });
  checks.equal(none.length, 0, "no events of others");
  const logs = await web3.eth.getPastLogs({ address: contract.options.address, fromBlock: from, toBlock: "latest" });
  checks.equal(logs.length, 2, "logs by address");
  const filter = await web3.eth.requestManager.send({
    method: "eth_newFilter", params: [{ address: contract.options.address }],
  });
  await set(contract, 83n, "filtered");
  const changes = await web3.eth.requestManager.send({ method: "eth_getFilterChanges", params: [filter] });
  checks.equal(changes.length, 1, "changes of a filter");
}

async function failures(contract) {
  const says = (pattern) => (error) => pattern.test(said(error));
  await checks.rejects(contract.methods.set(2_000_000n, "").call({ from: me }), says(/TooLarge|677fd0e3/), "custom error");
  let custom;
  await contract.methods.set(2_000_000n, "").call({ from: me }).catch((error) => (custom = error.innerError ?? error.cause));
  checks.equal(custom?.errorName, "TooLarge", "its name is decoded");
  checks.equal(custom?.errorArgs?.given, 2_000_000n, "its argument is decoded");
  await checks.rejects(contract.methods.requireString().call({ from: me }), says(/the value is not zero/), "require text");
  await checks.rejects(contract.methods.divide(0n).call({ from: me }), says(/4e487b71|Panic/), "panic code");
  await checks.rejects(contract.methods.set(2_000_000n, "").estimateGas({ from: me }), says(/TooLarge|677fd0e3/), "estimate");
  await checks.rejects(set(contract, 2_000_000n, "", { gas: GAS }), () => true, "a reverting write is refused before");
  web3.eth.contractDataInputFill = "input";
  const unchecked = new web3.eth.Contract(given.probe.abi, contract.options.address);
  unchecked.setProvider(web3.currentProvider);
  const raw = await sign({ to: contract.options.address, data: unchecked.methods.set(2_000_000n, "").encodeABI() });
  let receipt;
  await web3.eth.sendSignedTransaction(raw, undefined, { checkRevertBeforeSending: false })
    .on("receipt", (one) => (receipt = one))
    .catch((error) => (receipt ??= error.receipt));
  checks.equal(receipt?.status, 0n, "a reverted transaction has status 0");
}

async function sign(fields, key = given.key) {
  const { address } = web3.eth.accounts.privateKeyToAccount(key);
  const transaction = {
    nonce: await web3.eth.getTransactionCount(address, "latest"), gas: GAS, gasPrice: given.price,
    chainId: await web3.eth.getChainId(), ...fields,
  };
  return (await web3.eth.accounts.signTransaction(transaction, key)).rawTransaction;
}

async function concurrent(contract) {
  const first = Number(await web3.eth.getTransactionCount(me, "latest"));
  const order = Array.from({ length: CONCURRENT }, (_, index) => index).reverse();
  const receipts = await Promise.all(order.map((offset) =>
    set(contract, BigInt(100 + offset), "concurrent", { nonce: first + offset, gas: GAS })));
  checks.equal(receipts.filter(({ status }) => status === 1n).length, CONCURRENT, "all succeeded");
  checks.equal(await web3.eth.getTransactionCount(me, "latest"), BigInt(first + CONCURRENT), "nonce");
  checks.equal(await contract.methods.value().call(), BigInt(100 + CONCURRENT - 1), "the last nonce wrote last");
}

async function batch(contract) {
  const requests = new web3.BatchRequest();
  const answers = Array.from({ length: BATCH }, (_, index) => requests.add({
    jsonrpc: "2.0", id: index + 1, method: "eth_getCode", params: [contract.options.address, "latest"],
  }));
  await requests.execute({ timeout: 60_000 });
  const codes = await Promise.all(answers);
  checks.equal(codes.length, BATCH, "answers of its own batch");
  checks.equal(new Set(codes).size, 1, "all equal");
  checks.ok(codes[0].length > 100, "not empty");
  const single = await Promise.all(Array.from({ length: BATCH }, () => web3.eth.getBlockNumber()));
  checks.equal(single.length, BATCH, "answers at once without a batch");
}

async function negative() {
  const says = (pattern) => (error) => pattern.test(said(error));
  const send = (raw) => web3.eth.sendSignedTransaction(raw, undefined, { checkRevertBeforeSending: false });
  const { address } = web3.eth.accounts.privateKeyToAccount(given.freshKey);
  const mine = (fields) => sign({ to: address, gas: "21000", ...fields }, given.freshKey);
  await send(await mine({ nonce: 0 }));
  await checks.rejects(send(await mine({ nonce: 0, gas: "22000" })), says(/nonce too low/i), "a used nonce");
  const poor = web3.eth.accounts.create();
  await checks.rejects(
    send(await sign({ to: address, gas: "21000", value: 1n }, poor.privateKey)),
    says(/insufficient funds/i), "a value the account does not hold",
  );
  const chainId = (await web3.eth.getChainId()) + 1n;
  await checks.rejects(send(await mine({ nonce: 1, chainId })), says(/chain.?id/i), "another chain's transaction");
  await checks.rejects(mine({ nonce: 1, gas: "20000" }), says(/gasLimit is too low/i), "too little gas, refused by the client");
  if (given.price > 0n) {
    await checks.rejects(
      send(await mine({ nonce: 1, gasPrice: given.price - 1n })), says(/less than block base fee/), "too low a price",
    );
  }
  await checks.rejects(
    web3.eth.requestManager.send({ method: "heqi_noSuchMethod", params: [] }),
    says(/does not exist|not available|not found|-32601/i), "an unknown method",
  );
}

await checks.step("identity", identity);
const contract = await checks.step("deploy", deploy);
if (contract !== undefined) {
  await checks.step("write and read your write", () => writeRead(contract));
  await checks.step(`wait for ${CONFIRMATIONS} confirmations on an idle chain`, () => confirmations(contract));
  await checks.step("history", () => history(contract));
  await checks.step("events", () => events(contract));
  await checks.step("failures", () => failures(contract));
  await checks.step(`${CONCURRENT} concurrent nonces`, () => concurrent(contract));
  await checks.step(`${BATCH} reads at once`, () => batch(contract));
  await checks.step("negative cases", negative);
}
finish(entry);
