// Hardhat 3 with its ethers plug-in and Ignition, as their users have them. Started by ../run.mjs.
import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { finish, settings } from "../lib/external.mjs";
import { run } from "../lib/processes.mjs";
import { Checks } from "../lib/report.mjs";

const CONCURRENT = 50;
const BATCH = 1000;
const CREATEX = "0xba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed";
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const CLI = fileURLToPath(new URL("node_modules/hardhat/dist/src/cli.js", import.meta.url));
const COMMAND_TIMEOUT_MS = 300_000;
const STEP_TIMEOUT_MS = 400_000;
const deployments = `${FOLDER}ignition/deployments`;

const entry = { name: "hardhat", passed: 0, failures: [], millis: 0 };
const checks = new Checks(entry);
const given = await settings();
process.env.HARDHAT_CONFIG = `${FOLDER}hardhat.config.js`;
process.env.HEQI_EMPTY_KEY ??= `0x${randomBytes(32).toString("hex")}`;

const hardhat = (...args) => run(process.execPath, [CLI, ...args], {
  cwd: FOLDER, timeoutMs: COMMAND_TIMEOUT_MS,
  env: { HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", HARDHAT_IGNITION_CONFIRM_DEPLOYMENT: "false" },
});
const everything = (error) => {
  const parts = [];
  for (let one = error; one && parts.length < 6; one = one.cause ?? one.error) {
    parts.push(one.message, JSON.stringify(one.data ?? ""), one.reason, JSON.stringify(one.info ?? ""));
  }
  return parts.join(" ");
};
const says = (pattern) => (error) => pattern.test(everything(error));

async function build() {
  await mkdir(`${FOLDER}contracts`, { recursive: true });
  await cp(new URL("../contracts/src/Probe.sol", import.meta.url), `${FOLDER}contracts/Probe.sol`);
  const built = await hardhat("build");
  checks.equal(built.code, 0, `build (${built.text.slice(-300)})`);
  const artifact = JSON.parse(await readFile(`${FOLDER}artifacts/contracts/Probe.sol/Probe.json`, "utf8"));
  checks.ok(artifact.bytecode.length > 100, "the artefact has code");
}

const ids = [];
const newDeployment = () => {
  ids.push(`run-${randomBytes(4).toString("hex")}`);
  return ids.at(-1);
};
const deploy = (module, network, id, ...more) =>
  hardhat("ignition", "deploy", `ignition/modules/${module}.mjs`, "--network", network, "--deployment-id", id, ...more);
const deployed = async (id) => JSON.parse(await readFile(`${deployments}/${id}/deployed_addresses.json`, "utf8"));

/** Ignition waits for five confirmations of everything that it sends. */
async function ignition({ ethers }) {
  const id = newDeployment();
  const done = await deploy("Probe", "target", id);
  if (!checks.equal(done.code, 0, `deploy (${done.text.slice(-600)})`)) return;
  const addresses = await deployed(id);
  const probe = await ethers.getContractAt("Probe", addresses["ProbeModule#Probe"]);
  checks.equal(await probe.value(), 42n, "both writes, in order");
  const other = await ethers.getContractAt("Probe", addresses["ProbeModule#other"]);
  checks.equal(await other.value(), 42n, "an argument from an event");
  const [me] = await ethers.getSigners();
  const nonce = await ethers.provider.getTransactionCount(me.address);
  const again = await deploy("Probe", "target", id);
  checks.equal(again.code, 0, `deploy again (${again.text.slice(-300)})`);
  checks.equal(await ethers.provider.getTransactionCount(me.address), nonce, "nothing is sent twice");
  const status = await hardhat("ignition", "status", id);
  checks.match(status.text, /ProbeModule#Probe/, "status of the deployment");
}

async function create2({ ethers }) {
  const id = newDeployment();
  checks.ok((await ethers.provider.getCode(CREATEX)).length > 2, "CreateX is there");
  process.env.HEQI_SALT = `0x${randomBytes(32).toString("hex")}`;
  const done = await deploy("Probe", "target", id, "--strategy", "create2");
  if (!checks.equal(done.code, 0, `create2 (${done.text.slice(-600)})`)) return;
  const probe = await ethers.getContractAt("Probe", (await deployed(id))["ProbeModule#Probe"]);
  checks.equal(await probe.deployer(), CREATEX, "created by CreateX");
}

async function ignitionFailures() {
  const reverting = await deploy("Reverting", "target", newDeployment());
  checks.ok(reverting.code !== 0, "a reverting deployment fails");
  checks.match(reverting.text, /TooLarge/, "with the error's name");
  const foreign = await deploy("Probe", "foreign", newDeployment());
  checks.ok(foreign.code !== 0, "another chain id is refused");
  checks.match(foreign.text, /424242/, "and named");
  if (given.price === 0n) return;
  const empty = await deploy("Probe", "empty", newDeployment());
  checks.ok(empty.code !== 0, "an account that cannot pay");
  checks.match(empty.text, /insufficient funds|exceeds allowance \(0\)/i, "is named as such");
}

async function identity({ ethers, provider }) {
  const [me] = await ethers.getSigners();
  const balance = await ethers.provider.getBalance(me.address);
  if (given.mode === "metered") checks.ok(balance > 0n, "the account is funded");
  else checks.equal(balance, 0n, "the account holds nothing");
  checks.equal(BigInt(await provider.request({ method: "eth_gasPrice" })), given.price, "the gas price");
  checks.ok((await ethers.provider.getNetwork()).chainId > 0n, "the chain id is positive");
}

async function writes({ ethers }) {
  const [me] = await ethers.getSigners();
  const probe = await ethers.deployContract("Probe", [7n]);
  await probe.waitForDeployment();
  checks.equal(await probe.value(), 7n, "the constructor ran");
  checks.equal(await probe.deployer(), me.address, "the immutable is set");
  for (let round = 1n; round <= 3n; round += 1n) {
    const receipt = await (await probe.set(round, "write")).wait(1);
    checks.equal(receipt.status, 1, `status of write ${round}`);
    checks.equal(await probe.value(), round, `value right after the receipt of write ${round}`);
  }
  const receipt = await (await probe.set(55n, "five")).wait(5);
  const head = await ethers.provider.getBlockNumber();
  checks.ok(head >= receipt.blockNumber + 4, "5 confirmations on an idle chain");
  return probe;
}

async function events({ ethers }, probe) {
  const [me] = await ethers.getSigners();
  const seen = [];
  await probe.on(probe.filters.ValueSet(me.address), (...args) => seen.push(args.at(-1).args?.note ?? args[2]));
  const first = await (await probe.set(81n, "watched-1")).wait(1);
  const second = await (await probe.set(82n, "watched-2")).wait(1);
  while (seen.filter((note) => note?.startsWith("watched")).length < 2) await new Promise((next) => setTimeout(next, 100));
  await probe.off(probe.filters.ValueSet(me.address));
  checks.equal(seen.filter((note) => note.startsWith("watched")).join(), "watched-1,watched-2", "each event once");
  const logs = await probe.queryFilter(probe.filters.ValueSet(me.address), first.blockNumber, second.blockNumber);
  checks.equal(logs.length, 2, "events by filter");
}

async function failures({ ethers }, probe) {
  await checks.rejects(probe.set(2_000_000n, ""), says(/TooLarge|677fd0e3/), "custom error of a write");
  await checks.rejects(probe.set.staticCall(2_000_000n, ""), says(/TooLarge|677fd0e3/), "custom error of a call");
  await checks.rejects(probe.requireString.staticCall(), says(/the value is not zero/), "require text");
  await checks.rejects(probe.divide.staticCall(0n), says(/4e487b71|Panic|0x12|division/i), "panic code");
  const failed = await probe.set(2_000_000n, "", { gasLimit: 200_000n });
  await checks.rejects(failed.wait(1), () => true, "a reverted transaction");
  const receipt = await ethers.provider.getTransactionReceipt(failed.hash);
  checks.equal(receipt.status, 0, "has status 0");
}

async function concurrent({ ethers }, probe) {
  const [me] = await ethers.getSigners();
  const first = await ethers.provider.getTransactionCount(me.address);
  const offsets = Array.from({ length: CONCURRENT }, (_, index) => index).reverse();
  const sent = await Promise.all(offsets.map((offset) =>
    probe.set(BigInt(100 + offset), "concurrent", { nonce: first + offset, gasLimit: 200_000n })));
  const receipts = await Promise.all(sent.map((one) => one.wait(1)));
  checks.equal(receipts.filter(({ status }) => status === 1).length, CONCURRENT, "all succeeded");
  checks.equal(await ethers.provider.getTransactionCount(me.address), first + CONCURRENT, "nonce");
  checks.equal(await probe.value(), BigInt(100 + CONCURRENT - 1), "the last nonce wrote last");
}

/** Hardhat's provider has no batches; as many single requests at once take their place. */
async function reads({ provider }, probe) {
  const target = await probe.getAddress();
  const ask = () => provider.request({ method: "eth_getCode", params: [target, "latest"] });
  const answers = await Promise.all(Array.from({ length: BATCH }, ask));
  checks.equal(answers.length, BATCH, "answers");
  checks.equal(new Set(answers).size, 1, "all equal");
}

async function negative({ ethers, provider }) {
  const [, fresh] = await ethers.getSigners();
  await (await fresh.sendTransaction({ to: fresh.address, gasLimit: 21_000n })).wait(1);
  await checks.rejects(
    fresh.sendTransaction({ to: fresh.address, nonce: 0, gasLimit: 22_000n }), says(/nonce too low/i), "a used nonce",
  );
  const balance = await ethers.provider.getBalance(fresh.address);
  await checks.rejects(
    fresh.sendTransaction({ to: fresh.address, value: balance + 1n, gasLimit: 21_000n }),
    says(/insufficient funds/i), "a value the account does not hold",
  );
  await checks.rejects(
    provider.request({ method: "heqi_noSuchMethod", params: [] }), (error) => error.code === -32601, "an unknown method",
  );
}

const step = (name, body) => checks.step(name, body, STEP_TIMEOUT_MS);
await step("build", build);
const { default: hre } = await import("hardhat");
const connection = await step("connect", () => hre.network.getOrCreate("target"));
if (connection !== undefined) {
  await step("identity", () => identity(connection));
  const probe = await step("deploy, write and 5 confirmations", () => writes(connection));
  if (probe !== undefined) {
    await step("events", () => events(connection, probe));
    await step("failures", () => failures(connection, probe));
    await step(`${CONCURRENT} concurrent nonces`, () => concurrent(connection, probe));
    await step(`${BATCH} reads at once`, () => reads(connection, probe));
  }
  await step("negative cases", () => negative(connection));
  await step("Ignition", () => ignition(connection));
  await step("Ignition with CREATE2", () => create2(connection));
  await step("Ignition's failures", ignitionFailures);
}
for (const id of ids) await rm(`${deployments}/${id}`, { recursive: true, force: true });
finish(entry);
