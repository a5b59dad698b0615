// A vesting wallet, of ether and of tokens, looked at along its whole time.
import { DAY, ethers, expect, latest, loadFixture, time } from "../support.mjs";

const DURATION = 4n * 365n * DAY, AMOUNT = ethers.parseEther("100"), STEPS = 24n;

describe("vesting", () => {
  const wallet = async () => {
    const [sender, beneficiary] = await ethers.getSigners();
    const start = (await latest()) + 3_600n;
    const vesting = await ethers.deployContract("VestingWallet", [beneficiary, start, DURATION]);
    const token = await ethers.deployContract("VotesToken");
    await token.mint(vesting, AMOUNT);
    await sender.sendTransaction({ to: vesting, value: AMOUNT });
    return { sender, beneficiary, start, vesting, token };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(wallet)));
  const vested = (at) => {
    if (at < all.start) return 0n;
    return at >= all.start + DURATION ? AMOUNT : (AMOUNT * (at - all.start)) / DURATION;
  };

  it("is set up", async () => {
    const { vesting, start, beneficiary } = all;
    expect(await vesting.start()).to.equal(start);
    expect(await vesting.duration()).to.equal(DURATION);
    expect(await vesting.end()).to.equal(start + DURATION);
    expect(await vesting.owner()).to.equal(beneficiary.address);
    await expect(ethers.deployContract("VestingWallet", [ethers.ZeroAddress, start, DURATION]))
      .to.be.revertedWithCustomError(vesting, "OwnableInvalidOwner").withArgs(ethers.ZeroAddress);
  });
  for (let step = -1n; step <= STEPS; step += 1n) {
    it(`releases its part after ${step} of ${STEPS} parts of the time`, async () => {
      const { vesting, token, beneficiary, start } = all;
      const at = step < 0n ? start - 1n : start + (DURATION * step) / STEPS;
      await time.increaseTo(at);
      expect(await vesting["vestedAmount(uint64)"](at)).to.equal(vested(at));
      expect(await vesting["releasable()"]()).to.equal(vested(at));
      expect(await vesting["releasable(address)"](token)).to.equal(vested(at));
      await time.setNextBlockTimestamp(at + 60n);
      const ether = vested(at + 60n);
      const release = vesting["release()"]();
      await expect(release).to.emit(vesting, "EtherReleased").withArgs(ether);
      await expect(release).to.changeEtherBalances(ethers, [vesting, beneficiary], [-ether, ether]);
      await time.setNextBlockTimestamp(at + 120n);
      const tokens = vested(at + 120n);
      await expect(vesting["release(address)"](token))
        .to.changeTokenBalances(ethers, token, [vesting, beneficiary], [-tokens, tokens]);
    });
  }
  it("releases little by little", async () => {
    const { vesting, start } = all;
    let released = 0n;
    for (const part of [1n, 2n, 5n, 9n, 24n]) {
      const at = start + (DURATION * part) / STEPS;
      await time.setNextBlockTimestamp(at);
      await expect(vesting["release()"]()).to.emit(vesting, "EtherReleased").withArgs(vested(at) - released);
      released = vested(at);
      expect(await vesting["released()"]()).to.equal(released);
    }
    expect(released).to.equal(AMOUNT);
  });
});
