// What clients depend on without saying so: shapes, codes and texts of the answers themselves.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { ContractFactory, Transaction, Wallet, encodeRlp, keccak256, stripZerosLeft } from "ethers";
import WebSocket from "ws";

import { post, rpc } from "../lib/processes.mjs";

const BATCH = 1000;
const RECEIPT_ATTEMPTS = 200;
const RECEIPT_PAUSE_MS = 50;
const PREDEPLOYS = new URL("../../../crates/ledger/execution/predeploys/manifest.json", import.meta.url);

export async function wireSuite(checks, { url, probe, accounts, mode }) {
  const wallet = new Wallet(await accounts.main(url));
  const context = { checks, url, probe, accounts, wallet, mode };
  await checks.step(`batch of ${BATCH}`, () => batches(context));
  await checks.step("requests that are wrong", () => wrongRequests(context));
  const address = await checks.step("deploy", () => deploy(context));
  if (address === undefined) return;
  await checks.step("reverts", () => reverts(context, address));
  await checks.step("subscriptions", () => subscriptions(context));
  await checks.step("pool errors", () => poolErrors(context));
  await checks.step("permissive call objects", () => permissive(context, address));
  await checks.step("delegated accounts (EIP-7702)", () => delegation(context, address));
  if (accounts.target === "anvil") return;
  await checks.step("hostile requests", () => hostile(context));
  await checks.step("transactions refused by name", () => refusedByName(context));
  await checks.step("blocks can be recomputed", () => blocks(context));
  await checks.step("predeploys", () => predeploys(context));
  await checks.step("newer methods", () => newer(context, address));
  await checks.step("storage ranges", () => storage(context, address));
  if (mode.metered) await checks.step("fees on a metered chain", () => meteredFees(context));
  else await checks.step("fees on a free chain", () => fees(context));
}

async function batches({ checks, url, wallet }) {
  const body = Array.from({ length: BATCH }, (_, id) => ({
    jsonrpc: "2.0", id: id + 1, method: "eth_getBalance", params: [wallet.address, "latest"],
  }));
  const answer = await post(url, body);
  checks.equal(answer.status, 200, "HTTP status");
  checks.equal(answer.body.length, BATCH, "answers");
  checks.ok(answer.body.every(({ id }, index) => id === index + 1), "in the order of the requests");
  checks.ok(answer.body.every(({ result }) => /^0x/.test(result)), "all with a result");
  const one = await post(url, [body[0]]);
  checks.ok(Array.isArray(one.body) && one.body.length === 1, "an array for an array of one");
  const mixed = await post(url, [body[0], { jsonrpc: "2.0", id: "x", method: "heqi_noSuchMethod", params: [] }]);
  checks.ok(mixed.body[0].result && mixed.body[1].error.code === -32601, "errors per item");
  checks.equal(mixed.body[1].id, "x", "the id comes back as it was");
}

async function wrongRequests({ checks, url, accounts, mode }) {
  const code = async (body) => {
    const answer = (await post(url, body)).body;
    return (Array.isArray(answer) ? answer[0] : answer).error?.code;
  };
  const call = (method, params) => ({ jsonrpc: "2.0", id: 1, method, params });
  checks.equal(await code(call("heqi_noSuchMethod", [])), -32601, "unknown method");
  if (accounts.target !== "anvil") {
    const production = ["eth_sendTransaction", "eth_sign", "personal_sign", "evm_mine", "hardhat_setBalance"];
    for (const method of mode.dev ? [] : production) {
      checks.equal(await code(call(method, [{}])), -32601, `no ${method} in production`);
    }
    checks.equal(await code("{\"jsonrpc\""), -32700, "not JSON");
    checks.equal(await code([]), -32600, "an empty batch");
  }
  checks.equal(await code(call("eth_getBalance", ["0x12", "latest"])), -32602, "not an address");
  checks.equal(await code(call("eth_getBlockByNumber", ["0xzz", false])), -32602, "not a number");
  checks.equal(await code(call("eth_getLogs", [{ fromBlock: "0x1", toBlock: "0x0" }])), -32602, "reversed range");
  checks.equal(await rpc(url, "eth_getTransactionReceipt", [`0x${"11".repeat(32)}`]), null, "unknown receipt");
  checks.equal(await rpc(url, "eth_getBlockByNumber", ["0xffffffff", false]), null, "block of the future");
}

async function sendAndWait(url, signed) {
  const hash = await rpc(url, "eth_sendRawTransaction", [signed]);
  for (let attempt = 0; attempt < RECEIPT_ATTEMPTS; attempt += 1) {
    const receipt = await rpc(url, "eth_getTransactionReceipt", [hash]);
    if (receipt) return receipt;
    await new Promise((next) => setTimeout(next, RECEIPT_PAUSE_MS));
  }
  throw new Error(`no receipt of ${hash} after ${RECEIPT_ATTEMPTS * RECEIPT_PAUSE_MS} ms`);
}

const number = async (url, method, params = []) => Number(await rpc(url, method, params));

async function base(url, wallet, gasLimit) {
  const [chainId, nonce] = await Promise.all([
    number(url, "eth_chainId"), number(url, "eth_getTransactionCount", [wallet.address, "pending"]),
  ]);
  return { chainId, nonce, gasLimit, value: 0n };
}

async function deploy({ checks, url, probe, wallet, mode: { price } }) {
  const { data } = await new ContractFactory(probe.abi, probe.bytecode).getDeployTransaction(7n);
  const shapes = [
    { type: 0, gasPrice: price }, { type: 1, gasPrice: price, accessList: [] },
    { type: 2, maxFeePerGas: price, maxPriorityFeePerGas: 0n },
    { type: 2, maxFeePerGas: price + 5n, maxPriorityFeePerGas: 1n },
  ];
  let address;
  for (const shape of shapes) {
    const fields = { ...(await base(url, wallet, 1_000_000)), data, ...shape };
    const receipt = await sendAndWait(url, await wallet.signTransaction(fields));
    checks.equal(receipt.status, "0x1", `a transaction of type ${shape.type}`);
    checks.equal(Number(receipt.type), shape.type, "type in the receipt");
    checks.equal(receipt.logsBloom.length, 514, "bloom of 256 bytes");
    checks.match(receipt.cumulativeGasUsed, /^0x[1-9a-f]/, "cumulative gas");
    address = receipt.contractAddress;
  }
  checks.match(address, /^0x[0-9a-f]{40}$/, "the address is lower case");
  return address;
}

async function reverts({ checks, url }, to) {
  const call = async (data) =>
    (await post(url, { jsonrpc: "2.0", id: 1, method: "eth_call", params: [{ to, data }, "latest"] })).body.error;
  const text = await call("0x" + keccak256(Buffer.from("requireString()")).slice(2, 10));
  checks.equal(text?.code, 3, "code of a revert");
  checks.equal(text?.message, "execution reverted: the value is not zero", "message of a revert");
  checks.match(text?.data, /^0x08c379a0/, "data is a top-level hex string");
  const panic = await call("0x" + keccak256(Buffer.from("divide(uint256)")).slice(2, 10) + "0".repeat(64));
  checks.equal(panic?.code, 3, "code of a panic");
  checks.match(panic?.data, /^0x4e487b71/, "data of a panic");
}

async function subscriptions({ checks, url, wallet, mode }) {
  const socket = new WebSocket(url.replace(/^http/, "ws"));
  const received = [];
  const waiting = [];
  socket.on("message", (data) => {
    received.push(JSON.parse(data));
    for (const wake of waiting.splice(0)) wake();
  });
  await new Promise((done, failed) => socket.once("open", done).once("error", failed));
  const take = async (accept) => {
    for (;;) {
      const found = received.find(accept);
      if (found) return found;
      await new Promise((wake) => waiting.push(wake));
    }
  };
  let id = 0;
  const ask = async (method, params) => {
    const mine = (id += 1);
    socket.send(JSON.stringify({ jsonrpc: "2.0", id: mine, method, params }));
    return take((message) => message.id === mine);
  };
  try {
    const heads = (await ask("eth_subscribe", ["newHeads"])).result;
    const pending = (await ask("eth_subscribe", ["newPendingTransactions"])).result;
    checks.match(heads, /^0x[0-9a-f]+$/, "subscription id");
    const fields = { ...(await base(url, wallet, 21_000)), to: wallet.address, type: 0, gasPrice: mode.price };
    const receipt = await sendAndWait(url, await wallet.signTransaction(fields));
    const head = await take(({ params }) =>
      params?.subscription === heads && params.result.number === receipt.blockNumber);
    checks.equal(head.params.result.hash, receipt.blockHash, "the head's hash");
    checks.match(head.params.result.logsBloom, /^0x[0-9a-f]{512}$/, "a full header");
    const seen = await take(({ params }) =>
      params?.subscription === pending && params.result === receipt.transactionHash);
    checks.ok(seen, "pending transactions are announced");
    checks.equal((await ask("eth_unsubscribe", [heads])).result, true, "unsubscribed");
    checks.ok((await ask("eth_unsubscribe", [heads])).result !== true, "not twice");
    checks.ok((await ask("eth_subscribe", ["noSuchThing"])).error !== undefined, "an unknown kind is refused");
    checks.equal((await ask("eth_chainId", [])).error, undefined, "the connection lives on");
  } finally {
    socket.close();
  }
}

async function poolErrors({ checks, url, accounts, mode }) {
  const wallet = new Wallet(await accounts.fresh(url));
  const start = await base(url, wallet, 21_000);
  const sign = (fields) => wallet.signTransaction({
    ...start, to: wallet.address, type: 0, gasPrice: mode.price, ...fields,
  });
  const refusal = async (signed) =>
    (await post(url, { jsonrpc: "2.0", id: 1, method: "eth_sendRawTransaction", params: [signed] })).body.error
      ?.message;
  const waiting = await sign({ nonce: start.nonce + 2 });
  await rpc(url, "eth_sendRawTransaction", [waiting]);
  checks.match(await refusal(waiting), /already known|already imported/i, "the same again");
  checks.match(
    await refusal(await sign({ nonce: start.nonce + 2, gasLimit: 22_000 })),
    /replacement transaction underpriced/, "a replacement",
  );
  checks.match(await refusal(await sign({ gasLimit: 20_000 })), /intrinsic gas too low/, "too little gas");
  if (accounts.target !== "anvil") {
    checks.match(await refusal(await sign({ chainId: start.chainId + 1 })), /chain.?id/i, "another chain");
  }
  checks.match(await refusal("0x"), /\S/, "no bytes");
  checks.match(await refusal("0x05c0"), /\S/, "an unknown type");
  checks.match(await refusal(`${waiting}00`), /\S/, "bytes after the end");
  const first = await sendAndWait(url, await sign({}));
  checks.equal(first.status, "0x1", "the account goes on");
  checks.match(await refusal(await sign({})), /nonce too low/, "a resubmission after inclusion");
}

async function permissive({ checks, url, wallet }, to) {
  const data = "0x" + keccak256(Buffer.from("value()")).slice(2, 10);
  const word = /^0x0{63}7$/;
  const call = (...params) => rpc(url, "eth_call", params);
  checks.match(await call({ to, data, input: data }, "latest"), word, "data and input, equal");
  checks.match(await call({ to, data, chain: "mainnet", hardfork: "x", networkId: 5 }, "latest"), word, "unknown fields");
  checks.match(await call({ to, data }), word, "no block parameter");
  checks.match(await call({ to, data }, "pending"), word, "pending");
  const head = await rpc(url, "eth_getBlockByNumber", ["latest", false]);
  checks.match(await call({ to, data }, { blockHash: head.hash }), word, "EIP-1898");
  checks.match(
    await call({ from: wallet.address, to, data }, "latest", { [to]: { stateDiff: {
      [`0x${"0".repeat(64)}`]: `0x${"0".repeat(62)}2a` } } }), /2a$/, "state override",
  );
}

async function delegation({ checks, url, accounts, mode }, to) {
  const wallet = new Wallet(await accounts.fresh(url));
  const fields = await base(url, wallet, 200_000);
  const authorisation = wallet.authorizeSync({ address: to, chainId: fields.chainId, nonce: fields.nonce + 1 });
  const receipt = await sendAndWait(url, await wallet.signTransaction({
    ...fields, to: wallet.address, type: 4, maxFeePerGas: mode.price, maxPriorityFeePerGas: 0n,
    data: keccak256(Buffer.from("value()")).slice(0, 10), authorizationList: [authorisation],
  }));
  checks.equal(receipt.status, "0x1", "a transaction of type 4");
  const code = await rpc(url, "eth_getCode", [wallet.address, "latest"]);
  checks.equal(code, `0xef0100${to.slice(2)}`, "the account points to the contract");
  const sent = await rpc(url, "eth_getTransactionByHash", [receipt.transactionHash]);
  checks.equal(sent.authorizationList?.length, 1, "the authorisation is shown");
}

const OVERSIZED_BYTES = 26 * 1024 * 1024;
const NESTED_DEPTH = 20_000;

/** One raw HTTP exchange: the status, and whether the body is a JSON-RPC error. */
function exchange(url, body, headers = {}) {
  return new Promise((done, failed) => {
    const sent = request(url, { method: "POST", headers: { "content-type": "application/json", ...headers } });
    // A server may answer and close before it has read a body that is too large; the write that
    // fails after the answer concerns nobody.
    sent.on("socket", (socket) => socket.on("error", () => undefined));
    sent.on("response", (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => done({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
    });
    // a node may close the connection while an oversized body is still being sent
    sent.on("error", (error) => {
      if (["EPIPE", "ECONNRESET"].includes(error.code)) done({ status: 0, text: "" });
      else failed(error);
    });
    sent.end(body);
  });
}

async function hostile({ checks, url }) {
  const refused = ({ status, text }) => status !== 200 || /"error"/.test(text);
  const call = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":';
  checks.ok(refused(await exchange(url, `${call}${"[".repeat(NESTED_DEPTH)}${"]".repeat(NESTED_DEPTH)}}`)), "deeply nested");
  checks.ok(refused(await exchange(url, `${call}["${"a".repeat(OVERSIZED_BYTES)}"]}`)), "oversized");
  checks.ok(refused(await exchange(url, Buffer.from([0xff, 0xfe, 0x00]))), "not UTF-8");
  checks.ok(refused(await exchange(url, "")), "an empty body");
  checks.ok(refused(await exchange(url, '{"jsonrpc":"2.0","id":1,"method":7,"params":[]}')), "a method that is no text");
  checks.ok(refused(await exchange(url, `${call}[]}`, { host: "attacker.example" })), "a foreign host name");
  checks.match(await rpc(url, "eth_chainId", []), /^0x[1-9a-f]/, "the node answers afterwards");
}

async function refusedByName({ checks, url, accounts, mode }) {
  const wallet = new Wallet(await accounts.fresh(url));
  const fields = { ...(await base(url, wallet, 100_000)), to: wallet.address };
  const refusal = async (signed) =>
    (await post(url, { jsonrpc: "2.0", id: 1, method: "eth_sendRawTransaction", params: [signed] })).body.error?.message;
  const blob = await wallet.signTransaction({
    ...fields, type: 3, maxFeePerGas: mode.price, maxPriorityFeePerGas: 0n, maxFeePerBlobGas: 1n,
    blobVersionedHashes: [`0x01${"11".repeat(31)}`],
  });
  checks.match(await refusal(blob), /blob|transaction type not supported/i, "a blob transaction");
  const unprotected = Transaction.from({ ...fields, chainId: 0, type: 0, gasPrice: mode.price });
  unprotected.signature = wallet.signingKey.sign(unprotected.unsignedHash);
  checks.match(await refusal(unprotected.serialized), /replay-protected/, "a transaction for every chain");
}

const word = (quantity) => (BigInt(quantity) === 0n ? "0x" : stripZerosLeft(pad(quantity)));
const pad = (quantity) => {
  const hex = quantity.slice(2);
  return `0x${hex.length % 2 ? "0" : ""}${hex}`;
};

/** keccak256 of the header as any third party builds it (Prague: 21 fields). */
export function headerHash(block) {
  return keccak256(encodeRlp([
    block.parentHash, block.sha3Uncles, block.miner, block.stateRoot, block.transactionsRoot,
    block.receiptsRoot, block.logsBloom, word(block.difficulty), word(block.number), word(block.gasLimit),
    word(block.gasUsed), word(block.timestamp), block.extraData, block.mixHash, block.nonce,
    word(block.baseFeePerGas), block.withdrawalsRoot, word(block.blobGasUsed), word(block.excessBlobGas),
    block.parentBeaconBlockRoot, block.requestsHash,
  ]));
}

async function blocks({ checks, url }) {
  const head = await number(url, "eth_blockNumber");
  let previous;
  for (let height = Math.max(0, head - 10); height <= head; height += 1) {
    const block = await rpc(url, "eth_getBlockByNumber", [`0x${height.toString(16)}`, false]);
    checks.equal(headerHash(block), block.hash, `hash of block ${height}`);
    checks.equal(block.totalDifficulty, undefined, "no total difficulty");
    checks.ok(Array.isArray(block.uncles) && block.uncles.length === 0, "no uncles");
    if (previous) {
      checks.equal(block.parentHash, previous.hash, `parent of block ${height}`);
      checks.ok(BigInt(block.timestamp) >= BigInt(previous.timestamp), "seconds never decrease");
      checks.ok(BigInt(block.timestampMillis) > BigInt(previous.timestampMillis), "milliseconds increase");
    }
    previous = block;
  }
}

async function predeploys({ checks, url }) {
  for (const entry of JSON.parse(readFileSync(PREDEPLOYS, "utf8"))) {
    const code = await rpc(url, "eth_getCode", [entry.address, "latest"]);
    checks.equal((code.length - 2) / 2, entry.runtime_code_bytes, `size of ${entry.name}`);
    if (!entry.runtime_code_depends_on_chain_id) {
      checks.equal(keccak256(code), entry.runtime_code_hash, `code of ${entry.name}`);
    }
  }
}

async function newer({ checks, url, wallet, mode }, to) {
  const fields = { ...(await base(url, wallet, 21_000)), to: wallet.address, type: 0, gasPrice: mode.price };
  const receipt = await rpc(url, "eth_sendRawTransactionSync", [await wallet.signTransaction(fields)]);
  checks.equal(receipt.status, "0x1", "eth_sendRawTransactionSync returns the receipt");
  for (const block of [receipt.blockNumber, receipt.blockHash]) {
    const all = await rpc(url, "eth_getBlockReceipts", [block]);
    checks.ok(all.some(({ transactionHash }) => transactionHash === receipt.transactionHash), "eth_getBlockReceipts");
  }
  const info = await rpc(url, "eth_getAccountInfo", [to, "latest"]);
  checks.match(info.code, /^0x[0-9a-f]{100}/, "eth_getAccountInfo");
  const filled = await rpc(url, "eth_fillTransaction", [{ from: wallet.address, to: wallet.address }]);
  checks.equal(BigInt(filled.tx.nonce), BigInt(fields.nonce + 1), "eth_fillTransaction fills the nonce");
  const gone = await post(url, { jsonrpc: "2.0", id: 1, method: "eth_getFilterChanges", params: ["0x1234"] });
  checks.equal(gone.body.error?.code, -32000, "code of a foreign filter");
  checks.equal(gone.body.error?.message, "filter not found", "text of a foreign filter");
  const proof = await post(url, { jsonrpc: "2.0", id: 1, method: "eth_getProof", params: [to, [], "latest"] });
  // A development ledger has no proofs of Heqi's own, but can have Ethereum's.
  const replacement = mode.dev ? /--state mpt/ : /use heqi_getStateProof/;
  checks.match(proof.body.error?.message, replacement, "eth_getProof names its replacement");
}

/** Every slot that the ledger lists is one that it also reads, by the order of the hashed keys. */
async function storage({ checks, url }, to) {
  const head = Number(await rpc(url, "eth_blockNumber", []));
  const listed = [];
  let start = `0x${"00".repeat(32)}`;
  while (start) {
    const page = await rpc(url, "debug_storageRangeAt", [`0x${head.toString(16)}`, 0, to, start, 2]);
    listed.push(...Object.entries(page.storage));
    checks.ok(!page.nextKey || page.nextKey > listed.at(-1)[0], "the next page begins further on");
    start = page.nextKey;
  }
  checks.ok(listed.length > 0, "the contract has slots");
  for (const [hash, { key, value }] of listed) {
    checks.equal(keccak256(key), hash, "a slot stands under the hash of its key");
    const read = await rpc(url, "eth_getStorageAt", [to, key, `0x${(head - 1).toString(16)}`]);
    checks.equal(read, value, `slot ${key} before block ${head}`);
  }
}

async function fees({ checks, url, wallet, accounts }) {
  const history = await rpc(url, "eth_feeHistory", ["0x2", "latest", [20]]);
  checks.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1, "one base fee more");
  checks.ok(history.gasUsedRatio.every(Number.isFinite), "finite ratios");
  checks.ok(history.reward.every(([reward]) => reward === "0x0"), "rewards are 0");
  checks.equal(await rpc(url, "eth_gasPrice", []), "0x0", "gas price");
  checks.equal(await rpc(url, "eth_maxPriorityFeePerGas", []), "0x0", "tip");
  const head = await rpc(url, "eth_getBlockByNumber", ["latest", false]);
  checks.equal(head.baseFeePerGas, "0x0", "base fee");
  const fields = {
    ...(await base(url, wallet, 21_000)), to: wallet.address, type: 2,
    maxFeePerGas: 22_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n,
  };
  const receipt = await sendAndWait(url, await wallet.signTransaction(fields));
  checks.equal(receipt.effectiveGasPrice, "0x0", "a generous bid is not charged");
  const balance = await rpc(url, "eth_getBalance", [wallet.address, "latest"]);
  if (accounts.empty) checks.equal(balance, "0x0", "the account still holds nothing");
}

async function meteredFees({ checks, url, wallet, mode: { price } }) {
  const history = await rpc(url, "eth_feeHistory", ["0x2", "latest", [20]]);
  checks.ok(history.baseFeePerGas.every((fee) => BigInt(fee) === price), "the base fee is constant");
  checks.ok(history.gasUsedRatio.every(Number.isFinite), "finite ratios");
  checks.equal(BigInt(await rpc(url, "eth_gasPrice", [])), price, "gas price");
  checks.equal(await rpc(url, "eth_maxPriorityFeePerGas", []), "0x0", "tip");
  const head = await rpc(url, "eth_getBlockByNumber", ["latest", false]);
  checks.equal(BigInt(head.baseFeePerGas), price, "base fee");
  const balance = async (block) => BigInt(await rpc(url, "eth_getBalance", [wallet.address, block]));
  const before = await balance("latest");
  const fields = {
    ...(await base(url, wallet, 21_000)), to: wallet.address, type: 2,
    maxFeePerGas: price * 22n, maxPriorityFeePerGas: 3n,
  };
  const receipt = await sendAndWait(url, await wallet.signTransaction(fields));
  checks.equal(BigInt(receipt.effectiveGasPrice), price + 3n, "base fee and tip are charged, not the cap");
  checks.equal(before - (await balance("latest")), (price + 3n) * BigInt(receipt.gasUsed), "what the account paid");
  const refusal = async (change, signer = wallet) => {
    const signed = await signer.signTransaction({ ...fields, nonce: fields.nonce + 1, ...change });
    const request = { jsonrpc: "2.0", id: 1, method: "eth_sendRawTransaction", params: [signed] };
    return (await post(url, request)).body.error?.message;
  };
  checks.match(await refusal({ maxFeePerGas: price - 1n, maxPriorityFeePerGas: 0n }),
    /max fee per gas less than block base fee/, "a cap below the base fee");
  checks.match(await refusal({ nonce: 0 }, Wallet.createRandom()),
    /insufficient funds for gas \* price \+ value/, "an empty account");
}
