// One run of ponder: a process with its own port and folder, its log and its answers.
import { spawn } from "node:child_process";
import { cp, mkdir, symlink } from "node:fs/promises";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { freePort, pause } from "./ports.mjs";

const PROJECT = fileURLToPath(new URL("project", import.meta.url));
const PACKAGES = fileURLToPath(new URL("node_modules", import.meta.url));
const CLI = join(PACKAGES, "ponder/dist/esm/bin/ponder.js");
const WARNING = 40;
const LINES_MAX = 2_000;
const PAGE_ROWS = 1_000;
const ANSWER_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const PAUSE_MS = 500;

const started = new Set();
// Nothing of it outlives the tests, however they end.
process.once("exit", () => started.forEach((child) => child.kill("SIGKILL")));

/** A folder with the project, where ponder may write what it generates. */
export async function project(folder) {
  await mkdir(folder, { recursive: true });
  await cp(PROJECT, folder, { recursive: true });
  await symlink(PACKAGES, join(folder, "node_modules"));
  return folder;
}

export class Indexer {
  /** Each schema is an indexer of its own; what nodes answered is shared by those of one database. */
  static async start(folder, plan, schema = "indexed") {
    return new Indexer(folder, plan, schema, await freePort());
  }

  constructor(folder, plan, schema, port) {
    this.url = `http://127.0.0.1:${port}`;
    this.messages = new Set();
    this.complaints = [];
    this.said = [];
    const args = ["start", "--schema", schema, "--hostname", "127.0.0.1", "--port", `${port}`, "--log-format", "json"];
    const { DATABASE_URL, DATABASE_PRIVATE_URL, PORT, ...env } = process.env;
    this.child = spawn(process.execPath, [CLI, ...args, "--root", folder], {
      cwd: folder, stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, INDEX_PLAN: JSON.stringify(plan), PONDER_TELEMETRY_DISABLED: "true", DO_NOT_TRACK: "1" },
    });
    started.add(this.child);
    this.ended = new Promise((done) => this.child.once("close", (code, signal) => done(code ?? signal)));
    this.ended.then(() => started.delete(this.child));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.hear(line));
    }
  }

  hear(line) {
    this.said.push(line);
    if (this.said.length > LINES_MAX) this.said.shift();
    try {
      const entry = JSON.parse(line);
      this.messages.add(entry.msg);
      if (entry.level >= WARNING) this.complaints.push(entry);
    } catch {
      this.complaints.push({ msg: line });
    }
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The last words, for a failure's text. */
  get tail() {
    return this.said.slice(-8).join("\n").slice(-2_000);
  }

  ask(path, options = {}) {
    return fetch(`${this.url}${path}`, { ...options, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  }

  async ready() {
    return (await this.ask("/ready").catch(() => undefined))?.status === 200;
  }

  /** Blocks of history that are in its database. */
  async stored() {
    const text = await this.ask("/metrics").then((answer) => answer.text(), () => "");
    const count = (name) => Number(new RegExp(`^ponder_historical_${name}_blocks\\{[^}]*\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
    return count("cached") + count("completed");
  }

  /** Whether `condition` came true while it ran. */
  async until(condition, timeoutMs) {
    const end = Date.now() + timeoutMs;
    while (this.running && Date.now() < end) {
      if (await condition()) return true;
      await pause(PAUSE_MS);
    }
    return false;
  }

  async query(text) {
    const answer = await this.ask("/graphql", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query: text }),
    });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors).slice(0, 400));
    return data;
  }

  /** All rows of a table, page by page. */
  async rows(table, fields) {
    const rows = [];
    let after = "";
    for (;;) {
      const data = await this.query(
        `{ ${table}(limit: ${PAGE_ROWS}${after}) { items { ${fields} } totalCount pageInfo { endCursor hasNextPage } } }`,
      );
      const { items, totalCount, pageInfo } = data[table];
      rows.push(...items);
      if (!pageInfo.hasNextPage) return { rows, totalCount };
      after = `, after: "${pageInfo.endCursor}"`;
    }
  }

  async count(table) {
    return (await this.query(`{ ${table}(limit: 1) { totalCount } }`))[table].totalCount;
  }

  /** Without warning, as a machine dies. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** As an operator stops it; answers its exit code. */
  async stop() {
    if (this.running) this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const code = await this.ended;
    clearTimeout(timer);
    return code;
  }
}
