// Messages and typed data, signed by the node or by Hardhat, checked by contracts; code for accounts.
import { generateKeyPairSync, sign } from "node:crypto";

import { DAY, domainOf, ethers, expect, latest, loadFixture, NODE_SIGNS, rpc, time } from "../support.mjs";

const Order = [
  { name: "buyer", type: "address" }, { name: "lines", type: "Line[]" }, { name: "marks", type: "uint8[3]" },
  { name: "note", type: "bytes" }, { name: "code", type: "bytes8" }, { name: "urgent", type: "bool" },
];
const Line = [{ name: "item", type: "string" }, { name: "count", type: "uint128" }, { name: "change", type: "int64" }];

describe("signatures", () => {
  const verifier = async () => {
    const signers = await ethers.getSigners();
    return { signers, verifier: await ethers.deployContract("Verifier") };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(verifier)));

  for (const [name, message] of [
    ["a text", "hello"], ["words of many kinds", "签名 ✓ \n\t"], ["32 bytes", ethers.getBytes(ethers.id("x"))],
    ["bytes that are no text", Uint8Array.from([0xff, 0x00, 0xfe])], ["a long text", "x".repeat(10_000)],
  ]) {
    it(`over ${name} are the account's`, async () => {
      const { signers: [, signer], verifier: contract } = all;
      const signature = await signer.signMessage(message);
      expect(ethers.verifyMessage(message, signature)).to.equal(signer.address);
      const bytes = typeof message === "string" ? ethers.toUtf8Bytes(message) : message;
      expect(await contract.ofMessage(bytes, signature)).to.equal(signer.address);
    });
  }
  if (NODE_SIGNS) {
    it("over nothing are the account's", async () => {
      const [signer] = all.signers;
      expect(ethers.verifyMessage("", await signer.signMessage(""))).to.equal(signer.address);
    });
  }
  for (const count of [0, 1, 5]) {
    it(`over an order of ${count} lines are the account's`, async () => {
      const { signers: [, , signer], verifier: contract } = all;
      const line = (at) => ({ item: `thing ${at}`, count: 2n ** 127n + BigInt(at), change: -(2n ** 63n) + BigInt(at) });
      const order = {
        buyer: signer.address, lines: Array.from({ length: count }, (_, at) => line(at)), marks: [1, 0, 255],
        note: "0x00ff", code: "0x0102030405060708", urgent: true,
      };
      const signature = await signer.signTypedData(await domainOf(contract), { Order, Line }, order);
      expect(await contract.ofOrder(order, signature)).to.equal(signer.address);
      expect(await contract.ofOrder({ ...order, urgent: false }, signature)).to.not.equal(signer.address);
    });
  }
  it("are checked for accounts and contracts", async () => {
    const { signers: [signer, other], verifier: contract } = all;
    const message = ethers.toUtf8Bytes("m");
    const signature = await signer.signMessage(message);
    const hash = ethers.hashMessage(message);
    expect(await contract.isValidNow(signer, hash, signature)).to.equal(true);
    expect(await contract.isValidNow(other, hash, signature)).to.equal(false);
    expect(await contract.isValidNow(contract, hash, signature)).to.equal(false);
  });
  it("of P-256 are checked by the EVM and by Solidity alike", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const { x, y } = publicKey.export({ format: "jwk" });
    const point = [x, y].map((part) => ethers.hexlify(Buffer.from(part, "base64url")));
    const message = Buffer.from("p256");
    const hash = ethers.sha256(message);
    const signature = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const r = ethers.hexlify(signature.subarray(0, 32));
    let s = BigInt(ethers.hexlify(signature.subarray(32)));
    if (s > order / 2n) s = order - s;
    const check = (digest) => all.verifier.p256(digest, r, ethers.toBeHex(s, 32), ...point);
    expect(await check(hash)).to.deep.equal([true, true]);
    expect(await check(ethers.id("other"))).to.deep.equal([false, false]);
  });
  it("of unknown accounts are refused", async () => {
    const unknown = ethers.Wallet.createRandom().address;
    await expect(rpc("eth_sign", unknown, "0x00")).to.be.rejected;
    await expect(rpc("personal_sign", "0x00", unknown)).to.be.rejected;
    const document = ethers.TypedDataEncoder.getPayload({ name: "x" }, { A: [{ name: "a", type: "uint256" }] }, { a: 1 });
    await expect(rpc("eth_signTypedData_v4", unknown, JSON.stringify(document))).to.be.rejected;
  });
});

describe("a forwarder", () => {
  const ForwardRequest = [
    { name: "from", type: "address" }, { name: "to", type: "address" }, { name: "value", type: "uint256" },
    { name: "gas", type: "uint256" }, { name: "nonce", type: "uint256" }, { name: "deadline", type: "uint48" }, { name: "data", type: "bytes" },
  ];
  const forwarding = async () => {
    const [relayer, sender, other] = await ethers.getSigners();
    const forwarder = await ethers.deployContract("ERC2771Forwarder", ["Forwarder"]);
    const target = await ethers.deployContract("Forwarded", [forwarder]);
    const domain = await domainOf(forwarder);
    return { relayer, sender, other, forwarder, target, domain };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(forwarding)));
  const request = async (more = {}, signer = all.sender) => {
    const { forwarder, target, sender, domain } = all;
    const message = {
      from: sender.address, to: target.target, value: 0n, gas: 100_000n, nonce: await forwarder.nonces(sender),
      deadline: (await latest()) + DAY, data: target.interface.encodeFunctionData("act", [5n]), ...more,
    };
    return { ...message, signature: await signer.signTypedData(domain, { ForwardRequest }, message) };
  };

  it("speaks for who signed", async () => {
    const { forwarder, target, sender } = all;
    const signed = await request({ value: 3n });
    expect(await forwarder.verify(signed)).to.equal(true);
    const tx = forwarder.execute(signed, { value: 3n });
    await expect(tx).to.emit(target, "Acted").withArgs(sender, 5n, 3n);
    await expect(tx).to.emit(forwarder, "ExecutedForwardRequest").withArgs(sender, 0n, true);
    expect(await forwarder.nonces(sender)).to.equal(1n);
  });
  it("does not speak for others", async () => {
    const { forwarder, sender, other } = all;
    const signed = await request({}, other);
    expect(await forwarder.verify(signed)).to.equal(false);
    await expect(forwarder.execute(signed)).to.be.revertedWithCustomError(forwarder, "ERC2771ForwarderInvalidSigner").withArgs(other, sender);
  });
  it("speaks once", async () => {
    const { forwarder } = all;
    const signed = await request();
    await forwarder.execute(signed);
    await expect(forwarder.execute(signed)).to.be.revertedWithCustomError(forwarder, "ERC2771ForwarderInvalidSigner");
  });
  for (const [offset, works] of [[0n, true], [1n, false]]) {
    it(`${works ? "speaks" : "does not speak"} ${offset} s after the deadline`, async () => {
      const { forwarder } = all;
      const signed = await request();
      await time.setNextBlockTimestamp(signed.deadline + offset);
      const tx = forwarder.execute(signed);
      if (works) await expect(tx).to.emit(forwarder, "ExecutedForwardRequest");
      else await expect(tx).to.be.revertedWithCustomError(forwarder, "ERC2771ForwarderExpiredRequest").withArgs(signed.deadline);
    });
  }
  it("passes on no less than was said", async () => {
    const { forwarder, target } = all;
    await expect(forwarder.execute(await request({ value: 2n }), { value: 1n }))
      .to.be.revertedWithCustomError(forwarder, "ERC2771ForwarderMismatchedValue").withArgs(2n, 1n);
    await expect(forwarder.execute(await request({ data: target.interface.encodeFunctionData("fails") })))
      .to.be.revertedWithCustomError(forwarder, "FailedCall");
    await expect(forwarder.execute(await request({ gas: 20_000_000n }), { gasLimit: 150_000n })).to.be.revert(ethers);
  });
  it("carries several and gives back what failed", async () => {
    const { forwarder, target, other, relayer } = all;
    const good = await request({ value: 1n });
    const bad = await request({ value: 5n, nonce: 1n, data: target.interface.encodeFunctionData("fails") });
    const tx = forwarder.executeBatch([good, bad], other, { value: 6n });
    await expect(tx).to.changeEtherBalances(ethers, [relayer, target, other], [-6n, 1n, 5n]);
  });
});

describe("code for accounts with a key", () => {
  const BATCH = "0x0100000000000000000000000000000000000000000000000000000000000000";
  const executions = (...calls) => ethers.AbiCoder.defaultAbiCoder().encode(["tuple(address,uint256,bytes)[]"], [calls]);
  const delegated = async () => {
    const [relayer, funder, other] = await ethers.getSigners();
    const eoa = ethers.Wallet.createRandom(ethers.provider);
    const sender = ethers.Wallet.createRandom(ethers.provider);
    for (const to of [eoa, sender]) await funder.sendTransaction({ to: to.address, value: ethers.parseEther("1") });
    const code = await ethers.deployContract("Delegate");
    const target = await ethers.deployContract("Target");
    return { relayer, other, eoa, sender, code, target };
  };
  let all;
  beforeEach(async () => (all = await loadFixture(delegated)));
  const delegate = async (address, by = all.sender, nonce = undefined) => {
    const authorization = await all.eoa.authorize(nonce === undefined ? { address } : { address, nonce });
    return by.sendTransaction({ to: ethers.ZeroAddress, authorizationList: [authorization], gasLimit: 100_000n });
  };

  it("is set by a signed authorization", async () => {
    const { code, eoa } = all;
    const tx = await delegate(code.target);
    expect([tx.type, (await tx.wait()).status]).to.deep.equal([4, 1]);
    expect(await ethers.provider.getCode(eoa)).to.equal(ethers.concat(["0xef0100", code.target]));
    expect(await ethers.provider.getTransactionCount(eoa)).to.equal(1);
  });
  it("is taken away again", async () => {
    const { code, eoa } = all;
    await (await delegate(code.target)).wait();
    await (await delegate(ethers.ZeroAddress)).wait();
    expect(await ethers.provider.getCode(eoa)).to.equal("0x");
  });
  it("is not set by an authorization that was used", async () => {
    const { code, eoa } = all;
    await (await delegate(code.target, all.sender, 5)).wait();
    expect(await ethers.provider.getCode(eoa)).to.equal("0x");
  });
  it("does several calls of the account in one transaction", async () => {
    const { code, eoa, target, other } = all;
    await (await delegate(code.target)).wait();
    const account = code.attach(eoa.address);
    const set = target.interface.encodeFunctionData("set", [8n]);
    const tx = account.connect(eoa).execute(BATCH, executions([target.target, 2n, set], [other.address, 3n, "0x"]));
    await expect(tx).to.emit(target, "Called").withArgs(eoa, 2n, 8n);
    await expect(tx).to.changeEtherBalances(ethers, [target, other], [2n, 3n]);
  });
  it("obeys the account only", async () => {
    const { code, eoa, other } = all;
    await (await delegate(code.target)).wait();
    await expect(code.attach(eoa.address).connect(other).execute(BATCH, executions())).to.be.revertedWithCustomError(code, "AccountUnauthorized").withArgs(other);
  });
  it("checks the account's signatures", async () => {
    const { code, eoa } = all;
    await (await delegate(code.target)).wait();
    const verifier = await ethers.deployContract("Verifier");
    // ERC-7739: a message is signed as data of the account's own domain
    const PersonalSign = [{ name: "prefixed", type: "bytes" }];
    const prefixed = ethers.concat([ethers.toUtf8Bytes("\u0019Ethereum Signed Message:\n1"), ethers.toUtf8Bytes("m")]);
    const signature = await eoa.signTypedData(await domainOf(code.attach(eoa.address)), { PersonalSign }, { prefixed });
    const check = (signed) => verifier.isValidNow(eoa.address, ethers.hashMessage("m"), signed);
    expect([await check(signature), await check(await eoa.signMessage("m"))]).to.deep.equal([true, false]);
  });
  it("still lets the account send", async () => {
    const { code, eoa, other } = all;
    await (await delegate(code.target)).wait();
    await expect(eoa.sendTransaction({ to: other.address, value: 4n })).to.changeEtherBalance(ethers, other, 4n);
  });
});
