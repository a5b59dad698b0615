// A project as Hardhat's users have it. The compiler is the npm package's, nothing is downloaded.
import { createRequire } from "node:module";
import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatIgnitionEthers from "@nomicfoundation/hardhat-ignition-ethers";

const url = process.env.HEQI_RPC ?? "http://127.0.0.1:8545";
const accounts = [process.env.HEQI_KEY, process.env.HEQI_FRESH_KEY].filter(Boolean);
const network = { type: "http", chainType: "l1", url, accounts };

export default {
  plugins: [hardhatEthers, hardhatIgnitionEthers],
  solidity: {
    version: "0.8.37",
    path: createRequire(import.meta.url).resolve("solc/soljson.js"),
    settings: { evmVersion: "cancun", optimizer: { enabled: true, runs: 200 } },
  },
  // CreateX is predeployed; each run has its own salt, so that addresses are new
  ignition: { strategyConfig: { create2: { salt: process.env.HEQI_SALT ?? `0x${"00".repeat(32)}` } } },
  networks: {
    target: network,
    // has to be refused: the network has another id
    foreign: { ...network, chainId: 424242 },
    // has to be refused: nobody knows this account
    empty: { ...network, accounts: [process.env.HEQI_EMPTY_KEY].filter(Boolean) },
  },
};
