// Compiles each contract here into its .json (the committed artefact): node contracts/compile.mjs
// Uses the solc package of testing/clients (npm ci there first).
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const solc = createRequire(new URL("../../clients/package.json", import.meta.url))("solc");
const settings = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 10_000 },
  metadata: { appendCBOR: false },
  outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
};

for (const name of ["Token", "Store"]) {
  const file = `${name}.sol`;
  const content = readFileSync(new URL(file, import.meta.url), "utf8");
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: "Solidity", sources: { [file]: { content } }, settings,
  })));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join("\n"));
  const bytecode = output.contracts[file][name].evm.bytecode.object;
  const artefact = { compiler: solc.version(), evmVersion: settings.evmVersion, optimizerRuns: 10_000, bytecode };
  writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(artefact, null, 2)}\n`);
}
