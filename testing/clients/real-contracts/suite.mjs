// Contracts that many use, unchanged, on a running network: deployed, used and refused, family by family at
// the same time, each from accounts of its own and through a node of its own. At the end every
// transaction is compared: on all nodes, and with anvil.
import { fileURLToPath } from "node:url";
import { getCreateAddress } from "ethers";

import { npmPackages } from "../lib/install.mjs";
import { rpc } from "../lib/processes.mjs";
import { Checks } from "../lib/report.mjs";
import { compiled } from "./artifacts.mjs";
import { accounts07, accounts08 } from "./families/account-abstraction.mjs";
import { invalid, own, sponsored } from "./families/delegation.mjs";
import { accessManager, governor } from "./families/governance.mjs";
import { permit2 } from "./families/permit2.mjs";
import * as predeployed from "./families/predeployed.mjs";
import { beacon, factories, transparent, uups } from "./families/proxies.mjs";
import { CANONICAL, safe } from "./families/safe.mjs";
import { securityToken } from "./families/security-token.mjs";
import { forwarder, p256, proofs } from "./families/signatures.mjs";
import { batches, collectibles, permit, value, vault, votes } from "./families/tokens.mjs";
import { uniswapV2 } from "./families/uniswap-v2.mjs";
import { uniswapV3 } from "./families/uniswap-v3.mjs";
import { Family } from "./family.mjs";
import { Network } from "./network.mjs";
import { replay } from "./replay.mjs";

const FAMILY_TIMEOUT_MS = 600_000;
const AT_ONCE = 6;

/** The longest first. */
const FAMILIES = {
  "security token (ERC-3643)": securityToken,
  "Safe": safe,
  "Governor and TimelockController": governor,
  "Uniswap V3": uniswapV3,
  "Uniswap V2": uniswapV2,
  "EntryPoint 0.7": accounts07,
  "EntryPoint 0.8": accounts08,
  "EIP-7702, for oneself": own,
  "EIP-7702, sponsored": sponsored,
  "EIP-7702, invalid": invalid,
  "AccessManager": accessManager,
  "Permit2": permit2,
  "ERC-20 permit": permit,
  "ERC-20 votes": votes,
  "ERC-721": collectibles,
  "ERC-1155": batches,
  "ERC-4626": vault,
  "value": value,
  "UUPS proxy": uups,
  "transparent proxy": transparent,
  "beacon proxies": beacon,
  "clones and CREATE2": factories,
  "proofs and signatures": proofs,
  "P-256": p256,
  "ERC-2771 forwarder": forwarder,
  "Multicall3": predeployed.multicall,
  "CreateX and deployment proxies": predeployed.deterministic,
};

/** Packages and compiled sources. */
export async function prepare() {
  await npmPackages(fileURLToPath(new URL(".", import.meta.url)));
  compiled();
}

/** The whole suite. */
export async function contractsSuite(checks, { url, urls = [url], accounts, mode }) {
  if (accounts.target === "anvil") throw new Error("these contracts are compared with anvil: give a network to compare");
  const start = Date.now();
  const network = new Network({ urls, accounts, mode });
  const contracts = compiled();
  try {
    await network.open();
    const waiting = Object.entries(FAMILIES).entries();
    const results = [];
    const worker = async () => {
      for (const [index, [name, run]] of waiting) {
        const provider = network.providers[index % urls.length];
        results.push(await family({ name, run, network, provider, contracts }));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    results.forEach((entry) => checks.adopt({ ...entry, millis: 0 }));
    checks.entry.millis += Date.now() - start;
    await checks.step("all nodes", () => everywhere(checks, network));
    const again = { url, mode, sent: network.sent, present: present() };
    await checks.step("anvil", () => replay(checks, again), FAMILY_TIMEOUT_MS);
  } finally {
    network.destroy();
  }
}

async function family({ name, run, network, provider, contracts }) {
  const entry = { name, passed: 0, failures: [], millis: 0 };
  const checks = new Checks(entry);
  const one = new Family({ name, checks, network, provider, contracts });
  await checks.step(name, async () => {
    await run(one);
    await one.ends();
  }, FAMILY_TIMEOUT_MS);
  const sent = network.sent.filter(({ what }) => what.startsWith(`${name}: `)).length;
  const { passed, failures, millis } = entry;
  console.log(`  ${name}: ${passed} passed, ${failures.length} failed, ${sent} transactions, ${(millis / 1000).toFixed(1)} s`);
  return entry;
}

/** Every node answers every receipt as the node did that the transaction was sent to. */
async function everywhere(checks, { urls, sent }) {
  for (const { what, hash } of sent) {
    const receipts = await Promise.all(urls.map((url) => rpc(url, "eth_getTransactionReceipt", [hash])));
    checks.equal(new Set(receipts.map((one) => JSON.stringify(one))).size, 1, `${what} (${hash}) on all nodes`);
  }
}

/**
 * What a network may have before this run: its predeploys, the contracts that the EntryPoints made, and
 * Safe's contracts of an earlier run.
 */
function present() {
  const { MULTICALL3, CREATEX, DEPLOYMENT_PROXY, SAFE_SINGLETON_FACTORY, ENTRYPOINT_0_7, ENTRYPOINT_0_8 } = predeployed;
  const creators = [ENTRYPOINT_0_7, ENTRYPOINT_0_8].map((from) => getCreateAddress({ from, nonce: 1 }));
  const always = [MULTICALL3, CREATEX, DEPLOYMENT_PROXY, SAFE_SINGLETON_FACTORY, ENTRYPOINT_0_7, ENTRYPOINT_0_8];
  return [...always, ...creators, ...Object.values(CANONICAL)];
}
