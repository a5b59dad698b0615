import { createRequire } from "node:module";

import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatVerify from "@nomicfoundation/hardhat-verify";
import { configVariable, defineConfig } from "hardhat/config";

const require = createRequire(import.meta.url);

const compiler = {
  version: "0.8.37",
  // The compiler of the npm package `solc`: nothing else has to be downloaded.
  path: require.resolve("solc/soljson.js"),
  settings: { evmVersion: "prague", optimizer: { enabled: true, runs: 200 } },
};

export default defineConfig({
  plugins: [hardhatEthers, hardhatVerify],
  // Both alike: `hardhat verify` compiles by the second one, and must get the code that was deployed.
  solidity: { profiles: { default: compiler, production: compiler } },
  networks: {
    heqi: {
      type: "http",
      url: "@RPC@",
      chainId: @CHAIN_ID@,
      accounts: [configVariable("PRIVATE_KEY")],
    },
  },
  chainDescriptors: {
    @CHAIN_ID@: {
      name: "Heqi",
      blockExplorers: {
        etherscan: { name: "Heqi", url: "@RPC@", apiUrl: "@RPC@/api" },
      },
    },
  },
  verify: {
    // The node asks for no key; the plug-in wants one.
    etherscan: { apiKey: "none" },
    sourcify: { apiUrl: "@RPC@/verify-server" },
    blockscout: { enabled: false },
  },
});
