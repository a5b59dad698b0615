#!/usr/bin/env node
// The npm solc package behind the command line that forge expects of a native solc, so that no
// compiler has to be downloaded. Only what forge uses: --version and --standard-json.
import solc from "solc";
import { readFileSync } from "node:fs";

const args = process.argv.slice(2);
if (args.includes("--version")) {
  process.stdout.write(
    `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`,
  );
} else if (args.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write(`unsupported arguments: ${args.join(" ")}\n`);
  process.exitCode = 2;
}
