// ERC-721 and ERC-1155.
import { ethers, expect, inOneBlock, loadFixture } from "../support.mjs";

const Answer = { Accept: 0, Wrong: 1, Reason: 2, CustomError: 3, Nothing: 4, Panic: 5 };

describe("single things", () => {
  const things = async () => {
    const [owner, approved, operator, other] = await ethers.getSigners();
    const token = await ethers.deployContract("Things");
    for (const id of [1n, 2n, 3n]) await token.mint(owner, id);
    await token.connect(owner).setApprovalForAll(operator, true);
    await token.connect(owner).approve(approved, 1n);
    return { owner, approved, operator, other, token };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(things)));

  for (const [name, id, supported] of [
    ["ERC165", "0x01ffc9a7", true], ["ERC721", "0x80ac58cd", true], ["metadata", "0x5b5e139f", true],
    ["enumerable", "0x780e9d63", true], ["royalty", "0x2a55205a", true], ["nothing", "0xffffffff", false],
  ]) {
    it(`${supported ? "supports" : "does not support"} ${name}`, async () => {
      expect(await all.token.supportsInterface(id)).to.equal(supported);
    });
  }
  for (const who of ["owner", "approved", "operator"]) {
    for (const way of ["transferFrom", "safeTransferFrom(address,address,uint256)", "safeTransferFrom(address,address,uint256,bytes)"]) {
      it(`moves by ${way.split("(")[0]}${way.endsWith("bytes)") ? " with data" : ""} of the ${who}`, async () => {
        const { token, owner, other } = all;
        const args = way.endsWith("bytes)") ? [owner, other, 1n, "0x42"] : [owner, other, 1n];
        await expect(token.connect(all[who])[way](...args)).to.emit(token, "Transfer").withArgs(owner, other, 1n);
        expect(await token.ownerOf(1n)).to.equal(other.address);
        expect(await token.getApproved(1n)).to.equal(ethers.ZeroAddress);
        expect([await token.balanceOf(owner), await token.balanceOf(other)]).to.deep.equal([2n, 1n]);
      });
    }
  }
  it("does not move for others", async () => {
    const { token, owner, other } = all;
    await expect(token.connect(other).transferFrom(owner, other, 1n))
      .to.be.revertedWithCustomError(token, "ERC721InsufficientApproval").withArgs(other, 1n);
    await expect(token.transferFrom(other, owner, 1n)).to.be.revertedWithCustomError(token, "ERC721IncorrectOwner").withArgs(other, 1n, owner);
    await expect(token.transferFrom(owner, other, 99n)).to.be.revertedWithCustomError(token, "ERC721NonexistentToken").withArgs(99n);
    await expect(token.mint(owner, 1n)).to.be.revertedWithCustomError(token, "ERC721InvalidSender").withArgs(ethers.ZeroAddress);
  });
  it("are listed", async () => {
    const { token, owner, other } = all;
    const listed = async (account) => {
      const count = Number(await token.balanceOf(account));
      return Promise.all(Array.from({ length: count }, (_, index) => token.tokenOfOwnerByIndex(account, index)));
    };
    await token.transferFrom(owner, other, 1n);
    expect((await listed(owner)).toSorted()).to.deep.equal([2n, 3n]);
    await token.burn(2n);
    expect(await listed(owner)).to.deep.equal([3n]);
    expect(await token.totalSupply()).to.equal(2n);
    await expect(token.tokenOfOwnerByIndex(owner, 1n)).to.be.revertedWithCustomError(token, "ERC721OutOfBoundsIndex").withArgs(owner, 1n);
  });
  it("say what a sale costs", async () => {
    const { token, other } = all;
    await token.setRoyalty(other, 250n);
    expect(await token.royaltyInfo(1n, 10_000n)).to.deep.equal([other.address, 250n]);
    await expect(token.setRoyalty(other, 10_001n))
      .to.be.revertedWithCustomError(token, "ERC2981InvalidDefaultRoyalty").withArgs(10_001n, 10_000n);
  });
  it("ask the contract that receives them", async () => {
    const { token, owner } = all;
    const receiver = await ethers.deployContract("Receiver", [Answer.Accept]);
    await expect(token["safeTransferFrom(address,address,uint256,bytes)"](owner, receiver, 2n, "0xc0ffee"))
      .to.emit(receiver, "Received").withArgs(owner, owner, 2n, "0xc0ffee");
  });
  for (const [answer, check] of [
    ["Wrong", (tx, { token, receiver }) => expect(tx).to.be.revertedWithCustomError(token, "ERC721InvalidReceiver").withArgs(receiver)],
    ["Reason", (tx) => expect(tx).to.be.revertedWith("not today")],
    ["CustomError", (tx, { owner, receiver }) => expect(tx).to.be.revertedWithCustomError(receiver, "Refused").withArgs(owner, 2n)],
    ["Nothing", (tx, { token, receiver }) => expect(tx).to.be.revertedWithCustomError(token, "ERC721InvalidReceiver").withArgs(receiver)],
    ["Panic", (tx) => expect(tx).to.be.revertedWithPanic(0x12)],
  ]) {
    it(`pass on a receiver's ${answer}`, async () => {
      const { token, owner } = all;
      const receiver = await ethers.deployContract("Receiver", [Answer[answer]]);
      await check(token["safeTransferFrom(address,address,uint256)"](owner, receiver, 2n), { token, owner, receiver });
      await check(token.safeMint(receiver, 50n, "0x"), { token, owner, receiver }).catch((error) => {
        // the operator of a mint has nobody to move for; only its arguments differ
        expect(answer).to.equal("CustomError", error.message);
      });
    });
  }
  it("move several times in one block", async () => {
    const { token, owner, other } = all;
    const gasLimit = 200_000n;
    const receipts = await inOneBlock(
      () => token.transferFrom(owner, other, 2n, { gasLimit }),
      () => token.transferFrom(owner, other, 3n, { gasLimit }),
      () => token.connect(other).transferFrom(other, owner, 99n, { gasLimit }),
    );
    expect(receipts.map(({ status }) => status).toSorted()).to.deep.equal([0, 1, 1]);
    expect(await token.balanceOf(other)).to.equal(2n);
  });
});

describe("many of many kinds", () => {
  const stock = async () => {
    const [owner, operator, other] = await ethers.getSigners();
    const token = await ethers.deployContract("Stock", ["ipfs://{id}"]);
    await token.mintBatch(owner, [1n, 2n, 3n], [100n, 200n, 300n]);
    await token.setApprovalForAll(operator, true);
    return { owner, operator, other, token };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(stock)));

  it("are minted together", async () => {
    const { token, owner, other } = all;
    await expect(token.mintBatch(other, [7n, 8n], [1n, 2n]))
      .to.emit(token, "TransferBatch").withArgs(owner, ethers.ZeroAddress, other, [7n, 8n], [1n, 2n]);
    expect(await token.balanceOfBatch([owner, other, other], [3n, 7n, 8n])).to.deep.equal([300n, 1n, 2n]);
    expect(await token["totalSupply()"]()).to.equal(603n);
    expect(await token["totalSupply(uint256)"](8n)).to.equal(2n);
    expect(await token.exists(9n)).to.equal(false);
  });
  for (const who of ["owner", "operator"]) {
    it(`move by the ${who}`, async () => {
      const { token, owner, other } = all;
      await expect(token.connect(all[who]).safeTransferFrom(owner, other, 1n, 30n, "0x"))
        .to.emit(token, "TransferSingle").withArgs(all[who], owner, other, 1n, 30n);
      await expect(token.connect(all[who]).safeBatchTransferFrom(owner, other, [2n, 3n], [5n, 6n], "0x12"))
        .to.emit(token, "TransferBatch").withArgs(all[who], owner, other, [2n, 3n], [5n, 6n]);
    });
  }
  it("do not move for others, nor more than there are", async () => {
    const { token, owner, other } = all;
    await expect(token.connect(other).safeTransferFrom(owner, other, 1n, 1n, "0x"))
      .to.be.revertedWithCustomError(token, "ERC1155MissingApprovalForAll").withArgs(other, owner);
    await expect(token.safeTransferFrom(owner, other, 1n, 101n, "0x"))
      .to.be.revertedWithCustomError(token, "ERC1155InsufficientBalance").withArgs(owner, 100n, 101n, 1n);
    await expect(token.safeBatchTransferFrom(owner, other, [1n], [1n, 2n], "0x"))
      .to.be.revertedWithCustomError(token, "ERC1155InvalidArrayLength").withArgs(1n, 2n);
    await expect(token.burn(owner, 2n, 201n)).to.be.revertedWithCustomError(token, "ERC1155InsufficientBalance");
  });
  it("are taken by contracts that know them only", async () => {
    const { token, owner } = all;
    const receiver = await ethers.deployContract("Receiver", [Answer.Accept]);
    await token.safeTransferFrom(owner, receiver, 1n, 1n, "0x");
    expect(await token.balanceOf(receiver, 1n)).to.equal(1n);
    await expect(token.safeTransferFrom(owner, token, 1n, 1n, "0x"))
      .to.be.revertedWithCustomError(token, "ERC1155InvalidReceiver").withArgs(token);
  });
  it("say where they are described", async () => {
    expect(await all.token.uri(5n)).to.equal("ipfs://{id}");
  });
});
