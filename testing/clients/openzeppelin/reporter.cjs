// Mocha's results in a file, for run.mjs. A test that is left out counts as a failure.
const { writeFileSync } = require("node:fs");
const { Runner, reporters } = require("mocha");

module.exports = class extends reporters.Base {
  constructor(runner, options) {
    super(runner, options);
    const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = Runner.constants;
    const result = { passed: 0, failures: [] };
    runner.on(EVENT_TEST_PASS, () => (result.passed += 1));
    runner.on(EVENT_TEST_PENDING, (test) => result.failures.push(`${test.fullTitle()}: left out`));
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      result.failures.push(`${test.fullTitle()}: ${`${error?.message ?? error}`.replace(/\s+/g, " ").slice(0, 400)}`);
    });
    runner.on(EVENT_RUN_END, () => writeFileSync(process.env.HEQI_RESULT, JSON.stringify(result)));
  }
};
