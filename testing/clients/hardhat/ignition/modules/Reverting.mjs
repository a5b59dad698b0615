// A deployment that cannot succeed: the value is above the contract's limit.
import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

export default buildModule("RevertingModule", (m) => {
  const probe = m.contract("Probe", [7n]);
  m.call(probe, "set", [2_000_000n, "too large"]);
  return { probe };
});
