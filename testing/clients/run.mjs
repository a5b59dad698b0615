// Unmodified clients against a running network. See README.md for the options.
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { Accounts } from "./lib/accounts.mjs";
import { SUITES, named } from "./lib/catalogue.mjs";
import { compileProbe } from "./lib/compile.mjs";
import { Missing } from "./lib/install.mjs";
import { MODES, priced } from "./lib/modes.mjs";
import { startAnvil, startNetwork } from "./lib/networks.mjs";
import { rpc } from "./lib/processes.mjs";
import { Report } from "./lib/report.mjs";

const BLOCKS_DEFAULT = "10000";
const USAGE = `usage: node run.mjs (--devnet PATH_TO_HEQI [--port-base PORT] | --rpc URL[,URL…]) [--matrix]
  [--mode ${Object.keys(MODES).join("|")}[,…]] [--only SUITE[,SUITE…]] [--keys HEX[,HEX…]] [--faucet HEX]
  [--blocks NUMBER]
suites: ${Object.keys(SUITES).join(", ")}`;

function options() {
  const list = (text) => (text ?? "").split(",").filter((part) => part !== "");
  const { values } = parseArgs({
    options: {
      devnet: { type: "string" },
      rpc: { type: "string" },
      "port-base": { type: "string" },
      matrix: { type: "boolean", default: false },
      mode: { type: "string" },
      keys: { type: "string" },
      faucet: { type: "string" },
      only: { type: "string" },
      blocks: { type: "string", default: BLOCKS_DEFAULT },
      target: { type: "string", default: "heqi" },
    },
  });
  const modes = list(values.mode ?? (values.matrix && values.devnet ? Object.keys(MODES).join() : "free"));
  const unknown = modes.filter((name) => !(name in MODES));
  if (unknown.length > 0) throw new Error(`unknown mode ${unknown.join(", ")}`);
  if (values.target !== "anvil" && !values.devnet && !values.rpc) throw new Error("no network given");
  if (!/^[1-9]\d{2,5}$/.test(values.blocks)) throw new Error("--blocks is 100 to 999999");
  if (values.rpc && modes.length > 1) throw new Error("--rpc names one network, which has one mode");
  const suites = Object.keys(SUITES).filter((name) => values.matrix || SUITES[name].light);
  const names = values.only ? named(list(values.only)) : suites;
  return {
    ...values, names, modes: modes.map((name) => MODES[name]), urls: list(values.rpc), keys: list(values.keys),
  };
}

async function network({ devnet, urls, target, faucet, ...chosen }, mode, quick) {
  if (devnet) return startNetwork(devnet, mode, chosen["port-base"], quick);
  if (urls.length > 0) return { urls, faucet, stop: async () => undefined };
  if (target === "anvil") return startAnvil(quick);
  throw new Error("no network given");
}

/** Packages of the chosen clients; the reason where they cannot be had. */
async function prepared(names) {
  const missing = {};
  for (const name of names) {
    try {
      await SUITES[name].prepare();
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      missing[name] = error.message;
    }
  }
  return missing;
}

async function one(name, index, { running, mode, report, probe, accounts, blocks }) {
  const { run, transport } = SUITES[name];
  // each suite its own node: what one client sees has to hold on one node
  const url = running.urls[index % running.urls.length];
  const checks = report.client(name, mode.name);
  console.log(`${name} against ${url} (${mode.name})`);
  await checks.suite(() => run(checks, { url, urls: running.urls, transport, probe, accounts, mode, blocks }));
}

/** A metered network of somebody else has its own price; nowhere else is the node asked what is right. */
async function pricedMode({ devnet }, mode, { urls }) {
  return devnet || !mode.metered ? mode : priced(mode, await rpc(urls[0], "eth_gasPrice", []));
}

/** What runs in a mode: the suites that share a network, and those that want another one. */
function parties({ names }, mode) {
  const here = names.filter((name) => SUITES[name].modes?.includes(mode.name) ?? true);
  return [false, true]
    .map((quick) => ({ quick, names: here.filter((name) => Boolean(SUITES[name].quick) === quick) }))
    .filter((party) => party.names.length > 0);
}

async function runMode(chosen, mode, missing, report, stops) {
  const running = await network(chosen, mode, chosen.quick);
  if (running.notRun) {
    chosen.names.forEach((name) => report.notRun(name, mode.name, running.notRun));
    return;
  }
  // Whoever is told to end while a suite runs comes here twice.
  let stopping;
  const stop = () => (stopping ??= running.stop());
  stops.push(stop);
  try {
    const { blocks } = chosen;
    const context = { running, report, blocks, probe: compileProbe(), mode: await pricedMode(chosen, mode, running) };
    context.accounts = new Accounts({ ...chosen, mode: context.mode, faucet: running.faucet });
    for (const [index, name] of chosen.names.entries()) {
      if (missing[name]) report.notRun(name, mode.name, missing[name]);
      else await one(name, index, context);
    }
  } finally {
    stops.pop();
    await stop();
  }
}

async function main() {
  let chosen;
  try {
    chosen = options();
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  // for suites that start nodes of their own
  Object.assign(process.env, { HEQI_BINARY: chosen.devnet ? resolve(chosen.devnet) : "", HEQI_TARGET: chosen.target });
  const report = new Report();
  const stops = [];
  const stopAll = () => Promise.allSettled(stops.map((stop) => stop()));
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => stopAll().finally(() => process.exit(130)));
  }
  process.once("uncaughtException", (error) => {
    console.error(error);
    stopAll().finally(() => process.exit(1));
  });
  const missing = await prepared(chosen.names);
  for (const mode of chosen.modes) {
    for (const party of parties(chosen, mode)) await runMode({ ...chosen, ...party }, mode, missing, report, stops);
  }
  return report.print() ? 0 : 1;
}

process.exitCode = await main();
process.exit();
