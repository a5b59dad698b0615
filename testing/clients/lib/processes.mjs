// Child processes, Foundry's binaries among them, and JSON-RPC without a client.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

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
export function run(program, args, { env = {}, cwd, input, uid, gid, timeoutMs = COMMAND_TIMEOUT_MS } = {}) {
  return new Promise((done) => {
    const child = execFile(
      program,
      args,
      {
        cwd,
        uid,
        gid,
        env: { ...process.env, NO_COLOR: "1", FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", ...env },
        maxBuffer: OUTPUT_LIMIT_BYTES,
        timeout: timeoutMs,
      },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
        done({ code, stdout, stderr, text: `${stdout}\n${stderr}` });
      },
    );
    // a program that has ended may never have read its input
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input ?? "");
  });
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
