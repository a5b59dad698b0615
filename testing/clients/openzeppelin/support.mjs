// The connection that all files share, and what several of them need.
import { network } from "hardhat";
import { expect } from "chai";

export const connection = await network.getOrCreate();
export const { ethers, networkHelpers } = connection;
export const { loadFixture, time } = networkHelpers;
export { expect };

/** Whether the node signs; else Hardhat does, and knows its own accounts only. */
export const NODE_SIGNS = connection.networkConfig.accounts !== undefined && connection.networkName !== "keys";
export const MAX = ethers.MaxUint256;
export const DAY = 86_400n;
export const rpc = (method, ...params) => connection.provider.request({ method, params });
export const latest = async () => BigInt(await time.latest());
export const height = async () => BigInt(await time.latestBlock());
export const block = (tag = "latest") => ethers.provider.getBlock(tag);

const ASKED_MAX = 1_000;
// anvil answers before the block is there that it makes for a transaction
if (process.env.HEQI_TARGET === "anvil") {
  const { provider } = connection;
  const request = provider.request.bind(provider);
  let instant = true;
  provider.request = async (call) => {
    if (call.method === "evm_setAutomine") [instant] = call.params;
    const answer = await request(call);
    const made = async () => (await request({ method: "eth_getTransactionReceipt", params: [answer] })) !== null;
    for (let asked = 0; instant && /^eth_send/.test(call.method) && asked < ASKED_MAX && !(await made()); asked += 1);
    return answer;
  };
}

/** Both ways in which contracts count time. */
export const CLOCKS = {
  blocks: { token: "VotesToken", now: height, to: (point) => networkHelpers.mineUpTo(point), mode: "mode=blocknumber&from=default" },
  time: { token: "TimedVotesToken", now: latest, to: (point) => time.increaseTo(point), mode: "mode=timestamp" },
};

/** A signer without a key, with ether. */
export async function impersonated(account) {
  const address = await ethers.resolveAddress(account);
  await networkHelpers.impersonateAccount(address);
  await networkHelpers.setBalance(address, ethers.parseEther("100"));
  return ethers.getSigner(address);
}

/** Sends everything into one block; answers the receipts. */
export async function inOneBlock(...sends) {
  await rpc("evm_setAutomine", false);
  try {
    const sent = [];
    if (NODE_SIGNS) sent.push(...(await Promise.all(sends.map((send) => send()))));
    // at once, Hardhat gives them one nonce
    else for (const send of sends) sent.push(await send());
    await networkHelpers.mine();
    const receipts = await Promise.all(sent.map(({ hash }) => ethers.provider.getTransactionReceipt(hash)));
    expect(new Set(receipts.map(({ blockNumber }) => blockNumber)).size).to.equal(1);
    return receipts;
  } finally {
    await rpc("evm_setAutomine", true);
  }
}

/** The domain that a contract says to have (ERC-5267). */
export async function domainOf(contract) {
  const { fields, name, version, chainId, verifyingContract, salt } = await contract.eip712Domain();
  const all = { name, version, chainId, verifyingContract, salt };
  const present = Object.keys(all).filter((_, index) => (BigInt(fields) >> BigInt(index)) & 1n);
  return Object.fromEntries(present.map((key) => [key, all[key]]));
}

/** Events of a contract in a receipt, decoded. */
export function events({ logs }, contract, name) {
  const own = logs.filter(({ address }) => address === contract.target);
  return own.map((log) => contract.interface.parseLog(log)).filter((event) => event?.name === name);
}
