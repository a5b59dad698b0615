// Contracts as their npm packages ship them, and the few of `sources`, which use OpenZeppelin's and
// ERC-4337's sources and are compiled here by the npm solc package.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PACKAGES = join(FOLDER, "node_modules");
const SETTINGS = {
  evmVersion: "prague",
  optimizer: { enabled: true, runs: 200 },
};
const OUTPUT = { "*": ["abi", "evm.bytecode.object"] };

/** A compiled contract of a package, by the path of its JSON file. */
export function packaged(path) {
  const { abi, bytecode } = JSON.parse(readFileSync(join(PACKAGES, path), "utf8"));
  const code = typeof bytecode === "object" ? bytecode.object : bytecode;
  if (!code || code === "0x") throw new Error(`${path} has no code`);
  return { abi, bytecode: code.startsWith("0x") ? code : `0x${code}` };
}

const packagedText = (path) => readFileSync(join(PACKAGES, path), "utf8");

/** Permit2 as Uniswap's router package has it, in a TypeScript file. */
export function permit2Code() {
  const text = packagedText("@uniswap/universal-router/typechain/factories/Permit2__factory.ts");
  const [, code] = /_bytecode\s*=\s*"(0x[0-9a-f]+)"/.exec(text);
  return code;
}

/** Contracts of `sources` by name: `{ abi, bytecode }`. Compiled once for what the folder holds. */
export function compiled() {
  const sources = {};
  for (const name of readdirSync(join(FOLDER, "sources"))) {
    sources[name] = { content: readFileSync(join(FOLDER, "sources", name), "utf8") };
  }
  const outputSelection = Object.fromEntries(Object.keys(sources).map((name) => [name, OUTPUT]));
  const input = JSON.stringify({ language: "Solidity", sources, settings: { ...SETTINGS, outputSelection } });
  const lock = readFileSync(join(FOLDER, "package-lock.json"), "utf8");
  const key = createHash("sha256").update(`${solc.version()}\n${lock}\n${input}`).digest("hex").slice(0, 32);
  const file = join(FOLDER, "cache", `${key}.json`);
  if (!existsSync(file)) {
    console.log("compiling the sources of the contracts suite");
    mkdirSync(join(FOLDER, "cache"), { recursive: true });
    writeFileSync(`${file}.part`, JSON.stringify(compile(input, Object.keys(sources))));
    renameSync(`${file}.part`, file);
  }
  return JSON.parse(readFileSync(file, "utf8"));
}

function compile(input, ours) {
  const output = JSON.parse(solc.compile(input, { import: imported }));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map((one) => one.formattedMessage).join("\n"));
  const contracts = ours.flatMap((name) => Object.entries(output.contracts[name] ?? {}));
  return Object.fromEntries(contracts.map(([name, { abi, evm }]) =>
    [name, { abi, bytecode: `0x${evm.bytecode.object}` }]));
}

function imported(path) {
  try {
    return { contents: packagedText(path) };
  } catch (error) {
    return { error: error.message };
  }
}
