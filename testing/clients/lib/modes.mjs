// The ways in which a network may run: what gas costs, and whether it is a development ledger.

/** Wei per gas of the metered network; a usual price, so that clients' own sums are exercised. */
export const METERED_BASE_FEE_WEI = 1_000_000_000n;

export const MODES = {
  /** Four nodes, nothing is charged, accounts hold nothing. */
  free: { name: "free", price: 0n, metered: false, dev: false },
  /** Four nodes, a constant base fee; accounts are funded from a development account. */
  metered: { name: "metered", price: METERED_BASE_FEE_WEI, metered: true, dev: false },
  /** One node of `heqi dev`, nothing is charged, accounts hold nothing. */
  dev: { name: "dev", price: 0n, metered: false, dev: true },
};

/** What gas costs on the network under test, which may have been set up by somebody else. */
export function priced(mode, gasPrice) {
  return { ...mode, price: BigInt(gasPrice) };
}
