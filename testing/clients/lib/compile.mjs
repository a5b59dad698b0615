// Compiles the test contracts with the npm solc package; nothing is downloaded.
import solc from "solc";
import { readFileSync } from "node:fs";

const SOURCE = new URL("../contracts/src/Probe.sol", import.meta.url);

/** The contracts of one file: `{ name: { abi, bytecode } }`. */
export function compiled(file, content) {
  const input = {
    language: "Solidity",
    sources: { [file]: { content } },
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join("\n"));
  const named = ([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` }];
  return Object.fromEntries(Object.entries(output.contracts[file]).map(named));
}

export function compileProbe() {
  return compiled("Probe.sol", readFileSync(SOURCE, "utf8")).Probe;
}
