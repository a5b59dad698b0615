// A project as users of OpenZeppelin's contracts have it. The compiler is the npm package's, nothing is
// downloaded.
import { createRequire } from "node:module";
import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatEthersChaiMatchers from "@nomicfoundation/hardhat-ethers-chai-matchers";
import hardhatMocha from "@nomicfoundation/hardhat-mocha";
import hardhatNetworkHelpers from "@nomicfoundation/hardhat-network-helpers";

const url = process.env.HEQI_RPC ?? "http://127.0.0.1:8545";
const network = { type: "http", chainType: "l1", url };
const mnemonic = "test test test test test test test test test test test junk";
const contracts = "@openzeppelin/contracts";

export default {
  plugins: [hardhatEthers, hardhatEthersChaiMatchers, hardhatMocha, hardhatNetworkHelpers],
  solidity: {
    version: "0.8.37",
    path: createRequire(import.meta.url).resolve("solc/soljson.js"),
    settings: { evmVersion: "osaka", optimizer: { enabled: true, runs: 200 } },
    npmFilesToBuild: [
      `${contracts}/access/manager/AccessManager.sol`,
      `${contracts}/finance/VestingWallet.sol`,
      `${contracts}/governance/TimelockController.sol`,
      `${contracts}/metatx/ERC2771Forwarder.sol`,
      `${contracts}/proxy/ERC1967/ERC1967Proxy.sol`,
      `${contracts}/proxy/beacon/BeaconProxy.sol`,
      `${contracts}/proxy/beacon/UpgradeableBeacon.sol`,
      `${contracts}/proxy/transparent/ProxyAdmin.sol`,
      `${contracts}/proxy/transparent/TransparentUpgradeableProxy.sol`,
    ],
  },
  networks: {
    // the ledger signs, as Hardhat's own network does
    remote: { ...network, accounts: "remote" },
    // Hardhat signs
    keys: { ...network, accounts: { mnemonic, count: 20 } },
    // Hardhat's own network, for comparison
    own: { type: "edr-simulated", chainType: "l1", hardfork: "osaka", allowUnlimitedContractSize: true, initialBaseFeePerGas: 0 },
  },
  test: { mocha: { timeout: 120_000, reporter: process.env.HEQI_REPORTER ?? "spec" } },
};
