// Counts assertions per client and mode. There are no skips: what is not true is a failure, and what
// cannot run on this machine is named with the reason.

const STEP_TIMEOUT_MS = 180_000;

export class Report {
  constructor() {
    this.entries = [];
  }

  client(name, mode) {
    const entry = { name, mode, passed: 0, failures: [], millis: 0 };
    this.entries.push(entry);
    return new Checks(entry);
  }

  /** Notes why a client did not run; neither a success nor a failure. */
  notRun(name, mode, reason) {
    this.entries.push({ name, mode, passed: 0, failures: [], millis: 0, reason });
  }

  /** Prints client × mode, then what failed and what did not run; whether nothing failed. */
  print() {
    const unique = (values) => [...new Set(values)];
    const names = unique(this.entries.map(({ name }) => name));
    const modes = unique(this.entries.map(({ mode }) => mode));
    const entry = (name, mode) => this.entries.find((one) => one.name === name && one.mode === mode);
    const width = Math.max(8, ...names.map((name) => name.length));
    const row = (name, cells) => console.log(`${name.padEnd(width)}${cells.map((c) => c.padStart(30)).join("")}`.trimEnd());
    console.log("\nassertions that passed and failed");
    row("client", modes);
    for (const name of names) row(name, modes.map((mode) => cell(entry(name, mode))));
    for (const { name, mode, failures, reason } of this.entries) {
      if (reason) console.log(`did not run: ${name} (${mode}): ${reason}`);
      for (const failure of failures) console.log(`FAILED ${name} (${mode}): ${failure}`);
    }
    const passed = this.entries.reduce((sum, one) => sum + one.passed, 0);
    const failed = this.entries.reduce((sum, one) => sum + one.failures.length, 0);
    console.log(`\n${passed} passed, ${failed} failed`);
    const missing = this.entries.some(({ reason }) => reason !== undefined);
    return failed === 0 && passed > 0 && !(missing && process.env.CI === "true");
  }
}

function cell(entry) {
  if (entry === undefined) return "";
  if (entry.reason) return "did not run";
  const seconds = (entry.millis / 1000).toFixed(1);
  return `${entry.passed} + ${entry.failures.length} failed, ${seconds} s`;
}

export class Checks {
  constructor(entry) {
    this.entry = entry;
    this.current = "";
  }

  /** Runs one named group of checks; an exception or a timeout in it is one failure. */
  async step(name, body, timeoutMs = STEP_TIMEOUT_MS) {
    this.current = name;
    const start = Date.now();
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end after ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([body(), timeout]);
    } catch (error) {
      this.fail(`stopped: ${shortError(error)}`);
      return undefined;
    } finally {
      clearTimeout(timer);
      this.entry.millis += Date.now() - start;
    }
  }

  /** Runs a whole suite; what its steps do not catch, such as a refused connection, is a failure. */
  async suite(body) {
    this.current = "suite";
    try {
      await body();
    } catch (error) {
      this.fail(`stopped: ${shortError(error)}`);
    }
  }

  /** Takes over the counts of a client that ran as a program of its own. */
  adopt({ passed, failures, millis }) {
    this.entry.passed += passed;
    this.entry.failures.push(...failures);
    this.entry.millis += millis;
    if (passed + failures.length === 0) this.fail("nothing was checked");
  }

  fail(text) {
    this.entry.failures.push(`${this.current}: ${text}`);
  }

  ok(condition, text) {
    if (condition) this.entry.passed += 1;
    else this.fail(text);
    return Boolean(condition);
  }

  equal(actual, expected, text) {
    return this.ok(actual === expected, `${text}: expected ${show(expected)}, got ${show(actual)}`);
  }

  match(actual, pattern, text) {
    return this.ok(
      pattern.test(String(actual)),
      `${text}: ${show(actual).slice(0, 400)} does not match ${pattern}`,
    );
  }

  /** The promise has to fail, and its error has to satisfy `accept`. */
  async rejects(promise, accept, text) {
    let error;
    try {
      await promise;
    } catch (caught) {
      error = caught;
    }
    if (error === undefined) return this.ok(false, `${text}: did not fail`);
    return this.ok(accept(error), `${text}: unexpected error ${shortError(error)}`);
  }
}

function show(value) {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

export function shortError(error) {
  const text = error?.shortMessage ?? error?.message ?? String(error);
  const details = error?.details ?? error?.info?.error?.message ?? "";
  return `${error?.code ?? error?.name ?? ""} ${text} ${details}`.replace(/\s+/g, " ").slice(0, 400);
}
