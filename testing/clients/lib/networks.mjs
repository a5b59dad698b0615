// Networks that the tests start themselves: `heqi devnet` in free or metered mode, `heqi dev`, and
// anvil while the tests are developed.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { METERED_BASE_FEE_WEI } from "./modes.mjs";
import { foundryBinary, rpc, run } from "./processes.mjs";

const LISTEN_ATTEMPTS = 300;
const LISTEN_PAUSE_MS = 100;
const DEV_BLOCK_SECONDS = "1";

/**
 * Starts the network of a mode; `{ urls, faucet, stop }`, or `{ notRun }` with the reason. A `quick` one
 * makes a block as soon as there is a transaction.
 */
export async function startNetwork(heqi, mode, portBase, quick = false) {
  const binary = resolve(heqi);
  if (mode.dev) return startDev(binary, portBase, quick);
  const parent = await mkdtemp(join(tmpdir(), "heqi-clients-"));
  const directory = join(parent, "net");
  const stop = async () => {
    const down = await run(binary, ["devnet", "down", "--dir", directory]);
    await rm(parent, { recursive: true, force: true });
    if (down.code !== 0) throw new Error(`devnet down failed: ${down.text}`);
  };
  try {
    return { ...(await up(binary, directory, mode, portBase, quick)), stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

async function up(binary, directory, mode, portBase, quick) {
  const args = ["devnet", "up", "--dir", directory, "--detach", "-o", "json"];
  if (portBase) args.push("--port-base", portBase);
  const start = async (extra = []) => {
    const { code, stdout, text } = await run(binary, [...args, ...extra]);
    if (code !== 0) throw new Error(`devnet up failed with ${code}: ${text}`);
    return JSON.parse(stdout);
  };
  let network = await start(mode.metered ? ["--fund"] : []);
  const faucet = network.accounts[0].private_key;
  const parameters = {
    ...(mode.metered ? { fee_mode: "metered", base_fee_wei: Number(METERED_BASE_FEE_WEI) } : {}),
    ...(quick ? { interval_min_ms: 0 } : {}),
  };
  if (Object.keys(parameters).length > 0) {
    await change(binary, directory, parameters);
    network = await start();
  }
  return { urls: network.nodes.map(({ rpc: url }) => url), faucet };
}

/** Another genesis for a network that has just been made: the same members, other parameters. */
async function change(binary, directory, parameters) {
  const down = await run(binary, ["devnet", "down", "--dir", directory]);
  if (down.code !== 0) throw new Error(`devnet down failed: ${down.text}`);
  const [genesisFile, recordFile] = ["genesis.json", "devnet.json"].map((name) => join(directory, name));
  const genesis = JSON.parse(await readFile(genesisFile, "utf8"));
  Object.assign(genesis.parameters, parameters);
  await writeFile(genesisFile, JSON.stringify(genesis));
  const hash = await run(binary, ["genesis", "hash", genesisFile, "-o", "json"]);
  if (hash.code !== 0) throw new Error(`genesis hash failed: ${hash.text}`);
  const record = JSON.parse(await readFile(recordFile, "utf8"));
  record.genesis_hash = JSON.parse(hash.stdout).genesis_hash;
  await writeFile(recordFile, JSON.stringify(record));
  for (const { folder } of record.organisations) {
    await rm(join(directory, folder, "data"), { recursive: true, force: true });
  }
}

async function startDev(binary, portBase, quick) {
  const help = await run(binary, ["dev", "--help"]);
  if (help.code !== 0) return { notRun: "this heqi has no command `dev`" };
  const port = portBase ?? freePort();
  // Blocks in intervals, so that whoever waits for confirmations sees blocks come.
  const times = quick ? [] : ["--block-time", DEV_BLOCK_SECONDS];
  return started(binary, ["dev", "--port", `${port}`, ...times], port);
}

/** anvil with free fees, for developing these tests. */
export function startAnvil(quick = false) {
  const port = freePort();
  const times = quick ? [] : ["--block-time", "1"];
  return started(
    foundryBinary("anvil"),
    ["--port", `${port}`, ...times, "--base-fee", "0", "--gas-price", "0", "--silent"],
    port,
  );
}

/** anvil for repeating what happened elsewhere: blocks on demand, transactions in the order of arrival. */
export function startReplay(options) {
  const port = freePort();
  return started(foundryBinary("anvil"), [
    "--port", `${port}`, "--no-mining", "--order", "fifo", "--base-fee", "0", "--gas-price", "0",
    "--disable-min-priority-fee", "--gas-limit", "1000000000", "--silent", ...options,
  ], port);
}

const freePort = () => 20_000 + Math.floor(Math.random() * 20_000);

/** A program that serves JSON-RPC on a port until it is stopped. */
async function started(program, args, port) {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => (said = `${said}${text}`.slice(-2_000)));
  const stop = async () => {
    if (child.exitCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill();
    await gone;
  };
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < LISTEN_ATTEMPTS && child.exitCode === null; attempt += 1) {
    await new Promise((next) => setTimeout(next, LISTEN_PAUSE_MS));
    try {
      await rpc(url, "eth_chainId", []);
      return { urls: [url], stop };
    } catch {
      // not listening yet
    }
  }
  await stop();
  throw new Error(`${program} ${args.join(" ")} does not listen on ${port}: ${said}`);
}
