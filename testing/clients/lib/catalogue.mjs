// All clients. The light ones share the packages of this folder and are what `cargo xtask test` runs;
// the others have their own folder, whose packages are installed when they are asked for.
import { fileURLToPath } from "node:url";
import { join } from "node:path";

import { external } from "./external.mjs";
import { mavenPackages, newerNode, npmPackages, postgresPrograms, pythonPackages } from "./install.mjs";
import { contractsSuite, prepare as prepareContracts } from "../real-contracts/suite.mjs";
import { ethersSuite } from "../suites/ethers.mjs";
import { castSuite, forgeSuite } from "../suites/foundry.mjs";
import { viemSuite } from "../suites/viem.mjs";
import { wireSuite } from "../suites/wire.mjs";

const NODE_22 = 22;
/** Thousands of blocks are made and then indexed at the indexer's own pace. */
const INDEXER_TIMEOUT_MS = 5_400_000;
const folderOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** A client of JavaScript in its own folder; `env` makes what only it is told of the options. */
function script(name, nodeMajorMin = 0, { env = async () => ({}), timeoutMs } = {}) {
  const folder = folderOf(name);
  return {
    prepare: async () => npmPackages(folder, await newerNode(nodeMajorMin)),
    run: async (checks, context) => external(checks, context, {
      program: await newerNode(nodeMajorMin), args: ["run.mjs", context.transport], cwd: folder, env: await env(context), timeoutMs,
    }),
  };
}

/** A client of JavaScript that keeps what it finds in a PostgreSQL server. */
function indexer(name) {
  const client = script(name, NODE_22, {
    env: async ({ blocks, urls }) => ({
      HEQI_BLOCKS: `${blocks}`, HEQI_RPCS: urls.join(), HEQI_POSTGRES: await postgresPrograms(),
    }),
    timeoutMs: INDEXER_TIMEOUT_MS,
  });
  return { ...client, prepare: async () => [await postgresPrograms(), await client.prepare()] };
}

/** A client of Python in its own folder. */
function python(name, file) {
  const folder = folderOf(name);
  return {
    prepare: () => pythonPackages(folder),
    run: async (checks, context) => external(checks, context, {
      program: await pythonPackages(folder), args: [join(folder, file), context.transport], cwd: folder,
    }),
  };
}

/** The client of Java. */
function java(name, source) {
  const folder = folderOf(name);
  return {
    prepare: () => mavenPackages(folder),
    run: (checks, context) => external(checks, context, {
      program: "java", args: ["-cp", join("lib", "*"), source], cwd: folder,
    }),
  };
}

const light = (run, transport = "http") => ({ run, transport, light: true, prepare: async () => undefined });

/**
 * Name, how it is prepared and run, and which transport it uses. `modes`: the only ones it runs in; `quick`:
 * on a network of its own that makes blocks as fast as it can.
 */
export const SUITES = {
  "json-rpc": light(wireSuite),
  "ethers-http": light(ethersSuite),
  "ethers-ws": light(ethersSuite, "ws"),
  "viem-http": light(viemSuite),
  "viem-ws": light(viemSuite, "ws"),
  cast: light(castSuite),
  forge: light(forgeSuite),
  "web3js-http": { ...script("web3js"), transport: "http" },
  "web3js-ws": { ...script("web3js"), transport: "ws" },
  web3j: { ...java("web3j", "Web3jSuite.java"), transport: "http" },
  hardhat: { ...script("hardhat", NODE_22), transport: "http" },
  openzeppelin: { ...script("openzeppelin", NODE_22), transport: "http", modes: ["dev"] },
  "web3py-http": { ...python("web3py", "scenarios.py"), transport: "http" },
  "web3py-ws": { ...python("web3py", "scenarios.py"), transport: "ws" },
  contracts: { prepare: prepareContracts, run: contractsSuite, transport: "http" },
  "web3py-modules": { ...python("web3py", "modules.py"), transport: "http" },
  ponder: {
    ...indexer("ponder"), transport: "http", modes: ["free", "dev"], quick: true,
  },
};

/** The suites of these names, where a prefix such as `web3js` names all that begin with it. */
export function named(names) {
  const all = Object.keys(SUITES);
  return names.flatMap((name) => {
    const found = all.filter((one) => one === name || one.startsWith(`${name}-`));
    if (found.length === 0) throw new Error(`unknown suite ${name}`);
    return found;
  });
}
