// ERC-3643 (T-REX) with ONCHAINID: only who is known may hold the token.
import { AbiCoder, Wallet, ZeroAddress, getBytes, id, keccak256, toUtf8Bytes } from "ethers";

import { packaged } from "../artifacts.mjs";

const [COUNTRY_ALLOWED, COUNTRY_RESTRICTED] = [156n, 840n];
const TOPIC = BigInt(id("CLAIM_TOPIC"));
const [CLAIM_SIGNER_KEY, ECDSA_KEY, ECDSA_SCHEME] = [3n, 1n, 1n];
const ABI = AbiCoder.defaultAbiCoder();
const VERSION = [4n, 0n, 0n];

const trex = (path) => packaged(`@tokenysolutions/t-rex/artifacts/contracts/${path}.json`);
const named = (path) => trex(`${path}.sol/${path.split("/").at(-1)}`);
const identity = (path) => packaged(`@onchain-id/solidity/artifacts/contracts/${path}.json`);

const IMPLEMENTATIONS = [
  "token/Token", "registry/implementation/ClaimTopicsRegistry", "registry/implementation/IdentityRegistry",
  "registry/implementation/IdentityRegistryStorage", "registry/implementation/TrustedIssuersRegistry",
  "compliance/modular/ModularCompliance",
];

/** Implementations, identities' factory and T-REX's factory. */
async function factories(f, owner) {
  const implementations = [];
  for (const path of IMPLEMENTATIONS) implementations.push(await f.deploy(owner, named(path), [], path));
  const identities = await f.deploy(owner, identity("Identity.sol/Identity"), [owner.address, true], "Identity");
  const authority = await f.deploy(owner, identity("proxy/ImplementationAuthority.sol/ImplementationAuthority"),
    [identities.target], "ImplementationAuthority");
  const idFactory = await f.deploy(owner, identity("factory/IdFactory.sol/IdFactory"), [authority.target], "IdFactory");
  const reference = await f.deploy(owner, named("proxy/authority/TREXImplementationAuthority"),
    [true, ZeroAddress, ZeroAddress], "TREXImplementationAuthority");
  await f.write(owner, reference, "addAndUseTREXVersion", [VERSION, implementations.map(({ target }) => target)]);
  const factory = await f.deploy(owner, named("factory/TREXFactory"), [reference.target, idFactory.target], "TREXFactory");
  await f.write(owner, idFactory, "addTokenFactory", [factory.target]);
  return { factory, idFactory };
}

/** A token with all that belongs to it, made in one transaction. */
async function suite(f, owner, agent, { factory }, issuer) {
  const restricted = await f.deploy(owner, named("compliance/modular/modules/CountryRestrictModule"), [], "CountryRestrictModule");
  const rule = restricted.interface.encodeFunctionData("addCountryRestriction", [COUNTRY_RESTRICTED]);
  const receipt = await f.write(owner, factory, "deployTREXSuite", [
    `salt ${owner.address}`,
    [owner.address, "Bond", "BND", 0n, ZeroAddress, ZeroAddress, [agent.address], [agent.address], [restricted.target], [rule]],
    [[TOPIC], [issuer.target], [[TOPIC]]],
  ]);
  const made = f.event(receipt, factory, "TREXSuiteDeployed");
  const [token, registry] = await Promise.all([
    f.at(made._token, named("token/Token").abi), f.at(made._ir, named("registry/implementation/IdentityRegistry").abi)]);
  return { token, registry, compliance: f.at(made._mc, named("compliance/modular/ModularCompliance").abi) };
}

/** All of ERC-3643. */
export async function securityToken(f) {
  const [owner, agent, alice, bob, carol] = await f.parties(5);
  const made = await factories(f, owner);
  const signer = Wallet.createRandom();
  const issuer = await f.deploy(owner, identity("ClaimIssuer.sol/ClaimIssuer"), [owner.address], "ClaimIssuer");
  const keyOf = (address) => keccak256(ABI.encode(["address"], [address]));
  await f.write(owner, issuer, "addKey", [keyOf(signer.address), CLAIM_SIGNER_KEY, ECDSA_KEY]);
  const { token, registry } = await suite(f, owner, agent, made, issuer);
  f.same([await token.name(), await token.paused(), await token.identityRegistry()], ["Bond", true, registry.target], "the token");

  const known = async (party, country, by = signer) => {
    const receipt = await f.write(owner, made.idFactory, "createIdentity", [party.address, `salt ${party.address}`]);
    const address = f.event(receipt, made.idFactory, "WalletLinked")[1];
    const own = f.at(address, identity("Identity.sol/Identity").abi);
    const data = toUtf8Bytes("known");
    const hash = keccak256(ABI.encode(["address", "uint256", "bytes"], [address, TOPIC, data]));
    const signature = await by.signMessage(getBytes(hash));
    await f.write(agent, registry, "registerIdentity", [party.address, address, country]);
    return { own, claim: [TOPIC, ECDSA_SCHEME, issuer.target, signature, data, ""] };
  };
  const hers = await known(alice, COUNTRY_ALLOWED);
  await f.refused(agent, token, "mint", [alice.address, 1_000n], { reason: "Identity is not verified." });
  const forged = [...hers.claim];
  forged[3] = await Wallet.createRandom().signMessage("another");
  await f.refused(alice, hers.own, "addClaim", forged, { reason: "invalid claim" });
  f.event(await f.write(alice, hers.own, "addClaim", hers.claim), hers.own, "ClaimAdded");
  f.same(await registry.isVerified(alice.address), true, "verified");
  f.event(await f.write(agent, token, "mint", [alice.address, 1_000n]), token, "Transfer", [ZeroAddress, alice.address, 1_000n]);
  await f.refused(alice, token, "mint", [alice.address, 1n], { reason: "AgentRole: caller does not have the Agent role" });
  await transfers({ f, agent, alice, bob, carol, token, registry, known });
}

async function transfers({ f, agent, alice, bob, carol, token, registry, known }) {
  await f.refused(alice, token, "transfer", [bob.address, 10n], { reason: "Pausable: paused" });
  await f.write(agent, token, "unpause");
  await f.refused(alice, token, "transfer", [bob.address, 10n], { reason: "Transfer not possible" });
  const his = await known(bob, COUNTRY_ALLOWED);
  await f.write(bob, his.own, "addClaim", his.claim);
  f.event(await f.write(alice, token, "transfer", [bob.address, 10n]), token, "Transfer", [alice.address, bob.address, 10n]);
  const others = await known(carol, COUNTRY_RESTRICTED);
  await f.write(carol, others.own, "addClaim", others.claim);
  f.same(await registry.isVerified(carol.address), true, "verified, of a country that is not allowed");
  await f.refused(alice, token, "transfer", [carol.address, 10n], { reason: "Transfer not possible" });
  f.event(await f.write(agent, token, "freezePartialTokens", [alice.address, 985n]), token, "TokensFrozen", [alice.address, 985n]);
  await f.refused(alice, token, "transfer", [bob.address, 6n], { reason: "Insufficient Balance" });
  f.event(await f.write(agent, token, "forcedTransfer", [alice.address, bob.address, 100n]), token, "Transfer",
    [alice.address, bob.address, 100n]);
  f.same([await token.balanceOf(alice.address), await token.balanceOf(bob.address), await token.getFrozenTokens(alice.address)],
    [890n, 110n, 890n], "balances after the forced transfer");
  await f.write(agent, token, "setAddressFrozen", [bob.address, true]);
  await f.refused(bob, token, "transfer", [alice.address, 1n], { reason: "wallet is frozen" });
}
