// All clients. The light ones share the packages of this folder and are what `cargo xtask test` runs;
// the others have their own folder, whose packages are installed when they are asked for.
import { fileURLToPath } from "node:url";
import { join } from "node:path";

import { external } from "./external.mjs";
import { mavenPackages, newerNode, npmPackages, pythonPackages } from "./install.mjs";
import { ethersSuite } from "../suites/ethers.mjs";
import { castSuite, forgeSuite } from "../suites/foundry.mjs";
import { viemSuite } from "../suites/viem.mjs";
import { wireSuite } from "../suites/wire.mjs";

const NODE_22 = 22;
const folderOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** A client of JavaScript in its own folder. */
function script(name, nodeMajorMin = 0) {
  const folder = folderOf(name);
  return {
    prepare: async () => npmPackages(folder, await newerNode(nodeMajorMin)),
    run: async (checks, context) => external(checks, context, {
      program: await newerNode(nodeMajorMin), args: ["run.mjs", context.transport], cwd: folder,
    }),
  };
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

/** Name, how it is prepared and run, and which transport it uses. */
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
  "web3py-http": { ...python("web3py", "scenarios.py"), transport: "http" },
  "web3py-ws": { ...python("web3py", "scenarios.py"), transport: "ws" },
  "web3py-modules": { ...python("web3py", "modules.py"), transport: "http" },
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
