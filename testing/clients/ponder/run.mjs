// A ponder indexer over a chain of HEQI_BLOCKS blocks, unmodified. Started by ../run.mjs. What it answers
// over GraphQL is compared with what was sent; it is stopped on its way and goes on from what it has stored.
import { join } from "node:path";

import { finish, settings } from "../lib/external.mjs";
import { Checks } from "../lib/report.mjs";
import { comparison } from "./comparison.mjs";
import { Indexer, project } from "./indexer.mjs";
import { foreign, inconsistent } from "./negatives.mjs";
import { pause } from "./ports.mjs";
import { Postgres } from "./postgres.mjs";
import { Proxy } from "./proxy.mjs";
import { Cashier, Token, Workload } from "./workload.mjs";

const BLOCKS_DEFAULT = 10_000;
/** Of a development ledger, where most blocks are empty: how many come at once. */
const EMPTY_SHARE = 0.02;
/** Traces and receipts are asked for from here on. */
const PLAIN_SHARE = 0.9;
/** Of the blocks it has stored: asked to end there, and ended without warning there. */
const STOPPED_SHARE = 0.3;
const KILLED_SHARE = 0.7;
const SAMPLE_BLOCKS = 100;
const POLLING_MS = 500;
const PARENT_MS = 1_000;
const LIVE_TRANSACTIONS = 60;
const STEP_TIMEOUT_MS = 1_800_000;
const LIVE_TIMEOUT_MS = 120_000;
/**
 * What ponder says of its own pace, of being stopped, of the lock of a run that did not end in time, and what
 * Node.js says of how it uses its database's client.
 */
const HARMLESS = new RegExp([
  "taking longer than expected", "locked by a different Ponder app", "due to rate limiting", "within expected time",
  "Received SIGTERM", "shutdown sequence",
  "DeprecationWarning: Calling client\\.query\\(\\) when the client is already executing a query", "^\\(Use `node --trace-deprecation",
].join("|"));

const entry = { name: "ponder", passed: 0, failures: [], millis: 0 };
const checks = new Checks(entry);
const given = await settings();
const others = process.env.HEQI_RPCS.split(",").filter((url) => url !== given.url);
const dev = given.mode === "dev";
const blocks = Number(process.env.HEQI_BLOCKS ?? BLOCKS_DEFAULT);
const workload = new Workload(given, { dev, emptyBlocks: Math.ceil(blocks * EMPTY_SHARE) });
let database;
const seconds = (millis) => (millis / 1000).toFixed(1);

async function chain() {
  const began = Date.now();
  await workload.deploy();
  await workload.fill(workload.start + Math.floor(blocks * PLAIN_SHARE));
  await workload.detail();
  await workload.fill(workload.start + blocks);
  const head = await workload.height();
  checks.ok(head - workload.start >= blocks, `${head} blocks from ${workload.start} on`);
  const sent = workload.next;
  console.log(`${head} blocks with ${sent} transactions in ${seconds(Date.now() - began)} s`);
  return head;
}

const plan = (proxy, more) => ({
  chainId: workload.chainId, rpc: proxy.urls[0], ws: dev ? given.url.replace(/^http/, "ws") : undefined,
  database: { kind: "postgres", connectionString: database.connection() }, pollingMillis: POLLING_MS,
  start: workload.start, detailed: workload.detailed, sampleBlocks: SAMPLE_BLOCKS, sender: workload.senders[0].address,
  token: { abi: Token.abi, address: workload.token }, cashier: { abi: Cashier.abi, address: workload.cashier }, ...more,
});

/** What a run of the indexer asked and how long the node took, so that one sees which of both is slow. */
function told(name, indexed, figures, waitedMillis) {
  const { busyMillis, requests, methods } = figures;
  const millis = figures.millis - waitedMillis;
  const perSecond = (count) => (count / (millis / 1000)).toFixed(1);
  console.log(
    `${name}: ${indexed} blocks in ${seconds(millis)} s, ${perSecond(indexed)} blocks/s; ${requests} requests, `
    + `${perSecond(requests)}/s; the node was answering ${((100 * busyMillis) / millis).toFixed(0)} % of the time`,
  );
  for (const [method, { count, millis: sum, longest }] of methods) {
    console.log(`  ${method}: ${count}, mean ${(sum / count).toFixed(1)} ms, longest ${longest.toFixed(0)} ms`);
  }
}

function unharmed(indexer, figures, name) {
  const complaints = indexer.complaints.filter(({ msg }) => !HARMLESS.test(msg));
  checks.equal(complaints.length, 0, `${name}: warnings ${JSON.stringify(complaints.slice(0, 3)).slice(0, 1_500)}`);
  const { errors } = figures;
  checks.equal(errors.length, 0, `${name}: refused requests ${errors.slice(0, 3).join("; ").slice(0, 900)}`);
}

/** Goes on from `before` stored blocks until the indexer has stored a share, and ends it there; answers how much. */
async function interrupted(name, folder, proxy, { rpc, share, before, end }) {
  const indexer = await Indexer.start(folder, plan(proxy, { rpc }));
  let stored = 0;
  const enough = async () => (stored = await indexer.stored()) >= blocks * share;
  const reached = await indexer.until(enough, STEP_TIMEOUT_MS);
  if (!checks.ok(reached, `${name}: stores ${stored} of ${blocks} blocks: ${indexer.tail}`)) {
    await indexer.kill();
    return undefined;
  }
  checks.ok(!(await indexer.ready()), `${name}: not ready before it has everything`);
  report(name, indexer, proxy, stored, before);
  const code = await end(indexer);
  // What was under way ends now, and is nobody's.
  await pause(POLLING_MS);
  proxy.take();
  return { stored, code };
}

/** What a run did, and that it did not ask again for what the one before had stored. */
function report(name, indexer, proxy, stored, before) {
  const figures = proxy.take();
  // A run that was killed leaves its lock behind, which holds for 25 seconds.
  const waited = indexer.complaints.find(({ msg }) => /locked by/.test(msg))?.retry_delay ?? 0;
  told(name, stored - before, figures, waited);
  const again = [...figures.blocks.keys()].filter((number) => number > workload.start && number <= workload.start + before);
  checks.ok(again.length <= before / 10, `${name}: ${again.length} of ${before} stored blocks are asked for again`);
  unharmed(indexer, figures, name);
}

/** Asks all nodes, ends as an operator ends it, then goes on and ends as a machine dies. */
async function stopped(folder, proxy) {
  const asked = await interrupted("until it was stopped", folder, proxy, {
    rpc: proxy.urls, share: STOPPED_SHARE, before: 0, end: (indexer) => indexer.stop(),
  });
  if (!asked) return undefined;
  checks.equal(asked.code, 0, "exit code when asked to stop in its history");
  return interrupted("until it was killed", folder, proxy, {
    rpc: proxy.urls, share: KILLED_SHARE, before: asked.stored, end: (indexer) => indexer.kill(),
  });
}

async function resumed(folder, proxy, head, before) {
  const indexer = await Indexer.start(folder, plan(proxy));
  const ready = await indexer.until(() => indexer.ready(), STEP_TIMEOUT_MS);
  if (!checks.ok(ready, `becomes ready: ${indexer.tail}`)) return indexer;
  report("after it was killed", indexer, proxy, head - workload.start, before.stored);
  return indexer;
}

async function live(indexer, proxy) {
  await workload.fill(0, (_, sent) => sent >= LIVE_TRANSACTIONS);
  const all = async () => (await indexer.count("transfers")) >= workload.transfers.size;
  checks.ok(await indexer.until(all, LIVE_TIMEOUT_MS), `new events are seen: ${indexer.tail}`);
  const head = await workload.height();
  const status = async () => (await (await indexer.ask("/status")).json()).target?.block?.number >= head;
  checks.ok(await indexer.until(status, LIVE_TIMEOUT_MS), `follows the chain to ${head}`);
  const figures = proxy.take();
  unharmed(indexer, figures, "live");
  await comparison(checks, workload, indexer, { head, sampleBlocks: SAMPLE_BLOCKS });
}

// Who started this may be stopped, which a process is not told of.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(1), PARENT_MS).unref();

const head = await checks.step("chain", chain, STEP_TIMEOUT_MS);
if (head !== undefined) {
  const proxy = await Proxy.start([given.url, ...others]);
  database = await Postgres.start(process.env.HEQI_POSTGRES);
  const folder = await project(join(given.folder, "project"));
  let indexer;
  try {
    const before = await checks.step("stopped", () => stopped(folder, proxy), STEP_TIMEOUT_MS);
    if (before?.stored) {
      indexer = await checks.step("history", () => resumed(folder, proxy, head, before), STEP_TIMEOUT_MS);
      if (await indexer?.ready()) await checks.step("live", () => live(indexer, proxy), 4 * LIVE_TIMEOUT_MS);
      checks.current = "stop";
      checks.equal(await indexer?.stop(), 0, "exit code when asked to stop");
    }
    await checks.step("foreign", () => foreign(checks, folder, plan, given.url, head), STEP_TIMEOUT_MS);
    await checks.step("falsified", () => inconsistent(checks, folder, plan, given.url, workload), STEP_TIMEOUT_MS);
  } finally {
    await indexer?.stop();
    proxy.stop();
    await database.stop();
  }
}
finish(entry);
