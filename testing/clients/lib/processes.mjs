// Child processes: Foundry's binaries, `heqi devnet`, and anvil while developing.
import { execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

const require = createRequire(import.meta.url);
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;
const COMMAND_TIMEOUT_MS = 85_000;
const PLATFORMS = { linux: "linux", darwin: "darwin", win32: "win32" };
const MACHINES = { x64: "amd64", arm64: "arm64" };

/** A Foundry program: the binary of this platform's npm package, otherwise the one in PATH. */
export function foundryBinary(name) {
  const platform = `${PLATFORMS[process.platform]}-${MACHINES[process.arch]}`;
  const file = process.platform === "win32" ? `${name}.exe` : name;
  try {
    const manifest = require.resolve(`@foundry-rs/${name}-${platform}/package.json`);
    const path = join(dirname(manifest), "bin", file);
    if (existsSync(path)) return path;
  } catch {
    // package.json names the packages of the platforms that the tests run on
  }
  const inPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, file));
  const found = inPath.find((path) => existsSync(path));
  if (!found) throw new Error(`${name} is missing: run npm ci in testing/clients, or install Foundry 1.7.1`);
  return found;
}

/** Runs a program to its end; never throws, the caller judges the exit code. */
export function run(program, args, { env = {}, cwd, input } = {}) {
  return new Promise((done) => {
    const child = execFile(
      program,
      args,
      {
        cwd,
        env: { ...process.env, NO_COLOR: "1", FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", ...env },
        maxBuffer: OUTPUT_LIMIT_BYTES,
        timeout: COMMAND_TIMEOUT_MS,
      },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
        done({ code, stdout, stderr, text: `${stdout}\n${stderr}` });
      },
    );
    child.stdin?.end(input ?? "");
  });
}

/** A network of our own in a temporary directory, taken down by `stop`. */
export async function startDevnet(heqi) {
  const binary = resolve(heqi);
  const parent = await mkdtemp(join(tmpdir(), "heqi-clients-"));
  const directory = join(parent, "net");
  const stop = async () => {
    const down = await run(binary, ["devnet", "down", "--dir", directory]);
    await rm(parent, { recursive: true, force: true });
    if (down.code !== 0) throw new Error(`devnet down failed: ${down.text}`);
  };
  const up = await run(binary, ["devnet", "up", "--dir", directory, "--detach", "-o", "json"]);
  if (up.code !== 0) {
    await stop().catch(() => undefined);
    throw new Error(`devnet up failed with ${up.code}: ${up.text}`);
  }
  const network = JSON.parse(up.stdout);
  return { urls: network.nodes.map(({ rpc }) => rpc), stop };
}

/** anvil with free fees, for developing these tests. */
export async function startAnvil() {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const child = spawn(
    foundryBinary("anvil"),
    ["--port", `${port}`, "--block-time", "1", "--base-fee", "0", "--gas-price", "0", "--silent"],
    { stdio: "ignore" },
  );
  const stop = async () => void child.kill();
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await new Promise((next) => setTimeout(next, 100));
    try {
      await rpc(url, "eth_chainId", []);
      return { urls: [url], stop };
    } catch {
      // not listening yet
    }
  }
  await stop();
  throw new Error("anvil did not start within 10 s");
}

/** One JSON-RPC exchange without any client library. */
export async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** One JSON-RPC call; an error answer is thrown. */
export async function rpc(url, method, params) {
  const { body } = await post(url, { jsonrpc: "2.0", id: 1, method, params });
  if (body.error) throw Object.assign(new Error(body.error.message), body.error);
  return body.result;
}
