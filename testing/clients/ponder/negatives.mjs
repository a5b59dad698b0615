// What has to fail, and how it is told.
import { join } from "node:path";

import { Indexer } from "./indexer.mjs";
import { Proxy } from "./proxy.mjs";

const FAR_BLOCKS = 1_000_000;
const FALSIFIED_BLOCKS = 30;
const END_TIMEOUT_MS = 300_000;

const said = (indexer) => JSON.stringify(indexer.complaints).slice(-3_000);

/** Runs ponder until it gives up. */
async function ended(checks, folder, plan, schema) {
  const indexer = await Indexer.start(folder, plan, schema);
  try {
    await indexer.until(() => !indexer.running, END_TIMEOUT_MS);
    checks.ok(!indexer.running, `gives up: ${indexer.tail}`);
    const code = await indexer.stop();
    checks.ok(code !== 0, `exit code ${code}`);
    checks.ok(!indexer.messages.has("Completed backfill indexing across all chains"), "indexes nothing");
    return indexer;
  } finally {
    await indexer.kill();
  }
}

/** Another chain id, and a first block that the chain does not have. */
export async function foreign(checks, folder, plan, url, head) {
  const proxy = await Proxy.start([url]);
  const wanted = plan(proxy);
  const start = head + FAR_BLOCKS;
  try {
    const elsewhere = { ...wanted, chainId: wanted.chainId + 1, start, detailed: start };
    const indexer = await ended(checks, folder, elsewhere, "foreign");
    const mismatch = indexer.complaints.find(({ msg }) => /chain ID does not match/.test(msg));
    checks.equal(mismatch?.rpc_chain_id, wanted.chainId, "the chain id is named");
    checks.match(said(indexer), new RegExp(`${start}|0x${start.toString(16)}`), "the missing block is named");
    checks.match(said(indexer), /could not be found/, "as missing");
  } finally {
    proxy.stop();
  }
}

/** One answer in which a block has another hash: that no warning came before is no formality. */
export async function inconsistent(checks, folder, plan, url, { start }) {
  const victim = `0x${(start + FALSIFIED_BLOCKS / 2).toString(16)}`;
  const proxy = await Proxy.start([url], (method, params, result) =>
    method === "eth_getBlockByNumber" && params[0] === victim && params[1]
      ? { ...result, hash: `0x${"f".repeat(64)}` }
      : undefined);
  try {
    const end = start + FALSIFIED_BLOCKS;
    // In a transaction, which only a server has, ponder would ask ten times longer before it gives up.
    const database = { kind: "pglite", directory: join(folder, "embedded") };
    const few = plan(proxy, { uncached: true, detailed: start, end, database });
    const indexer = await ended(checks, folder, few, "falsified");
    checks.match(said(indexer), /Inconsistent RPC response data/, "a falsified block is noticed");
  } finally {
    proxy.stop();
  }
}
