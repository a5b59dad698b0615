// Counts assertions per client. There are no skips: what is not true is a failure.

const STEP_TIMEOUT_MS = 90_000;

export class Report {
  constructor() {
    this.clients = new Map();
  }

  client(name) {
    const entry = { name, passed: 0, failures: [], millis: 0 };
    this.clients.set(name, entry);
    return new Checks(entry);
  }

  print() {
    const width = Math.max(8, ...[...this.clients.keys()].map((name) => name.length));
    console.log(`\n${"client".padEnd(width)}  passed  failed  seconds`);
    let passed = 0;
    let failed = 0;
    for (const { name, ...entry } of this.clients.values()) {
      const seconds = (entry.millis / 1000).toFixed(1);
      console.log(
        `${name.padEnd(width)}  ${String(entry.passed).padStart(6)}  ` +
          `${String(entry.failures.length).padStart(6)}  ${seconds.padStart(7)}`,
      );
      passed += entry.passed;
      failed += entry.failures.length;
    }
    for (const { name, failures } of this.clients.values()) {
      for (const failure of failures) console.log(`FAILED ${name}: ${failure}`);
    }
    console.log(`\n${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0;
  }
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
