// AccessManager with its delays, roles with a slow administrator, ownership in two steps.
import { DAY, ethers, expect, impersonated, latest, loadFixture, NODE_SIGNS, time } from "../support.mjs";

const ADMIN = 0n, WRITER = 42n, GUARDIAN = 35n, WRITER_ADMIN = 17n, PUBLIC = 2n ** 64n - 1n;
const SETBACK = 5n * DAY, EXPIRATION = 7n * DAY;

describe("access manager", () => {
  const managed = async () => {
    const [admin, roleAdmin, guardian, writer, other] = await ethers.getSigners();
    const manager = await ethers.deployContract("AccessManager", [admin]);
    const target = await ethers.deployContract("ManagedTarget", [manager]);
    const selector = target.interface.getFunction("restricted_").selector;
    await manager.setRoleAdmin(WRITER, WRITER_ADMIN);
    await manager.setRoleGuardian(WRITER, GUARDIAN);
    await manager.grantRole(WRITER_ADMIN, roleAdmin, 0n);
    await manager.grantRole(GUARDIAN, guardian, 0n);
    await manager.setTargetFunctionRole(target, [selector], WRITER);
    const data = target.interface.encodeFunctionData("restricted_", [7n]);
    return { admin, roleAdmin, guardian, writer, other, manager, target, selector, data };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(managed)));
  const isMember = async (account, role = WRITER) => (await all.manager.hasRole(role, account))[0];

  it("has the defaults", async () => {
    const { manager } = all;
    expect(await manager.expiration()).to.equal(EXPIRATION);
    expect(await manager.minSetback()).to.equal(SETBACK);
    expect(await manager.ADMIN_ROLE()).to.equal(ADMIN);
    expect(await manager.PUBLIC_ROLE()).to.equal(PUBLIC);
  });
  it("needs an administrator", async () => {
    const { manager } = all;
    await expect(ethers.deployContract("AccessManager", [ethers.ZeroAddress]))
      .to.be.revertedWithCustomError(manager, "AccessManagerInvalidInitialAdmin").withArgs(ethers.ZeroAddress);
  });
  it("keeps strangers out", async () => {
    const { target, other } = all;
    await expect(target.connect(other).restricted_(1n)).to.be.revertedWithCustomError(target, "AccessManagedUnauthorized").withArgs(other);
  });
  it("leaves open what is open", async () => {
    const { target, other } = all;
    await expect(target.connect(other).open(1n)).to.emit(target, "Done").withArgs(other, 1n);
  });
  it("grants at once and takes back", async () => {
    const { manager, target, roleAdmin, writer } = all;
    await expect(manager.connect(roleAdmin).grantRole(WRITER, writer, 0n))
      .to.emit(manager, "RoleGranted").withArgs(WRITER, writer, 0n, (at) => at > 0n, true);
    await expect(target.connect(writer).restricted_(3n)).to.emit(target, "Done").withArgs(writer, 3n);
    await expect(manager.connect(roleAdmin).revokeRole(WRITER, writer)).to.emit(manager, "RoleRevoked").withArgs(WRITER, writer);
    await expect(target.connect(writer).restricted_(3n)).to.be.revertedWithCustomError(target, "AccessManagedUnauthorized");
  });
  it("lets only the role's administrator grant", async () => {
    const { manager, other, writer } = all;
    await expect(manager.connect(other).grantRole(WRITER, writer, 0n))
      .to.be.revertedWithCustomError(manager, "AccessManagerUnauthorizedAccount").withArgs(other, WRITER_ADMIN);
  });
  it("closes a target", async () => {
    const { manager, target, roleAdmin, writer } = all;
    await manager.connect(roleAdmin).grantRole(WRITER, writer, 0n);
    await expect(manager.setTargetClosed(target, true)).to.emit(manager, "TargetClosed").withArgs(target, true);
    await expect(target.connect(writer).restricted_(3n)).to.be.revertedWithCustomError(target, "AccessManagedUnauthorized");
    await manager.setTargetClosed(target, false);
    await target.connect(writer).restricted_(3n);
  });
  it("renounces with a confirmation", async () => {
    const { manager, roleAdmin, writer, other } = all;
    await manager.connect(roleAdmin).grantRole(WRITER, writer, 0n);
    await expect(manager.connect(writer).renounceRole(WRITER, other)).to.be.revertedWithCustomError(manager, "AccessManagerBadConfirmation");
    await manager.connect(writer).renounceRole(WRITER, writer);
    expect(await isMember(writer)).to.equal(false);
  });
  it("locks the roles of nobody and everybody", async () => {
    const { manager, other } = all;
    await expect(manager.grantRole(PUBLIC, other, 0n)).to.be.revertedWithCustomError(manager, "AccessManagerLockedRole").withArgs(PUBLIC);
    await expect(manager.setRoleAdmin(ADMIN, 1n)).to.be.revertedWithCustomError(manager, "AccessManagerLockedRole").withArgs(ADMIN);
    await expect(manager.setRoleGuardian(PUBLIC, 1n)).to.be.revertedWithCustomError(manager, "AccessManagerLockedRole").withArgs(PUBLIC);
  });

  describe("with a delay of granting", () => {
    const GRANT = 3n * DAY;
    beforeEach(async () => {
      await all.manager.setGrantDelay(WRITER, GRANT);
      await time.increase(SETBACK);
    });
    for (const [name, offset, member] of [["before", -1n, false], ["at", 0n, true], ["after", 1n, true]]) {
      for (const mined of [true, false]) {
        it(`${member ? "is" : "is not yet"} a member ${name} its time${mined ? "" : ", in the block itself"}`, async () => {
          const { manager, roleAdmin, writer, target } = all;
          await manager.connect(roleAdmin).grantRole(WRITER, writer, 0n);
          const since = (await latest()) + GRANT;
          if (mined) {
            await time.increaseTo(since + offset);
            expect(await isMember(writer)).to.equal(member);
          } else {
            await time.setNextBlockTimestamp(since + offset);
            const tx = target.connect(writer).restricted_(3n);
            if (member) await expect(tx).to.emit(target, "Done").withArgs(writer, 3n);
            else await expect(tx).to.be.revertedWithCustomError(target, "AccessManagedUnauthorized").withArgs(writer);
          }
        });
      }
    }
  });

  describe("with a delay of execution", () => {
    const DELAY = 2n * DAY;
    beforeEach(() => all.manager.connect(all.roleAdmin).grantRole(WRITER, all.writer, DELAY));
    const schedule = (at) => all.manager.connect(all.writer).schedule(all.target, all.data, at);
    const id = () => all.manager.hashOperation(all.writer, all.target, all.data);

    it("asks for a schedule", async () => {
      const { manager, target, writer, selector } = all;
      expect(await manager.canCall(writer, target, selector)).to.deep.equal([false, DELAY]);
      await expect(target.connect(writer).restricted_(7n))
        .to.be.revertedWithCustomError(manager, "AccessManagerNotScheduled").withArgs(await id());
    });
    it("schedules at the earliest moment", async () => {
      const { manager, writer, target, data } = all;
      const at = (await latest()) + 1_000n;
      await time.setNextBlockTimestamp(at);
      await expect(schedule(0n)).to.emit(manager, "OperationScheduled").withArgs(await id(), 1n, at + DELAY, writer, target, data);
      expect(await manager.getSchedule(await id())).to.equal(at + DELAY);
      expect(await manager.getNonce(await id())).to.equal(1n);
    });
    it("does not schedule earlier", async () => {
      const { manager, writer, target, selector } = all;
      await expect(schedule((await latest()) + DELAY - 10n))
        .to.be.revertedWithCustomError(manager, "AccessManagerUnauthorizedCall").withArgs(writer, target, selector);
    });
    for (const [name, offset, error] of [
      ["a second too early", -1n, "AccessManagerNotReady"],
      ["in time", 0n, null],
      ["in its last second", EXPIRATION - 1n, null],
      ["a second too late", EXPIRATION, "AccessManagerExpired"],
    ]) {
      for (const through of ["target", "manager"]) {
        it(`through the ${through} ${name}: ${error ?? "done"}`, async () => {
          const { manager, target, writer, data } = all;
          await schedule(0n);
          const ready = await manager.getSchedule(await id());
          await time.setNextBlockTimestamp(ready + offset);
          const tx = through === "target" ? target.connect(writer).restricted_(7n) : manager.connect(writer).execute(target, data);
          if (error) await expect(tx).to.be.revertedWithCustomError(manager, error).withArgs(await id());
          else await expect(tx).to.emit(manager, "OperationExecuted").withArgs(await id(), 1n).and.to.emit(target, "Done");
        });
      }
    }
    it("does not execute twice", async () => {
      const { manager, target, writer } = all;
      await schedule(0n);
      await time.increaseTo(await manager.getSchedule(await id()));
      await target.connect(writer).restricted_(7n);
      await expect(target.connect(writer).restricted_(7n)).to.be.revertedWithCustomError(manager, "AccessManagerNotScheduled");
    });
    it("does not schedule twice, but again once it expired", async () => {
      const { manager } = all;
      await schedule(0n);
      await expect(schedule(0n)).to.be.revertedWithCustomError(manager, "AccessManagerAlreadyScheduled").withArgs(await id());
      await time.increaseTo((await manager.getSchedule(await id())) + EXPIRATION);
      await expect(schedule(0n)).to.emit(manager, "OperationScheduled");
      expect(await manager.getNonce(await id())).to.equal(2n);
    });
    for (const who of ["writer", "guardian", "admin"]) {
      it(`is canceled by the ${who}`, async () => {
        const { manager, writer, target, data } = all;
        await schedule(0n);
        await expect(manager.connect(all[who]).cancel(writer, target, data)).to.emit(manager, "OperationCanceled").withArgs(await id(), 1n);
        expect(await manager.getSchedule(await id())).to.equal(0n);
      });
    }
    it("is not canceled by others", async () => {
      const { manager, writer, target, data, other, selector } = all;
      await schedule(0n);
      await expect(manager.connect(other).cancel(writer, target, data))
        .to.be.revertedWithCustomError(manager, "AccessManagerUnauthorizedCancel").withArgs(other, writer, target, selector);
    });
    it("becomes shorter only after as long", async () => {
      const { manager, roleAdmin, writer } = all;
      await manager.connect(roleAdmin).grantRole(WRITER, writer, 10n);
      const effect = (await latest()) + DELAY - 10n;
      expect((await manager.getAccess(WRITER, writer)).slice(1)).to.deep.equal([DELAY, 10n, effect]);
      await time.increaseTo(effect);
      expect((await manager.getAccess(WRITER, writer)).slice(1)).to.deep.equal([10n, 0n, 0n]);
    });
  });

  it("changes a target's delay after a setback", async () => {
    const { manager, target } = all;
    await expect(manager.setTargetAdminDelay(target, DAY)).to.emit(manager, "TargetAdminDelayUpdated");
    const effect = (await latest()) + SETBACK;
    await time.increaseTo(effect - 1n);
    expect(await manager.getTargetAdminDelay(target)).to.equal(0n);
    await time.increaseTo(effect);
    expect(await manager.getTargetAdminDelay(target)).to.equal(DAY);
  });
  it("hands a target to another manager", async () => {
    const { manager, target } = all;
    const next = await ethers.deployContract("AccessManager", [all.other]);
    await expect(manager.updateAuthority(target, next)).to.emit(target, "AuthorityUpdated").withArgs(next);
    await expect(manager.updateAuthority(target, manager)).to.be.revertedWithCustomError(target, "AccessManagedUnauthorized").withArgs(manager);
  });
  it("does several things at once, or none", async () => {
    const { manager, roleAdmin, writer, other } = all;
    const grant = (account) => manager.interface.encodeFunctionData("grantRole", [WRITER, account.address, 0n]);
    const lock = manager.interface.encodeFunctionData("grantRole", [PUBLIC, other.address, 0n]);
    await manager.connect(roleAdmin).multicall([grant(writer), grant(other)]);
    expect([await isMember(writer), await isMember(other)]).to.deep.equal([true, true]);
    await expect(manager.multicall([lock])).to.be.revertedWithCustomError(manager, "AccessManagerLockedRole");
  });
  if (NODE_SIGNS) {
    it("takes a manager's word, which has no key", async () => {
      const { manager, target } = all;
      const signer = await impersonated(manager);
      await expect(target.connect(signer).setAuthority(target)).to.emit(target, "AuthorityUpdated").withArgs(target);
    });
  }
});

describe("roles with a slow administrator", () => {
  const DELAY = 3n * DAY;
  const roles = async () => {
    const [admin, next, writer] = await ethers.getSigners();
    const contract = await ethers.deployContract("Roles", [DELAY, admin]);
    return { admin, next, writer, contract };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(roles)));

  it("guards by role", async () => {
    const { contract, writer } = all;
    const role = await contract.WRITER();
    await expect(contract.connect(writer).write(1n)).to.be.revertedWithCustomError(contract, "AccessControlUnauthorizedAccount").withArgs(writer, role);
    await expect(contract.grantRole(role, writer)).to.emit(contract, "RoleGranted").withArgs(role, writer, all.admin);
    await contract.connect(writer).write(8n);
    expect(await contract.written()).to.equal(8n);
  });
  for (const [offset, accepted] of [[-1n, false], [0n, false], [1n, true]]) {
    it(`${accepted ? "is" : "is not"} handed over ${offset} seconds after the delay`, async () => {
      const { contract, next, admin } = all;
      await contract.beginDefaultAdminTransfer(next);
      const at = (await latest()) + DELAY;
      expect(await contract.pendingDefaultAdmin()).to.deep.equal([next.address, at]);
      await time.setNextBlockTimestamp(at + offset);
      const tx = contract.connect(next).acceptDefaultAdminTransfer();
      if (accepted) await expect(tx).to.emit(contract, "RoleGranted").withArgs(ethers.ZeroHash, next, next);
      else await expect(tx).to.be.revertedWithCustomError(contract, "AccessControlEnforcedDefaultAdminDelay").withArgs(at);
      expect(await contract.defaultAdmin()).to.equal(accepted ? next.address : admin.address);
    });
  }
  it("is not handed over to others", async () => {
    const { contract, next, writer } = all;
    await contract.beginDefaultAdminTransfer(next);
    await expect(contract.connect(writer).acceptDefaultAdminTransfer())
      .to.be.revertedWithCustomError(contract, "AccessControlInvalidDefaultAdmin").withArgs(writer);
    await expect(contract.cancelDefaultAdminTransfer()).to.emit(contract, "DefaultAdminTransferCanceled");
  });
});

describe("ownership in two steps", () => {
  it("is offered and taken", async () => {
    const [owner, next, other] = await ethers.getSigners();
    const owned = await ethers.deployContract("Owned", [owner]);
    await expect(owned.transferOwnership(next)).to.emit(owned, "OwnershipTransferStarted").withArgs(owner, next);
    expect([await owned.owner(), await owned.pendingOwner()]).to.deep.equal([owner.address, next.address]);
    await expect(owned.connect(other).acceptOwnership()).to.be.revertedWithCustomError(owned, "OwnableUnauthorizedAccount").withArgs(other);
    await expect(owned.connect(next).acceptOwnership()).to.emit(owned, "OwnershipTransferred").withArgs(owner, next);
    await expect(owned.guarded()).to.be.revertedWithCustomError(owned, "OwnableUnauthorizedAccount").withArgs(owner);
    expect(await owned.connect(next).guarded()).to.equal(next.address);
  });
});
