// Unmodified clients against a running network. See README.md for the options.
import { parseArgs } from "node:util";

import { Accounts } from "./lib/accounts.mjs";
import { compileProbe } from "./lib/compile.mjs";
import { startAnvil, startDevnet } from "./lib/processes.mjs";
import { Report } from "./lib/report.mjs";
import { ethersSuite } from "./suites/ethers.mjs";
import { castSuite, forgeSuite } from "./suites/foundry.mjs";
import { viemSuite } from "./suites/viem.mjs";
import { wireSuite } from "./suites/wire.mjs";

const SUITES = {
  "json-rpc": [wireSuite, "http"],
  "ethers-http": [ethersSuite, "http"],
  "ethers-ws": [ethersSuite, "ws"],
  "viem-http": [viemSuite, "http"],
  "viem-ws": [viemSuite, "ws"],
  cast: [castSuite, "http"],
  forge: [forgeSuite, "http"],
};

const USAGE = `usage: node run.mjs (--devnet PATH_TO_HEQI | --rpc URL[,URL…]) [--keys HEX[,HEX…]] [--only SUITE[,SUITE…]]
suites: ${Object.keys(SUITES).join(", ")}`;

function options() {
  const list = (text) => (text ?? "").split(",").filter((part) => part !== "");
  const { values } = parseArgs({
    options: {
      devnet: { type: "string" },
      rpc: { type: "string" },
      keys: { type: "string" },
      only: { type: "string" },
      target: { type: "string", default: "heqi" },
    },
  });
  const only = list(values.only);
  const unknown = only.filter((name) => !(name in SUITES));
  if (unknown.length > 0) throw new Error(`unknown suite ${unknown.join(", ")}`);
  if (values.target !== "anvil" && !values.devnet && !values.rpc) throw new Error("no network given");
  return { ...values, only, urls: list(values.rpc), keys: list(values.keys) };
}

async function network({ devnet, urls, target }) {
  if (devnet) return startDevnet(devnet);
  if (urls.length > 0) return { urls, stop: async () => undefined };
  if (target === "anvil") return startAnvil();
  throw new Error("no network given");
}

async function main() {
  let chosen;
  try {
    chosen = options();
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  const probe = compileProbe();
  const running = await network(chosen);
  const report = new Report();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => running.stop().finally(() => process.exit(130)));
  }
  process.once("uncaughtException", (error) => {
    console.error(error);
    running.stop().finally(() => process.exit(1));
  });
  try {
    const names = chosen.only.length > 0 ? chosen.only : Object.keys(SUITES);
    for (const [index, name] of names.entries()) {
      const [suite, transport] = SUITES[name];
      // each suite its own node: what one client sees has to hold on one node
      const url = running.urls[index % running.urls.length];
      const checks = report.client(name);
      console.log(`${name} against ${url}`);
      await checks.suite(() => suite(checks, { url, transport, probe, accounts: new Accounts(chosen) }));
    }
  } finally {
    await running.stop();
  }
  return report.print() ? 0 : 1;
}

process.exitCode = await main();
process.exit();
