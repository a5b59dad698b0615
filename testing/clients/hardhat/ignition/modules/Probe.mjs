// Two contracts and two writes, one after the other: what Ignition has to wait for.
import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

export default buildModule("ProbeModule", (m) => {
  const probe = m.contract("Probe", [7n]);
  const first = m.call(probe, "set", [41n, "ignition-1"], { id: "first" });
  const second = m.call(probe, "set", [42n, "ignition-2"], { id: "second", after: [first] });
  const other = m.contract("Probe", [m.readEventArgument(second, "ValueSet", "value")], { id: "other" });
  return { probe, other };
});
