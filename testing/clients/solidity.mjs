// From `heqi init solidity` to verified sources, with forge, cast and Hardhat 3 as their users have them:
// every command of the projects' README, on a network of our own whose first node has a compiler.
//
//   node solidity.mjs --devnet PATH_TO_HEQI [--port-base PORT]
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import solc from "solc";

import { Missing, newerNode, npmPackages } from "./lib/install.mjs";
import { startMirror } from "./lib/mirror.mjs";
import { foundryBinary, run } from "./lib/processes.mjs";
import { Report } from "./lib/report.mjs";

const SOLC = fileURLToPath(new URL("./solc/solc.mjs", import.meta.url));
const HARDHAT = fileURLToPath(new URL("./hardhat", import.meta.url));
const HARDHAT_NODE_MAJOR_MIN = 22;
const VERSION = solc.version().replace(/^(.*\+commit\.[0-9a-f]+).*/, "$1");

/** Runs a command that has to succeed; answers what it printed. */
async function good(checks, promise, what) {
  const { code, stdout, text } = await promise;
  if (!checks.equal(code, 0, `${what}: exit code (${text.trim().slice(-400)})`)) throw new Error(`${what} failed`);
  return stdout.trim();
}

async function getJson(url) {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

/** A network of four whose first node has the npm compiler. */
async function startNetwork(heqi, parent, portBase) {
  const directory = join(parent, "net");
  const devnet = (...args) => run(heqi, ["devnet", ...args, "--dir", directory]);
  const must = async (...args) => {
    const { code, stdout, text } = await devnet(...args);
    if (code !== 0) throw new Error(`devnet ${args[0]} failed: ${text}`);
    return stdout;
  };
  const ports = portBase ? ["--port-base", portBase] : [];
  const network = JSON.parse(await must("up", "--detach", "-o", "json", ...ports));
  const record = JSON.parse(await readFile(join(directory, "devnet.json"), "utf8"));
  const configuration = join(directory, record.organisations[0].folder, "node.toml");
  const text = await readFile(configuration, "utf8");
  if (!/^solc = \[\]$/m.test(text)) throw new Error(`${configuration} has no verification.solc`);
  await writeFile(configuration, text.replace(/^solc = \[\]$/m, `solc = [${JSON.stringify(SOLC)}]`));
  const restart = async () => {
    await must("stop", "node1");
    await must("start", "node1");
  };
  await restart();
  const urls = network.nodes.map(({ rpc }) => rpc.replace(/\/$/, ""));
  return { urls, restart, stop: () => devnet("down") };
}

/** The compiler where forge looks for those that it has installed. */
async function installedCompiler(parent) {
  const [version] = VERSION.split("+");
  const path = join(parent, "home/.svm", version, `solc-${version}`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\nexec ${process.execPath} ${SOLC} "$@"\n`);
  await chmod(path, 0o755);
  return join(parent, "home");
}

async function wellKnown(checks, { urls, chainId }) {
  const { status, body } = await getJson(`${urls[0]}/.well-known/chain.json`);
  checks.equal(status, 200, "chain.json");
  checks.equal(body.chainId, chainId, "its chain id");
  checks.equal(body.rpc[0], urls[0], "its URL");
}

async function foundryProject(checks, context) {
  const { urls, folder, key, home } = context;
  const cwd = join(folder, "foundry");
  const env = { FOUNDRY_SOLC: SOLC, FOUNDRY_OFFLINE: "true", HOME: home };
  const forge = (...args) => run(foundryBinary("forge"), args, { cwd, env });
  const cast = (...args) => run(foundryBinary("cast"), [...args, "--rpc-url", urls[0]], { cwd, env });
  await good(checks, forge("build"), "forge build");
  checks.match(await good(checks, forge("test"), "forge test"), /3 tests passed, 0 failed/, "its tests");
  const script = ["script", "script/Deploy.s.sol", "--rpc-url", "heqi", "--broadcast", "--private-key", key];
  const said = await good(checks, forge(...script), "forge script");
  const address = /contract Counter (0x[0-9a-fA-F]{40})/.exec(said)?.[1];
  checks.ok(address, "the script prints the address");
  checks.equal(await good(checks, cast("call", address, "number()(uint256)"), "call"), "8", "the number");
  await good(checks, cast("send", address, "increment()", "--private-key", key), "send");
  checks.equal(await good(checks, cast("call", address, "number()(uint256)"), "call"), "9", "the number after");
  return address;
}

function forgeVerify({ folder, home, chainId, mirror }, project, address, ...verifier) {
  return run(foundryBinary("forge"), [
    "verify-contract", address, "src/Counter.sol:Counter", "--chain", `${chainId}`, "--watch", "--retries", "1",
    "--compiler-version", VERSION, ...verifier,
  ], { cwd: join(folder, project), env: { FOUNDRY_SOLC: SOLC, HOME: home, ...mirror.env } });
}

async function foundryVerification(checks, context, address) {
  const { urls, folder, chainId, mirror } = context;
  const sourcify = (url) => ["--verifier", "sourcify", "--verifier-url", `${url}/verify-server/`];
  const known = `${urls[0]}/verify-server/v2/contract/${chainId}/${address}`;
  checks.equal((await getJson(known)).status, 404, "not verified before");
  await cp(join(folder, "foundry"), join(folder, "changed"), { recursive: true });
  const source = join(folder, "changed/src/Counter.sol");
  const text = await readFile(source, "utf8");
  // One byte of a comment, then one byte of code.
  for (const [from, to, code] of [["may raise", "may raisE", "VER-0009"], ["number += 1", "number += 2", "VER-0008"]]) {
    await writeFile(source, text.replace(from, to));
    const refused = await forgeVerify(context, "changed", address, ...sourcify(urls[0]));
    checks.ok(refused.code !== 0, `${code}: refused`);
    checks.match(refused.text, new RegExp(code), "with its code");
  }
  checks.equal((await getJson(known)).status, 404, "still not verified");
  const without = await forgeVerify(context, "foundry", address, ...sourcify(urls[1]));
  checks.ok(without.code !== 0, "a node without a compiler refuses");
  checks.match(without.text, /VER-0004/, "and says why");
  const said = await good(checks, forgeVerify(context, "foundry", address, ...sourcify(urls[0])), "verify-contract");
  checks.match(said, /exact_match/, "an exact match");
  const { status, body } = await getJson(`${known}?fields=all`);
  checks.equal(status, 200, "verified");
  const sources = body.sources["src/Counter.sol"]?.content;
  checks.equal(sources, await readFile(join(folder, "foundry/src/Counter.sol"), "utf8"), "the source");
  const again = await good(checks, forgeVerify(context, "foundry", address, ...sourcify(urls[0])), "once more");
  checks.match(again, /already/, "known already");
  checks.ok(mirror.asked.includes("/bin/list.txt"), "forge asked for its list and got it from here");
}

async function etherscanOfFoundry(checks, context) {
  const { urls, folder, key, home } = context;
  const env = { FOUNDRY_SOLC: SOLC, FOUNDRY_OFFLINE: "true", HOME: home };
  const made = await good(checks, run(foundryBinary("forge"), [
    "create", "src/Counter.sol:Counter", "--rpc-url", "heqi", "--broadcast", "--json", "--private-key", key,
    "--constructor-args", "7",
  ], { cwd: join(folder, "foundry"), env }), "forge create");
  const address = JSON.parse(made.slice(made.indexOf("{"))).deployedTo;
  const said = await good(checks, forgeVerify(
    context, "foundry", address, "--verifier", "blockscout", "--verifier-url", `${urls[0]}/api`,
  ), "verify-contract");
  checks.match(said, /Pass - Verified/, "verified");
}

async function declared(checks, { urls, folder, chainId }, address) {
  const artifact = JSON.parse(await readFile(join(folder, "foundry/out/Counter.sol/Counter.json"), "utf8"));
  const files = Object.keys(artifact.metadata.sources);
  const read = async (file) => [file, await readFile(join(folder, "foundry", file), "utf8")];
  const sources = Object.fromEntries(await Promise.all(files.map(read)));
  const send = async (body) => {
    const url = `${urls[1]}/verify-server/v2/verify/metadata/${chainId}/${address}`;
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    const { verificationId } = await response.json();
    return (await getJson(`${urls[1]}/verify-server/v2/verify/${verificationId}`)).body;
  };
  const wrong = { ...sources, [files[0]]: `${sources[files[0]]} ` };
  const refused = await send({ metadata: artifact.rawMetadata, sources: wrong });
  checks.equal(refused.error?.code, "VER-0010", "another byte is refused");
  const job = await send({ metadata: artifact.rawMetadata, sources });
  checks.equal(job.proof, "declared", "without a compiler it is declared");
  checks.equal(job.contract.match, null, "which is no match");
  const { body } = await getJson(`${urls[1]}/verification/contracts/${address}`);
  checks.equal(body.verified, false, "and not called verified");
}

async function hardhatProject(checks, context) {
  const { urls, folder, key } = context;
  const cwd = join(folder, "hardhat");
  const node = await newerNode(HARDHAT_NODE_MAJOR_MIN);
  await symlink(join(HARDHAT, "node_modules"), join(cwd, "node_modules"));
  const env = { PRIVATE_KEY: key, PATH: `${dirname(node)}${delimiter}${process.env.PATH}`, CI: "true" };
  const hardhat = (...args) => run(node, ["node_modules/hardhat/dist/src/cli.js", ...args], { cwd, env });
  await good(checks, hardhat("build"), "hardhat build");
  checks.match(await good(checks, hardhat("test", "solidity"), "hardhat test"), /3 passing/, "its tests");
  const deploy = async () => {
    const said = await good(checks, hardhat("run", "scripts/deploy.ts", "--network", "heqi"), "deploy");
    checks.match(said, /number is 8/, "the number");
    return /Counter is at (0x[0-9a-fA-F]{40})/.exec(said)[1];
  };
  const contract = ["--contract", "contracts/Counter.sol:Counter"];
  const source = join(cwd, "contracts/Counter.sol");
  const text = await readFile(source, "utf8");
  for (const provider of ["etherscan", "sourcify"]) {
    const address = await deploy();
    const verify = () => hardhat("verify", provider, "--network", "heqi", ...contract, address, "7");
    // Built, because the plug-in sends what was built last.
    await writeFile(source, text.replace("may raise", "may raisE"));
    await good(checks, hardhat("build"), "hardhat build");
    const refused = await verify();
    checks.ok(refused.code !== 0, `${provider}: a changed byte is refused`);
    checks.match(refused.text, /VER-0009/, "with its code");
    await writeFile(source, text);
    await good(checks, hardhat("build"), "hardhat build");
    const said = await good(checks, verify(), `verify ${provider}`);
    checks.match(said, /verified successfully/, "verified");
    const { body } = await getJson(`${urls[0]}/verification/contracts/${address}`);
    checks.equal(body.proof, "compiled", "as compiled");
  }
}

async function restarted(checks, { urls, restart, chainId }, address) {
  await restart();
  const { body } = await getJson(`${urls[0]}/verify-server/v2/contract/${chainId}/${address}`);
  checks.equal(body.match, "exact_match", "a restart keeps what was verified");
}

async function all(checks, context) {
  await checks.step("chain.json", () => wellKnown(checks, context));
  const address = await checks.step("the Foundry project", () => foundryProject(checks, context));
  if (address === undefined) return;
  await checks.step("forge verify-contract", () => foundryVerification(checks, context, address));
  await checks.step("forge by Etherscan's form", () => etherscanOfFoundry(checks, context));
  await checks.step("declared without a compiler", () => declared(checks, context, address));
  await checks.step("the Hardhat project", () => hardhatProject(checks, context), 300_000);
  await checks.step("restart", () => restarted(checks, context, address));
}

async function main() {
  const options = { devnet: { type: "string" }, "port-base": { type: "string" } };
  const { values } = parseArgs({ options });
  if (!values.devnet) throw new Error("usage: node solidity.mjs --devnet PATH_TO_HEQI [--port-base PORT]");
  const heqi = resolve(values.devnet);
  const report = new Report();
  const parent = await mkdtemp(join(tmpdir(), "heqi-solidity-"));
  const stops = [() => rm(parent, { recursive: true, force: true })];
  try {
    await npmPackages(HARDHAT);
    const home = await installedCompiler(parent);
    const mirror = await startMirror(parent, VERSION);
    stops.unshift(mirror.stop);
    const network = await startNetwork(heqi, parent, values["port-base"]);
    stops.unshift(network.stop);
    const folder = join(parent, "projects");
    const init = await run(heqi, ["init", "solidity", folder, "--rpc", network.urls[0], "-o", "json"]);
    if (init.code !== 0) throw new Error(`heqi init solidity failed: ${init.text}`);
    const chainId = JSON.parse(init.stdout).chain_id;
    const key = `0x${randomBytes(32).toString("hex")}`;
    const checks = report.client("solidity", "free");
    await checks.suite(() => all(checks, { ...network, folder, chainId, key, home, mirror }));
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    report.notRun("solidity", "free", error.message);
  } finally {
    for (const stop of stops) await stop();
  }
  return report.print() ? 0 : 1;
}

process.exitCode = await main();
process.exit();
