// A PostgreSQL server of its own, which ends with the tests. ponder keeps its promise of going on after a
// stop only there: with PGlite, its other database, it runs without transactions.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { run } from "../lib/processes.mjs";
import { freePort, pause } from "./ports.mjs";

const USER = "ponder";
/** The server refuses to run as root: this is `nobody`, where the tests do. */
const NOBODY = 65_534;
const START_ATTEMPTS = 300;
const PAUSE_MS = 100;
const STOP_TIMEOUT_MS = 20_000;
const ERROR_TAIL_BYTES = 2_000;
const CONNECTIONS_MAX = 100;
/** While the server that was just ended still writes. */
const REMOVE_RETRIES = 10;

export class Postgres {
  /** `programs`: the folder with `initdb` and `postgres`. */
  static async start(programs) {
    const folder = await mkdtemp(join(tmpdir(), "heqi-postgres-"));
    try {
      const server = new Postgres(programs, folder, await freePort());
      await server.create();
      await server.up();
      return server;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  constructor(programs, folder, port) {
    Object.assign(this, { programs, folder, port, said: "" });
    this.password = randomBytes(16).toString("hex");
    this.identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  }

  /** For a program in a `database` of the server. */
  connection(database = "postgres") {
    return `postgres://${USER}:${this.password}@127.0.0.1:${this.port}/${database}`;
  }

  async create() {
    const secret = join(this.folder, "password");
    await writeFile(secret, this.password, { mode: 0o600 });
    for (const path of this.identity.uid ? [this.folder, secret] : []) chownSync(path, NOBODY, NOBODY);
    const access = ["-U", USER, "--pwfile", secret, "-A", "scram-sha-256"];
    const args = ["-D", join(this.folder, "data"), ...access, "-E", "UTF8", "--locale", "C", "--no-sync"];
    const { code, text } = await run(join(this.programs, "initdb"), args, { cwd: this.folder, ...this.identity });
    if (code !== 0) throw new Error(`initdb ended with ${code}: ${text.slice(-ERROR_TAIL_BYTES)}`);
  }

  async up() {
    // What a crash of the machine would lose does not matter here.
    const settings = {
      listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off", max_connections: CONNECTIONS_MAX,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.child = spawn(join(this.programs, "postgres"), ["-D", join(this.folder, "data"), "-p", `${this.port}`, ...args], {
      cwd: this.folder, stdio: ["ignore", "ignore", "pipe"], ...this.identity,
    });
    this.killed = () => {
      this.child.kill("SIGQUIT");
      this.remove();
    };
    // Nothing of it outlives the tests, however they end.
    process.once("exit", this.killed);
    this.ended = new Promise((done) => this.child.once("close", done));
    this.child.stderr.on("data", (text) => (this.said = `${this.said}${text}`.slice(-ERROR_TAIL_BYTES)));
    for (let attempt = 0; attempt < START_ATTEMPTS && this.child.exitCode === null; attempt += 1) {
      if (/ready to accept connections/.test(this.said)) return;
      await pause(PAUSE_MS);
    }
    this.killed();
    throw new Error(`postgres does not start: ${this.said}`);
  }

  async stop() {
    process.removeListener("exit", this.killed);
    this.child.kill("SIGINT");
    const timer = setTimeout(() => this.child.kill("SIGQUIT"), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
    this.remove();
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: REMOVE_RETRIES });
  }
}
