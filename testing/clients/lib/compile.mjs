// Compiles the test contracts with the npm solc package; nothing is downloaded.
import solc from "solc";
import { readFileSync } from "node:fs";

const SOURCE = new URL("../contracts/src/Probe.sol", import.meta.url);

export function compileProbe() {
  const input = {
    language: "Solidity",
    sources: { "Probe.sol": { content: readFileSync(SOURCE, "utf8") } },
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join("\n"));
  const { abi, evm } = output.contracts["Probe.sol"].Probe;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}
