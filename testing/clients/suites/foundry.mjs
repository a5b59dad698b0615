// cast and forge as their users have them; forge compiles with the npm solc package.
import { mkdtemp, rm, cp } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Wallet, getCreate2Address, keccak256, AbiCoder } from "ethers";

import { foundryBinary, rpc, run } from "../lib/processes.mjs";

const CONCURRENT = 50;
const CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
const PROJECT = fileURLToPath(new URL("../contracts", import.meta.url));
const SOLC = fileURLToPath(new URL("../solc/solc.mjs", import.meta.url));

function program(name, url, options = {}) {
  const binary = foundryBinary(name);
  const call = (...args) => run(binary, args, { ...options, env: { ETH_RPC_URL: url, ...options.env } });
  return Object.assign(call, { url });
}

export async function castSuite(checks, { url, probe, accounts, mode }) {
  const key = await accounts.main(url);
  const context = {
    checks, url, key, accounts, probe, mode, cast: program("cast", url), me: new Wallet(key).address,
  };
  await checks.step("identity and zero balance", () => castIdentity(context));
  const address = await checks.step("deploy", () => castDeploy(context));
  if (address === undefined) return;
  await checks.step("write and read your write", () => castWrite(context, address));
  await checks.step("wait for 5 confirmations on an idle chain", () => castFive(context, address));
  await checks.step("history and blocks", () => castHistory(context, address));
  await checks.step("events", () => castEvents(context, address));
  await checks.step("failures", () => castFailures(context, address));
  await checks.step(`${CONCURRENT} concurrent nonces`, () => castConcurrent(context, address));
  await checks.step("cast run", () => castRun(context, address));
  await checks.step("errors", () => castErrors(context));
}

/** Output of a command that has to succeed. */
async function good(checks, promise, text) {
  const { code, stdout, text: output } = await promise;
  if (!checks.equal(code, 0, `${text}: exit code (${output.trim().slice(0, 300)})`)) {
    throw new Error(`${text} failed`);
  }
  return stdout.trim();
}

async function castIdentity({ checks, cast, me, url, accounts, mode }) {
  const id = await good(checks, cast("chain-id"), "chain-id");
  checks.equal(BigInt(id), BigInt(await rpc(url, "eth_chainId", [])), "chain id");
  const balance = await good(checks, cast("balance", me), "balance");
  if (accounts.empty) checks.equal(balance, "0", "the account holds nothing");
  checks.match(await good(checks, cast("client"), "client"), /\S+/, "client version");
  checks.equal(await good(checks, cast("gas-price"), "gas-price"), `${mode.price}`, "gas price");
}

async function castSend({ checks, cast, key }, text, ...args) {
  const out = await good(checks, cast("send", "--json", "--private-key", key, ...args), text);
  return JSON.parse(out.split("\n").at(-1));
}

async function castDeploy(context) {
  const { checks, cast, probe } = context;
  const code = `${probe.bytecode}${AbiCoder.defaultAbiCoder().encode(["uint256"], [7]).slice(2)}`;
  const receipt = await castSend(context, "deploy", "--create", code);
  checks.equal(receipt.status, "0x1", "status");
  const address = receipt.contractAddress;
  checks.ok((await good(checks, cast("code", address), "code")).length > 100, "the code is there");
  checks.equal(await good(checks, cast("call", address, "value()(uint256)"), "call"), "7", "value");
  return address;
}

async function castWrite(context, address) {
  const { checks, cast, me } = context;
  for (let round = 1; round <= 3; round += 1) {
    const before = Number(await good(checks, cast("nonce", me), "nonce"));
    const receipt = await castSend(context, "send", address, "set(uint256,string)", `${round}`, "write");
    checks.equal(receipt.status, "0x1", `status of write ${round}`);
    const value = await good(checks, cast("call", address, "value()(uint256)"), "call");
    checks.equal(value, `${round}`, `the value right after the receipt of write ${round}`);
    const after = Number(await good(checks, cast("nonce", me), "nonce"));
    checks.equal(after, before + 1, `the nonce right after the receipt of write ${round}`);
  }
  const gas = await good(
    checks, cast("estimate", address, "set(uint256,string)", "5", "x", "--from", me), "estimate",
  );
  checks.ok(Number(gas) > 21_000, "the estimate is plausible");
}

async function castFive(context, address) {
  const receipt = await castSend(
    context, "send", "--confirmations", "5", address, "set(uint256,string)", "55", "five",
  );
  context.checks.equal(receipt.status, "0x1", "status");
  const head = Number(await good(context.checks, context.cast("block-number"), "block-number"));
  context.checks.ok(head >= Number(receipt.blockNumber) + 4, "5 confirmations");
}

async function castHistory(context, address) {
  const { checks, cast, me } = context;
  const receipt = await castSend(context, "send", address, "set(uint256,string)", "77", "history");
  const number = Number(receipt.blockNumber);
  const nonceAt = async (block) => Number(await good(checks, cast("nonce", me, "--block", `${block}`), "nonce"));
  checks.equal((await nonceAt(number)) - (await nonceAt(number - 1)), 1, "nonce at two blocks");
  checks.match(
    await good(checks, cast("balance", me, "--block", `${number - 1}`), "balance"), /^\d+$/, "balance at a block",
  );
  const value = await good(checks, cast("call", address, "value()(uint256)", "--block", `${number}`), "call");
  checks.equal(value, "77", "value at its block");
  const block = JSON.parse(await good(checks, cast("block", `${number}`, "--json"), "block"));
  checks.equal(block.hash, receipt.blockHash, "block by number");
  const again = JSON.parse(await good(checks, cast("receipt", receipt.transactionHash, "--json"), "receipt"));
  checks.equal(again.blockHash, receipt.blockHash, "receipt by hash");
  const sent = JSON.parse(await good(checks, cast("tx", receipt.transactionHash, "--json"), "tx"));
  checks.equal(sent.blockNumber, receipt.blockNumber, "transaction by hash");
}

async function castEvents(context, address) {
  const { checks, cast, me } = context;
  const receipt = await castSend(context, "send", address, "set(uint256,string)", "81", "logged");
  const number = `${Number(receipt.blockNumber)}`;
  const logs = JSON.parse(await good(checks, cast(
    "logs", "--json", "--from-block", number, "--to-block", number, "--address", address,
    "ValueSet(address indexed,uint256 indexed,string)", me,
  ), "logs"));
  checks.equal(logs.length, 1, "one event");
  checks.equal(logs[0]?.transactionHash, receipt.transactionHash, "of this transaction");
  checks.equal(BigInt(logs[0]?.topics[2] ?? 0), 81n, "indexed value");
}

async function castFailures({ checks, cast, key }, address) {
  const custom = await cast("call", address, "set(uint256,string)", "2000000", "");
  checks.ok(custom.code !== 0, "the call fails");
  checks.match(custom.text, /677fd0e3|TooLarge/, "custom error");
  const text = await cast("call", address, "requireString()");
  checks.match(text.text, /the value is not zero/, "require text");
  const panic = await cast("call", address, "divide(uint256)", "0");
  checks.match(panic.text, /panic|0x4e487b71/i, "panic code");
  const estimate = await cast("send", "--private-key", key, address, "set(uint256,string)", "2000000", "");
  checks.ok(estimate.code !== 0, "a failing estimate stops the send");
}

async function castConcurrent({ checks, cast, key, me }, address) {
  const first = Number(await good(checks, cast("nonce", me), "nonce"));
  const sent = await Promise.all(Array.from({ length: CONCURRENT }, (_, offset) => cast(
    "send", "--async", "--private-key", key, "--nonce", `${first + offset}`, "--gas-limit", "200000",
    address, "set(uint256,string)", `${100 + offset}`, "concurrent",
  )));
  checks.equal(sent.filter(({ code }) => code === 0).length, CONCURRENT, "all accepted");
  const last = sent.at(-1).stdout.trim();
  const receipt = JSON.parse(await good(checks, cast("receipt", last, "--json"), "receipt"));
  checks.equal(receipt.status, "0x1", "the last one succeeded");
  checks.equal(Number(await good(checks, cast("nonce", me), "nonce")), first + CONCURRENT, "nonce");
  const value = await good(checks, cast("call", address, "value()(uint256)"), "call");
  checks.equal(value, `${100 + CONCURRENT - 1}`, "the last nonce wrote last");
}

/**
 * Executes past transactions again, from the state that the node had before them. cast's own EVM
 * takes what a transaction offers for gas from its sender, also where the network charged nothing: the
 * offer of an empty account has to be 0.
 */
async function castRun(context, address) {
  const { checks, cast, key, mode } = context;
  const price = mode.metered ? [] : ["--legacy", "--gas-price", "0"];
  const receipt = await castSend(context, "send", ...price, address, "set(uint256,string)", "91", "again");
  const again = await good(checks, cast("run", receipt.transactionHash), "run");
  checks.match(again, /set\(91, "again"\)|60fe47b1|::set|Transaction successfully executed/, "the call is shown");
  checks.match(again, /Transaction successfully executed/, "it succeeds again");
  checks.equal(Number(/Gas used: (\d+)/.exec(again)?.[1]), Number(receipt.gasUsed), "with the same gas");
  const sent = await good(checks, cast(
    "send", "--async", ...price, "--private-key", key, "--gas-limit", "200000", address,
    "set(uint256,string)", "2000000", "",
  ), "a write that reverts");
  await good(checks, cast("receipt", sent, "--json"), "its receipt");
  const failed = await cast("run", sent);
  checks.match(failed.text, /677fd0e3|TooLarge/, "a reverted transaction reverts again");
  const unknown = await cast("run", `0x${"11".repeat(32)}`);
  checks.ok(unknown.code !== 0, "an unknown transaction cannot be run");
}

async function castErrors({ checks, cast, url, accounts }) {
  const key = await accounts.fresh(url);
  const me = new Wallet(key).address;
  const plain = await cast("send", "--private-key", key, "--gas-limit", "21000", me);
  checks.equal(plain.code, 0, "a plain transfer to itself");
  const again = await cast("send", "--private-key", key, "--nonce", "0", "--gas-limit", "22000", me);
  checks.ok(again.code !== 0, "a used nonce is refused");
  checks.match(again.text, /nonce too low/i, "and says so");
  const poor = Wallet.createRandom();
  const value = await cast(
    "send", "--private-key", poor.privateKey, "--gas-limit", "21000", "--value", "1", me,
  );
  checks.ok(value.code !== 0, "a value the account does not hold is refused");
  checks.match(value.text, /insufficient funds/i, "and says so");
  const unknown = await cast("rpc", "heqi_noSuchMethod");
  checks.match(unknown.text, /-32601/, "an unknown method has its code");
  const garbage = await cast("publish", "0x02c0");
  checks.ok(garbage.code !== 0, "a malformed transaction is refused");
}

export async function forgeSuite(checks, { url, probe, accounts }) {
  const directory = await mkdtemp(join(tmpdir(), "heqi-forge-"));
  try {
    await cp(PROJECT, directory, {
      recursive: true, filter: (path) => !/[\\/](out|cache|broadcast)$/.test(path),
    });
    const key = await accounts.main(url);
    const env = { FOUNDRY_SOLC: SOLC };
    const context = {
      checks, url, key, probe, accounts, directory, me: new Wallet(key).address,
      forge: program("forge", url, { cwd: directory, env }), cast: program("cast", url),
    };
    await checks.step("build", () => forgeBuild(context));
    const address = await checks.step("forge create", () => forgeCreate(context));
    if (address === undefined) return;
    await checks.step("forge script with CREATE2 and 51 nonces", () => forgeScript(context));
    await checks.step("failures", () => forgeFailures(context));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function forgeBuild({ checks, forge }) {
  await good(checks, forge("build"), "build");
}

async function forgeCreate({ checks, forge, cast, key, me }) {
  const before = Number(await good(checks, cast("nonce", me), "nonce"));
  const out = await good(checks, forge(
    "create", "--broadcast", "--json", "--private-key", key, "src/Probe.sol:Probe", "--constructor-args", "7",
  ), "create");
  const { deployedTo, deployer } = JSON.parse(out.slice(out.indexOf("{")));
  checks.equal(deployer.toLowerCase(), me.toLowerCase(), "deployer");
  checks.equal(await good(checks, cast("call", deployedTo, "value()(uint256)"), "call"), "7", "value");
  checks.equal(Number(await good(checks, cast("nonce", me), "nonce")), before + 1, "nonce");
  return deployedTo;
}

async function forgeScript({ checks, forge, cast, key, me, directory }) {
  const salt = `0x${randomBytes(32).toString("hex")}`;
  const before = Number(await good(checks, cast("nonce", me), "nonce"));
  const env = { PROBE_SALT: salt, FOUNDRY_SOLC: SOLC, ETH_RPC_URL: cast.url };
  const script = await run(foundryBinary("forge"), [
    "script", "script/Deploy.s.sol:Deploy", "--broadcast", "--private-key", key, "--rpc-url", env.ETH_RPC_URL,
  ], { cwd: directory, env });
  checks.equal(script.code, 0, `exit code (${script.text.slice(-400)})`);
  checks.match(script.text, /ONCHAIN EXECUTION COMPLETE/, "complete");
  const artifact = await good(checks, run(foundryBinary("forge"), [
    "inspect", "Probe", "bytecode",
  ], { cwd: directory, env }), "inspect");
  const init = `${artifact}${AbiCoder.defaultAbiCoder().encode(["uint256"], [7]).slice(2)}`;
  const address = getCreate2Address(CREATE2_DEPLOYER, salt, keccak256(init));
  checks.equal(await good(checks, cast("call", address, "value()(uint256)"), "call"), "50", "the last write");
  checks.equal(
    (await good(checks, cast("call", address, "deployer()(address)"), "call")).toLowerCase(),
    CREATE2_DEPLOYER.toLowerCase(), "created by the CREATE2 deployer",
  );
  checks.equal(Number(await good(checks, cast("nonce", me), "nonce")), before + 51, "nonce");
}

async function forgeFailures({ checks, forge, key }) {
  const nonce = await forge(
    "create", "--broadcast", "--private-key", key, "--nonce", "0", "src/Probe.sol:Probe", "--constructor-args", "7",
  );
  checks.ok(nonce.code !== 0, "a used nonce is refused");
  checks.match(nonce.text, /nonce too low/i, "and says so");
  const chain = await forge(
    "create", "--broadcast", "--private-key", key, "--chain", "424242", "src/Probe.sol:Probe",
    "--constructor-args", "7",
  );
  checks.ok(chain.code !== 0, "another chain's id is refused");
}
