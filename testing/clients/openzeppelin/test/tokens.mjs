// ERC-20 with permits and votes, stops, loans and shares.
import { CLOCKS, DAY, MAX, domainOf, ethers, events, expect, inOneBlock, latest, loadFixture, networkHelpers, time } from "../support.mjs";

const SUPPLY = ethers.parseEther("1000");
const Permit = [
  { name: "owner", type: "address" }, { name: "spender", type: "address" }, { name: "value", type: "uint256" },
  { name: "nonce", type: "uint256" }, { name: "deadline", type: "uint256" },
];
const Delegation = [
  { name: "delegatee", type: "address" }, { name: "nonce", type: "uint256" }, { name: "expiry", type: "uint256" },
];

for (const [mode, clock] of Object.entries(CLOCKS)) {
  const tokens = async () => {
    const [holder, spender, other, third] = await ethers.getSigners();
    const token = await ethers.deployContract(clock.token);
    await token.mint(holder, SUPPLY);
    return { holder, spender, other, third, token, domain: await domainOf(token) };
  };
  const permit = async ({ token, holder, spender, domain }, more = {}) => {
    const message = {
      owner: holder.address, spender: spender.address, value: 42n, nonce: await token.nonces(holder), deadline: MAX, ...more,
    };
    const { r, s, v } = ethers.Signature.from(await holder.signTypedData(domain, { Permit }, message));
    return [message.owner, message.spender, message.value, message.deadline, v, r, s];
  };

  describe(`votes token by ${mode}`, () => {
    let all;
    beforeEach(async () => (all = await loadFixture(tokens)));

    it("names its domain and its clock", async () => {
      expect(all.domain.chainId).to.equal(31337n);
      expect(all.domain.verifyingContract).to.equal(all.token.target);
      expect(await all.token.DOMAIN_SEPARATOR()).to.equal(ethers.TypedDataEncoder.hashDomain(all.domain));
      expect(await all.token.CLOCK_MODE()).to.equal(clock.mode);
      expect(await all.token.clock()).to.equal(await clock.now());
    });

    describe("transfers", () => {
      it("move tokens and say so", async () => {
        const { token, holder, other } = all;
        await expect(token.transfer(other, 7n)).to.emit(token, "Transfer").withArgs(holder, other, 7n);
        expect(await token.balanceOf(other)).to.equal(7n);
      });
      it("change balances by the value", async () => {
        const { token, holder, other } = all;
        await expect(token.transfer(other, 9n)).to.changeTokenBalances(ethers, token, [holder, other], [-9n, 9n]);
      });
      it("change no balance of ether", async () => {
        const { token, holder, other } = all;
        await expect(token.transfer(other, 9n)).to.changeEtherBalances(ethers, [holder, other], [0n, 0n]);
      });
      it("refuse more than there is", async () => {
        const { token, holder, other } = all;
        await expect(token.connect(other).transfer(holder, 1n))
          .to.be.revertedWithCustomError(token, "ERC20InsufficientBalance").withArgs(other, 0n, 1n);
      });
      it("refuse the zero address", async () => {
        const { token } = all;
        await expect(token.transfer(ethers.ZeroAddress, 1n))
          .to.be.revertedWithCustomError(token, "ERC20InvalidReceiver").withArgs(ethers.ZeroAddress);
      });
      it("need an allowance from others", async () => {
        const { token, holder, spender, other } = all;
        await expect(token.connect(spender).transferFrom(holder, other, 5n))
          .to.be.revertedWithCustomError(token, "ERC20InsufficientAllowance").withArgs(spender, 0n, 5n);
        await expect(token.approve(spender, 5n)).to.emit(token, "Approval").withArgs(holder, spender, 5n);
        await expect(token.connect(spender).transferFrom(holder, other, 5n))
          .to.changeTokenBalances(ethers, token, [holder, spender, other], [-5n, 0n, 5n]);
        expect(await token.allowance(holder, spender)).to.equal(0n);
      });
      it("leave an endless allowance as it is", async () => {
        const { token, holder, spender, other } = all;
        await token.approve(spender, MAX);
        await token.connect(spender).transferFrom(holder, other, 5n);
        expect(await token.allowance(holder, spender)).to.equal(MAX);
      });
    });

    describe("permits", () => {
      it("are signed by the node or by Hardhat", async () => {
        const { token, holder, spender } = all;
        await expect(token.connect(spender).permit(...(await permit(all)))).to.emit(token, "Approval").withArgs(holder, spender, 42n);
        expect(await token.nonces(holder)).to.equal(1n);
        expect(await token.allowance(holder, spender)).to.equal(42n);
      });
      it("are the same signature that a key makes", async () => {
        const { token, spender, domain, holder } = all;
        const wallet = ethers.Wallet.fromPhrase("test test test test test test test test test test test junk");
        expect(wallet.address).to.equal(holder.address);
        const message = { owner: wallet.address, spender: spender.address, value: MAX, nonce: 0n, deadline: 1n };
        expect(await holder.signTypedData(domain, { Permit }, message)).to.equal(await wallet.signTypedData(domain, { Permit }, message));
        expect(await token.nonces(wallet)).to.equal(0n);
      });
      it("count once", async () => {
        const { token } = all;
        const signed = await permit(all);
        await token.permit(...signed);
        await expect(token.permit(...signed)).to.be.revertedWithCustomError(token, "ERC2612InvalidSigner");
      });
      it("count for their owner only", async () => {
        const { token, holder, other } = all;
        const signed = await permit({ ...all, holder: other }, { owner: holder.address, nonce: 0n });
        await expect(token.permit(...signed)).to.be.revertedWithCustomError(token, "ERC2612InvalidSigner").withArgs(other, holder);
      });
      it("expire", async () => {
        const { token } = all;
        const deadline = (await latest()) - 1n;
        await expect(token.permit(...(await permit(all, { deadline }))))
          .to.be.revertedWithCustomError(token, "ERC2612ExpiredSignature").withArgs(deadline);
      });
      it("hold until their last second", async () => {
        const { token, holder, spender } = all;
        const deadline = (await latest()) + DAY;
        const signed = await permit(all, { deadline });
        await time.setNextBlockTimestamp(deadline);
        await expect(token.permit(...signed)).to.emit(token, "Approval").withArgs(holder, spender, 42n);
        expect(await latest()).to.equal(deadline);
      });
      it("are gone one second later", async () => {
        const { token } = all;
        const deadline = (await latest()) + DAY;
        const signed = await permit(all, { deadline });
        await time.setNextBlockTimestamp(deadline + 1n);
        await expect(token.permit(...signed)).to.be.revertedWithCustomError(token, "ERC2612ExpiredSignature").withArgs(deadline);
      });
      it("count for one chain", async () => {
        const { token, domain } = all;
        const signed = await permit({ ...all, domain: { ...domain, chainId: 1n } });
        await expect(token.permit(...signed)).to.be.revertedWithCustomError(token, "ERC2612InvalidSigner");
      });
    });

    describe("votes", () => {
      it("need a delegation", async () => {
        const { token, holder } = all;
        expect(await token.getVotes(holder)).to.equal(0n);
        const tx = token.delegate(holder);
        await expect(tx).to.emit(token, "DelegateChanged").withArgs(holder, ethers.ZeroAddress, holder);
        await expect(tx).to.emit(token, "DelegateVotesChanged").withArgs(holder, 0n, SUPPLY);
        expect(await token.getVotes(holder)).to.equal(SUPPLY);
        expect(await token.delegates(holder)).to.equal(holder.address);
      });
      it("of the past stay as they were", async () => {
        const { token, holder, other } = all;
        await token.delegate(holder);
        const first = await clock.now();
        await networkHelpers.mine(3);
        await token.transfer(other, 100n);
        const second = await clock.now();
        await networkHelpers.mine(3);
        await token.delegate(other);
        const third = await clock.now();
        await networkHelpers.mine(3);
        expect(await token.getPastVotes(holder, first)).to.equal(SUPPLY);
        expect(await token.getPastVotes(holder, second - 1n)).to.equal(SUPPLY);
        expect(await token.getPastVotes(holder, second)).to.equal(SUPPLY - 100n);
        expect(await token.getPastVotes(holder, third)).to.equal(0n);
        expect(await token.getPastVotes(other, third)).to.equal(SUPPLY - 100n);
        expect(await token.getPastVotes(other, second)).to.equal(0n);
        expect(await token.numCheckpoints(holder)).to.equal(3n);
      });
      it("of the future are not known", async () => {
        const { token, holder } = all;
        const now = await clock.now();
        await expect(token.getPastVotes(holder, now + 1000n))
          .to.be.revertedWithCustomError(token, "ERC5805FutureLookup").withArgs(now + 1000n, now);
      });
      it("of one block are one checkpoint", async () => {
        const { token, holder, other } = all;
        await token.delegate(holder);
        const before = await token.numCheckpoints(holder);
        const gasLimit = 300_000n;
        const receipts = await inOneBlock(
          () => token.transfer(other, 10n, { gasLimit }),
          () => token.transfer(other, 20n, { gasLimit }),
          () => token.transfer(other, 30n, { gasLimit }),
        );
        expect(receipts.map(({ status }) => status)).to.deep.equal([1, 1, 1]);
        expect(await token.numCheckpoints(holder)).to.equal(before + 1n);
        expect(await token.getVotes(holder)).to.equal(SUPPLY - 60n);
        expect((await token.checkpoints(holder, before))[0]).to.equal(await clock.now());
      });
      it("of the whole are counted too", async () => {
        const { token, holder } = all;
        const minted = await clock.now();
        await networkHelpers.mine();
        await token.burn(holder, 1n);
        const burned = await clock.now();
        await networkHelpers.mine();
        expect(await token.getPastTotalSupply(minted)).to.equal(SUPPLY);
        expect(await token.getPastTotalSupply(burned)).to.equal(SUPPLY - 1n);
      });
      it("cannot exceed 208 bits", async () => {
        const { token, holder } = all;
        const cap = 2n ** 208n - 1n;
        await expect(token.mint(holder, cap)).to.be.revertedWithCustomError(token, "ERC20ExceededSafeSupply").withArgs(cap + SUPPLY, cap);
      });
      it("are delegated by signature", async () => {
        const { token, holder, other, third, domain } = all;
        const message = { delegatee: other.address, nonce: 0n, expiry: MAX };
        const { r, s, v } = ethers.Signature.from(await holder.signTypedData(domain, { Delegation }, message));
        await expect(token.connect(third).delegateBySig(other, 0n, MAX, v, r, s))
          .to.emit(token, "DelegateChanged").withArgs(holder, ethers.ZeroAddress, other)
          .and.to.emit(token, "DelegateVotesChanged").withArgs(other, 0n, SUPPLY);
        await expect(token.delegateBySig(other, 0n, MAX, v, r, s))
          .to.be.revertedWithCustomError(token, "InvalidAccountNonce").withArgs(holder, 1n);
      });
      it("are not delegated by an old signature", async () => {
        const { token, holder, other, domain } = all;
        const expiry = (await latest()) - 1n;
        const signature = await holder.signTypedData(domain, { Delegation }, { delegatee: other.address, nonce: 0n, expiry });
        const { r, s, v } = ethers.Signature.from(signature);
        await expect(token.delegateBySig(other, 0n, expiry, v, r, s))
          .to.be.revertedWithCustomError(token, "VotesExpiredSignature").withArgs(expiry);
      });
    });
  });
}

describe("guarded token", () => {
  const CAP = 1_000_000n;
  const guarded = async () => {
    const [owner, other] = await ethers.getSigners();
    const token = await ethers.deployContract("GuardedToken", [CAP, owner]);
    await token.mint(owner, 1_000n);
    return { owner, other, token };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(guarded)));

  it("stops and goes on", async () => {
    const { token, owner, other } = all;
    await expect(token.pause()).to.emit(token, "Paused").withArgs(owner);
    await expect(token.transfer(other, 1n)).to.be.revertedWithCustomError(token, "EnforcedPause").withArgs();
    await expect(token.mint(other, 1n)).to.be.revertedWithCustomError(token, "EnforcedPause");
    await expect(token.pause()).to.be.revertedWithCustomError(token, "EnforcedPause");
    await expect(token.unpause()).to.emit(token, "Unpaused").withArgs(owner);
    await expect(token.unpause()).to.be.revertedWithCustomError(token, "ExpectedPause");
    await expect(token.transfer(other, 1n)).to.changeTokenBalance(ethers, token, other, 1n);
  });
  it("obeys its owner only", async () => {
    const { token, other } = all;
    for (const call of ["pause", "unpause", "renounceOwnership"]) {
      await expect(token.connect(other)[call]()).to.be.revertedWithCustomError(token, "OwnableUnauthorizedAccount").withArgs(other);
    }
  });
  it("keeps to its cap", async () => {
    const { token, owner } = all;
    await expect(token.mint(owner, CAP)).to.be.revertedWithCustomError(token, "ERC20ExceededCap").withArgs(CAP + 1_000n, CAP);
    await token.mint(owner, CAP - 1_000n);
    expect(await token.totalSupply()).to.equal(CAP);
  });
  it("burns", async () => {
    const { token, owner } = all;
    await expect(token.burn(10n)).to.emit(token, "Transfer").withArgs(owner, ethers.ZeroAddress, 10n);
    await expect(token.burn(10_000n)).to.be.revertedWithCustomError(token, "ERC20InsufficientBalance").withArgs(owner, 990n, 10_000n);
  });
  it("does not deploy with a cap of nothing", async () => {
    const { token, owner } = all;
    await expect(ethers.deployContract("GuardedToken", [0n, owner])).to.be.revertedWithCustomError(token, "ERC20InvalidCap").withArgs(0n);
    await expect(ethers.deployContract("GuardedToken", [1n, ethers.ZeroAddress]))
      .to.be.revertedWithCustomError(token, "OwnableInvalidOwner").withArgs(ethers.ZeroAddress);
  });
  it("lends for one call", async () => {
    const { token } = all;
    const borrower = await ethers.deployContract("Borrower", [true]);
    const amount = 5_000n;
    const tx = token.flashLoan(borrower, token, amount, "0x");
    await expect(tx).to.emit(borrower, "Borrowed").withArgs(amount, amount, amount + 1_000n);
    await expect(tx).to.emit(token, "Transfer").withArgs(ethers.ZeroAddress, borrower, amount);
    await expect(tx).to.emit(token, "Transfer").withArgs(borrower, ethers.ZeroAddress, amount);
    expect(await token.totalSupply()).to.equal(1_000n);
  });
  it("does not lend to whom does not give back", async () => {
    const { token } = all;
    const borrower = await ethers.deployContract("Borrower", [false]);
    await expect(token.flashLoan(borrower, token, 1n, "0x"))
      .to.be.revertedWithCustomError(token, "ERC20InsufficientAllowance").withArgs(token, 0n, 1n);
  });
  it("does not lend more than the maximum", async () => {
    const { token } = all;
    const borrower = await ethers.deployContract("Borrower", [true]);
    const most = await token.maxFlashLoan(token);
    expect(most).to.equal(MAX - 1_000n);
    await expect(token.flashLoan(borrower, token, most + 1n, "0x"))
      .to.be.revertedWithCustomError(token, "ERC3156ExceededMaxLoan").withArgs(most);
  });
});

describe("shares", () => {
  const ASSETS = 10_000n;
  const shares = async () => {
    const [holder, other] = await ethers.getSigners();
    const asset = await ethers.deployContract("VotesToken");
    const vault = await ethers.deployContract("Shares", [asset]);
    await asset.mint(holder, MAX >> 60n);
    await asset.approve(vault, MAX);
    await vault.deposit(ASSETS, holder);
    return { holder, other, asset, vault };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(shares)));

  for (const gain of [0n, 1n, 999n, 10_000n, 1_000_000n]) {
    it(`after a gain of ${gain} are worth what there is`, async () => {
      const { asset, vault, holder, other } = all;
      await asset.mint(vault, gain);
      const worth = (count) => (count * (ASSETS + gain + 1n)) / (ASSETS + 1n);
      const priced = (assets) => (assets * (ASSETS + 1n)) / (ASSETS + gain + 1n);
      expect(await vault.convertToAssets(100n)).to.equal(worth(100n));
      expect(await vault.convertToShares(1_000n)).to.equal(priced(1_000n));
      const tx = vault.deposit(5_000n, other);
      await expect(tx).to.emit(vault, "Deposit").withArgs(holder, other, 5_000n, priced(5_000n));
      await expect(tx).to.changeTokenBalances(ethers, asset, [holder, vault], [-5_000n, 5_000n]);
      expect(await vault.balanceOf(other)).to.equal(priced(5_000n));
      const out = await vault.previewRedeem(priced(5_000n));
      await expect(vault.connect(other).redeem(priced(5_000n), other, other))
        .to.emit(vault, "Withdraw").withArgs(other, other, other, out, priced(5_000n));
    });
  }
  it("are not redeemed beyond what somebody has", async () => {
    const { vault, holder } = all;
    await expect(vault.redeem(ASSETS + 1n, holder, holder))
      .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxRedeem").withArgs(holder, ASSETS + 1n, ASSETS);
    await expect(vault.withdraw(ASSETS + 1n, holder, holder))
      .to.be.revertedWithCustomError(vault, "ERC4626ExceededMaxWithdraw").withArgs(holder, ASSETS + 1n, ASSETS);
  });
  it("are redeemed by others with an allowance", async () => {
    const { vault, asset, holder, other } = all;
    await expect(vault.connect(other).redeem(10n, other, holder))
      .to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance").withArgs(other, 0n, 10n);
    await vault.approve(other, 10n);
    const receipt = await (await vault.connect(other).redeem(10n, other, holder)).wait();
    expect(events(receipt, vault, "Withdraw")[0].args.slice(0, 3)).to.deep.equal([other.address, other.address, holder.address]);
    expect(await asset.balanceOf(other)).to.equal(10n);
  });
});
