// Events of every block; calls, receipts and one account's transactions of the last part, which is what
// an indexer needs traces for; and every so many blocks the block itself.
import { createConfig } from "ponder";

const plan = JSON.parse(process.env.INDEX_PLAN!);
const chain = "target" as const;
const { start: startBlock, detailed, end: endBlock } = plan;

export default createConfig({
  database: plan.database,
  chains: {
    target: {
      id: plan.chainId, rpc: plan.rpc, ws: plan.ws, pollingInterval: plan.pollingMillis, disableCache: plan.uncached,
    },
  },
  contracts: {
    Token: { chain, abi: plan.token.abi, address: plan.token.address, startBlock, endBlock },
    Cashier: {
      chain, abi: plan.cashier.abi, address: plan.cashier.address, startBlock: detailed, endBlock,
      includeCallTraces: true, includeTransactionReceipts: true,
    },
  },
  accounts: {
    Sender: { chain, address: plan.sender, startBlock: detailed, endBlock, includeTransactionReceipts: true },
  },
  blocks: { Sample: { chain, interval: plan.sampleBlocks, startBlock, endBlock } },
});
