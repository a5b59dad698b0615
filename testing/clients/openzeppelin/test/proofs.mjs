// Headers and proofs of the chain, as contracts check them.
import { MAX, ethers, expect, loadFixture, networkHelpers, rpc } from "../support.mjs";

/** The encoding of a header, made of what JSON-RPC tells. */
function encoded(block) {
  const number = (hex) => (hex === undefined ? undefined : ethers.toBeArray(hex));
  const fields = [
    block.parentHash, block.sha3Uncles, block.miner, block.stateRoot, block.transactionsRoot, block.receiptsRoot, block.logsBloom,
    number(block.difficulty), number(block.number), number(block.gasLimit), number(block.gasUsed), number(block.timestamp),
    block.extraData, block.mixHash, block.nonce, number(block.baseFeePerGas), block.withdrawalsRoot, number(block.blobGasUsed),
    number(block.excessBlobGas), block.parentBeaconBlockRoot, block.requestsHash,
  ];
  return ethers.encodeRlp(fields.filter((field) => field !== undefined));
}

describe("headers", () => {
  const prover = async () => ({ prover: await ethers.deployContract("Prover") });
  let all;
  beforeEach(async () => (all = await loadFixture(prover)));
  const latest = () => rpc("eth_getBlockByNumber", "latest", false);

  it("hash to the block's hash, which contracts know", async () => {
    const block = await latest();
    const header = encoded(block);
    expect(ethers.keccak256(header)).to.equal(block.hash);
    await networkHelpers.mine();
    expect(await all.prover.isHeader(header)).to.equal(true);
    expect(await all.prover.isHeader(encoded({ ...block, gasUsed: "0x1" }))).to.equal(false);
  });
  it("are read by contracts", async () => {
    const block = await latest();
    const seen = await all.prover.read(encoded(block));
    for (const field of ["parentHash", "stateRoot", "transactionsRoot", "receiptsRoot", "requestsHash"]) expect(seen[field]).to.equal(block[field]);
    for (const field of ["number", "gasLimit", "gasUsed", "timestamp"]) expect(seen[field]).to.equal(BigInt(block[field]));
    expect([seen.coinbase, seen.prevRandao, seen.baseFee]).to.deep.equal([ethers.getAddress(block.miner), block.mixHash, BigInt(block.baseFeePerGas)]);
  });
});

const proves = await rpc("eth_getProof", ethers.ZeroAddress, [], "latest").then(() => true, ({ code }) => code !== -32004);
if (proves) {
  describe("proofs of the state", () => {
    const proved = async () => ({ prover: await ethers.deployContract("Prover"), faults: await ethers.deployContract("Faults") });
    let all;
    beforeEach(async () => (all = await loadFixture(proved)));

    for (const slots of [["0x00"], ["0x00", "0x01"], ["0x1889", "0x8b23", "0x2383"], ["0x4616", "0x012dd3", "0xce8f"]]) {
      it(`of an account and its ${slots.length} slots from ${slots[0]} on are right`, async () => {
        const { prover, faults } = all;
        const keys = slots.map((slot) => ethers.zeroPadValue(slot, 32));
        const values = keys.map((_, index) => (index === 0 ? MAX : BigInt(index)));
        for (const [index, key] of keys.entries()) await networkHelpers.setStorageAt(faults.target, key, values[index]);
        await networkHelpers.mine();
        const { stateRoot } = await rpc("eth_getBlockByNumber", "latest", false);
        const found = await rpc("eth_getProof", faults.target, keys, "latest");
        const account = ethers.encodeRlp(["0x01", "0x", found.storageHash, found.codeHash]);
        const proof = (value, root, key, nodes) => prover.isProved(value, root, ethers.keccak256(key), nodes);
        expect(await proof(account, stateRoot, faults.target, found.accountProof)).to.equal(true);
        expect(await proof(account, ethers.ZeroHash, faults.target, found.accountProof)).to.equal(false);
        for (const [index, one] of found.storageProof.entries()) {
          expect(BigInt(one.value)).to.equal(values[index]);
          const leaf = ethers.encodeRlp(ethers.toBeArray(values[index]));
          expect(await proof(leaf, found.storageHash, keys[index], one.proof)).to.equal(true);
        }
      });
    }
  });
}
