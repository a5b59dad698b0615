// Clients that run as programs of their own, in another runtime or with many packages. They are told
// the network by environment variables, print what they do, and end with one line of counts.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RESULT = "@result ";
const TIMEOUT_MS = 1_800_000;
const ERROR_TAIL_BYTES = 3_000;

/** Runs a client and takes over its counts. A program that ends without them has failed. */
export async function external(checks, { url, accounts, probe, mode }, { program, args, cwd, env = {}, timeoutMs = TIMEOUT_MS }) {
  const folder = await mkdtemp(join(tmpdir(), "heqi-client-"));
  try {
    const file = join(folder, "probe.json");
    await writeFile(file, JSON.stringify(probe));
    const result = await ended(program, args, cwd, {
      ...process.env, NO_COLOR: "1",
      HEQI_RPC: url, HEQI_MODE: mode.name, HEQI_GAS_PRICE: `${mode.price}`, HEQI_PROBE: file,
      HEQI_KEY: await accounts.main(url), HEQI_FRESH_KEY: await accounts.fresh(url), HEQI_WORK: folder, ...env,
    }, timeoutMs);
    checks.adopt(result);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function ended(program, args, cwd, env, timeoutMs) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    let result;
    let errors = "";
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith(RESULT)) result = JSON.parse(line.slice(RESULT.length));
      else console.log(`  ${line}`);
    });
    child.stderr.on("data", (text) => (errors = `${errors}${text}`.slice(-ERROR_TAIL_BYTES)));
    child.once("error", failed);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (result) done(result);
      else failed(new Error(`${program} ended with ${code ?? signal} and no counts: ${errors}`));
    });
  });
}

/** The other side: what a client's program finds in its environment. */
export async function settings() {
  const { readFile } = await import("node:fs/promises");
  const { HEQI_RPC, HEQI_MODE, HEQI_GAS_PRICE, HEQI_PROBE, HEQI_KEY, HEQI_FRESH_KEY, HEQI_WORK } = process.env;
  if (!HEQI_RPC || !HEQI_KEY) throw new Error("started by run.mjs, which names the network");
  return {
    url: HEQI_RPC, mode: HEQI_MODE, price: BigInt(HEQI_GAS_PRICE), key: HEQI_KEY, freshKey: HEQI_FRESH_KEY,
    folder: HEQI_WORK, probe: JSON.parse(await readFile(HEQI_PROBE, "utf8")),
  };
}

/** Prints the counts and ends the program. */
export function finish({ passed, failures, millis }) {
  process.stdout.write(`\n${RESULT}${JSON.stringify({ passed, failures, millis })}\n`, () => process.exit(0));
}
