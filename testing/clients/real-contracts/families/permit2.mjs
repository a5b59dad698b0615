// Permit2: one approval, then signatures for each spending.
import { MaxUint256 } from "ethers";

import { permit2Code } from "../artifacts.mjs";

const MAX_160 = 2n ** 160n - 1n;
const DEADLINE = 4_000_000_000n;
const ABI = [
  "error InvalidNonce()",
  "error InvalidSigner()",
  "error SignatureExpired(uint256 signatureDeadline)",
  "error AllowanceExpired(uint256 deadline)",
  "error InsufficientAllowance(uint256 amount)",
  "error InvalidAmount(uint256 maxAmount)",
  "event Permit(address indexed owner, address indexed token, address indexed spender, uint160 amount, uint48 expiration, uint48 nonce)",
  "event UnorderedNonceInvalidation(address indexed owner, uint256 word, uint256 mask)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function allowance(address,address,address) view returns (uint160 amount, uint48 expiration, uint48 nonce)",
  "function nonceBitmap(address,uint256) view returns (uint256)",
  "function approve(address token, address spender, uint160 amount, uint48 expiration)",
  "function transferFrom(address from, address to, uint160 amount, address token)",
  "function permit(address owner, ((address token, uint160 amount, uint48 expiration, uint48 nonce) details, address spender, uint256 sigDeadline) permitSingle, bytes signature)",
  "function permitTransferFrom(((address token, uint256 amount) permitted, uint256 nonce, uint256 deadline) permit, (address to, uint256 requestedAmount) transferDetails, address owner, bytes signature)",
  "function invalidateUnorderedNonces(uint256 wordPos, uint256 mask)",
];
const TRANSFER = {
  PermitTransferFrom: [
    { name: "permitted", type: "TokenPermissions" }, { name: "spender", type: "address" },
    { name: "nonce", type: "uint256" }, { name: "deadline", type: "uint256" },
  ],
  TokenPermissions: [{ name: "token", type: "address" }, { name: "amount", type: "uint256" }],
};
const ALLOWANCE = {
  PermitSingle: [
    { name: "details", type: "PermitDetails" }, { name: "spender", type: "address" }, { name: "sigDeadline", type: "uint256" },
  ],
  PermitDetails: [
    { name: "token", type: "address" }, { name: "amount", type: "uint160" }, { name: "expiration", type: "uint48" },
    { name: "nonce", type: "uint48" },
  ],
};

/** Both ways: allowances by signature, and single transfers by signature. */
export async function permit2(f) {
  const [owner, spender, other] = await f.parties(3);
  const coin = await f.deploy(owner, f.contracts.Coin, ["Coin", "COIN", 1_000n], "an ERC-20");
  const permits = await f.deploy(owner, { abi: ABI, bytecode: permit2Code() }, [], "Permit2");
  await f.write(owner, coin, "approve", [permits.target, MaxUint256]);
  const domain = { name: "Permit2", chainId: f.network.chainId, verifyingContract: permits.target };
  const context = { f, owner, spender, other, coin, permits, domain };
  await transfers(context);
  await allowances(context);
}

async function transfers({ f, owner, spender, other, coin, permits, domain }) {
  const signed = async (amount, nonce, deadline = DEADLINE, by = owner.wallet) => {
    const permit = { permitted: { token: coin.target, amount }, nonce, deadline };
    const signature = await by.signTypedData(domain, TRANSFER, { ...permit, spender: spender.address });
    return (asked) => [[[coin.target, amount], nonce, deadline], [other.address, asked], owner.address, signature];
  };
  const method = "permitTransferFrom";
  const first = await signed(50n, 0n);
  await f.refused(spender, permits, method, first(51n), { error: "InvalidAmount", args: [50n] });
  await f.refused(other, permits, method, first(50n), { error: "InvalidSigner" });
  await f.refused(spender, permits, method, (await signed(50n, 0n, 1n))(50n), { error: "SignatureExpired", args: [1n] });
  f.event(await f.write(spender, permits, method, first(40n)), coin, "Transfer", [owner.address, other.address, 40n]);
  await f.refused(spender, permits, method, first(10n), { error: "InvalidNonce" });
  // Nonces have no order: any bit of 2^256 words.
  f.event(await f.write(spender, permits, method, (await signed(5n, 1_000n))(5n)), coin, "Transfer",
    [owner.address, other.address, 5n]);
  f.same(await permits.nonceBitmap(owner.address, 3n), 1n << (1_000n % 256n), "the bit of the used nonce");
  f.event(await f.write(owner, permits, "invalidateUnorderedNonces", [0n, 2n]), permits, "UnorderedNonceInvalidation",
    [owner.address, 0n, 2n]);
  await f.refused(spender, permits, method, (await signed(5n, 1n))(5n), { error: "InvalidNonce" });
}

async function allowances({ f, owner, spender, other, coin, permits, domain }) {
  const permit = { details: { token: coin.target, amount: 30n, expiration: DEADLINE, nonce: 0n }, spender: spender.address,
    sigDeadline: DEADLINE };
  const signature = await owner.wallet.signTypedData(domain, ALLOWANCE, permit);
  const args = [owner.address, [Object.values(permit.details), spender.address, DEADLINE], signature];
  f.event(await f.write(spender, permits, "permit", args), permits, "Permit",
    [owner.address, coin.target, spender.address, 30n, DEADLINE, 0n]);
  await f.refused(spender, permits, "permit", args, { error: "InvalidNonce" });
  const take = (amount) => [owner.address, other.address, amount, coin.target];
  f.event(await f.write(spender, permits, "transferFrom", take(20n)), coin, "Transfer", [owner.address, other.address, 20n]);
  await f.refused(spender, permits, "transferFrom", take(11n), { error: "InsufficientAllowance", args: [10n] });
  f.same(await permits.allowance(owner.address, coin.target, spender.address), [10n, DEADLINE, 1n], "what is left");
  const latest = BigInt((await f.provider.getBlock("latest")).timestamp);
  await f.write(owner, permits, "approve", [coin.target, spender.address, MAX_160, latest - 1n]);
  await f.refused(spender, permits, "transferFrom", take(1n), { error: "AllowanceExpired", args: [latest - 1n] });
}
