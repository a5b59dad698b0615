// OpenZeppelin's contracts under Hardhat's test runner, as their own suite runs, against development
// ledgers of its own. Started by ../run.mjs.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { finish, settings } from "../lib/external.mjs";
import { foundryBinary, rpc, run } from "../lib/processes.mjs";
import { Checks } from "../lib/report.mjs";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const CLI = join(FOLDER, "node_modules/hardhat/dist/src/cli.js");
const TESTS_MIN = 390;
const STEP_TIMEOUT_MS = 600_000;
const LISTEN_ATTEMPTS = 300;
const LISTEN_PAUSE_MS = 100;
// What OpenZeppelin's own suite asks of Hardhat's network, with names that anvil has too.
const OPTIONS = ["--accounts", "20", "--disable-code-size-limit", "--hardfork", "osaka"];
// eth_getProof answers where blocks commit to Ethereum's trie; anvil has no other.
const TRIE = ["--state", "mpt"];

const given = await settings();
const entry = { name: "openzeppelin", passed: 0, failures: [], millis: 0 };
const checks = new Checks(entry);
const hardhat = (env, ...args) => run(process.execPath, [CLI, ...args], {
  cwd: FOLDER, timeoutMs: STEP_TIMEOUT_MS, env: { HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", ...env },
});

/** A node with the options, until it is stopped; the given one where no program is named. */
async function node(more) {
  const { HEQI_BINARY, HEQI_TARGET } = process.env;
  if (HEQI_TARGET === "anvil") return anvil();
  if (!HEQI_BINARY) return { url: given.url, stop: () => undefined };
  const child = spawn(HEQI_BINARY, ["-o", "json", "dev", "--port", "0", ...OPTIONS, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) return { url: JSON.parse(line).rpc, stop: stopper(child) };
  throw new Error("heqi dev did not start");
}

async function anvil() {
  const port = `${20_000 + Math.floor(Math.random() * 20_000)}`;
  const child = spawn(foundryBinary("anvil"), [...OPTIONS, "--port", port, "--silent"], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < LISTEN_ATTEMPTS; attempt += 1) {
    await new Promise((next) => setTimeout(next, LISTEN_PAUSE_MS));
    if (await rpc(url, "eth_chainId", []).catch(() => false)) return { url, stop: stopper(child) };
  }
  throw new Error("anvil does not listen");
}

const stopper = (child) => () => new Promise((done) => {
  child.once("exit", done);
  child.kill();
});

/** All tests on one network; Mocha's counts become this suite's. */
async function tests(network, url) {
  const file = join(given.folder, `${network}-${Date.now()}.json`);
  const env = { HEQI_RPC: url, HEQI_REPORTER: join(FOLDER, "reporter.cjs"), HEQI_RESULT: file };
  const ended = await hardhat(env, "test", "mocha", "--no-compile", "--network", network);
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (!checks.ok(text !== undefined, `no results: ${ended.text.slice(-600)}`)) return;
  const { passed, failures } = JSON.parse(text);
  entry.passed += passed;
  failures.forEach((failure) => checks.fail(failure));
  checks.ok(passed + failures.length >= TESTS_MIN, `${passed + failures.length} tests ran, expected ${TESTS_MIN} at least`);
  checks.equal(ended.code === 0, failures.length === 0, `exit code ${ended.code}`);
  console.log(`${checks.current}: ${passed} passed, ${failures.length} failed`);
}

async function on(networks, more) {
  const { url, stop } = await node(more);
  try {
    for (const network of networks) {
      const name = `${network} accounts${more.length === 0 ? "" : `, ${more.join(" ")}`}`;
      await checks.step(name, () => tests(network, url), STEP_TIMEOUT_MS);
    }
  } finally {
    await stop();
  }
}

await checks.step("build", async () => {
  const built = await hardhat({ HEQI_RPC: given.url }, "build");
  checks.equal(built.code, 0, `build (${built.text.slice(-600)})`);
}, STEP_TIMEOUT_MS);
// what is expected is what Hardhat's own network does
await checks.step("Hardhat's own network", () => tests("own", given.url), STEP_TIMEOUT_MS);
await on(["remote", "keys"], process.env.HEQI_TARGET === "anvil" ? [] : TRIE);
if (process.env.HEQI_BINARY) await on(["remote"], ["--base-fee", "1000000000"]);
finish(entry);
