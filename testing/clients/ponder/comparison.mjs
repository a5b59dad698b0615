// What ponder answers over GraphQL against what was sent and what the node says.

/** All tables. The chain has no further transactions meanwhile. */
export async function comparison(checks, workload, indexer, { head, sampleBlocks }) {
  await transfers(checks, workload, indexer);
  await holders(checks, workload, indexer);
  await details(checks, workload, indexer);
  await samples(checks, workload, indexer, { head, sampleBlocks });
}

async function transfers(checks, workload, indexer) {
  const { rows, totalCount } = await indexer.rows("transfers", "transaction from to value block");
  checks.equal(totalCount, workload.transfers.size, "events");
  checks.equal(new Set(rows.map(({ transaction }) => transaction)).size, rows.length, "each of its own transaction");
  const wrong = rows.filter(({ transaction, from, to, value }) => {
    const sent = workload.transfers.get(transaction);
    return !sent || sent.from !== from || sent.to !== to || sent.value !== BigInt(value);
  });
  checks.equal(wrong.length, 0, `events that were not sent so: ${JSON.stringify(wrong.slice(0, 2))}`);
  const sum = (values) => values.reduce((total, value) => total + BigInt(value), 0n);
  const expected = sum([...workload.transfers.values()].map(({ value }) => value));
  checks.equal(sum(rows.map(({ value }) => value)), expected, "sum of values");
}

async function holders(checks, workload, indexer) {
  const { rows } = await indexer.rows("holders", "address balance events");
  checks.equal(rows.length, workload.balances.size, "holders");
  for (const { address, balance } of rows) {
    checks.equal(BigInt(balance), workload.balances.get(address), `balance of ${address}`);
    if (BigInt(address) !== 0n) checks.equal(BigInt(balance), await workload.balanceOf(address), `balance of ${address} at the node`);
  }
  const events = rows.reduce((sum, one) => sum + one.events, 0);
  checks.equal(events, 2 * workload.transfers.size, "both sides of each event");
}

/** From traces and receipts, of the last part. */
async function details(checks, workload, indexer) {
  const sent = [...workload.details];
  const own = workload.senders[0].address;
  const of = (kind) => new Map(sent.filter(([, one]) => one.kind === kind));

  const paid = of("paid");
  const payments = (await indexer.rows("payments", "transaction from to value left calls gasUsed")).rows;
  checks.equal(payments.length, paid.size, "calls of the cashier");
  const wrong = payments.filter(({ transaction, from, to, value, calls }) => {
    const one = paid.get(transaction);
    return !one || one.sender !== from || one.to !== to.toLowerCase() || one.value !== BigInt(value) || calls !== 2;
  });
  checks.equal(wrong.length, 0, `calls that were not made so: ${JSON.stringify(wrong.slice(0, 2))}`);
  const least = payments.map(({ left }) => BigInt(left)).reduce((a, b) => (a < b ? a : b));
  checks.equal(least, await workload.balanceOf(workload.cashier), "what the last call answered");

  const outgoing = (await indexer.rows("outgoings", "transaction nonce status gasUsed")).rows;
  const successful = sent.filter(([, one]) => one.sender === own && one.kind !== "refused");
  checks.equal(outgoing.length, successful.length, "transactions of the account");
  checks.ok(outgoing.every(({ status }) => status === "success"), "all of them successful");
  const nonces = new Map(successful.map(([hash, { nonce }]) => [hash, nonce]));
  checks.ok(outgoing.every(({ transaction, nonce }) => nonces.get(transaction) === nonce), "their nonces");
  for (const { transaction, gasUsed } of [...payments, ...outgoing].filter((_, index) => index % 25 === 0)) {
    const receipt = await workload.call("eth_getTransactionReceipt", transaction);
    checks.equal(BigInt(gasUsed), BigInt(receipt.gasUsed), `gas of ${transaction}`);
  }

  const coins = (await indexer.rows("coins", "transaction to value")).rows;
  const given = new Map([...of("coins")].filter(([, { sender }]) => sender === own));
  checks.equal(coins.length, given.size, "transfers of the chain's unit");
  checks.ok(coins.every(({ transaction, value }) => given.get(transaction)?.value === BigInt(value)), "their values");
}

async function samples(checks, workload, indexer, { head, sampleBlocks }) {
  const all = (await indexer.rows("samples", "number hash parent timestamp held")).rows;
  const rows = all.filter(({ number }) => Number(number) <= head);
  checks.equal(rows.length, Math.floor((head - workload.start) / sampleBlocks) + 1, `every block in ${sampleBlocks}`);
  const wrong = [];
  for (const { number, hash, parent, timestamp, held } of rows) {
    const block = await workload.call("eth_getBlockByNumber", `0x${BigInt(number).toString(16)}`, false);
    if (block.hash !== hash || block.parentHash !== parent || BigInt(block.timestamp) !== BigInt(timestamp)) wrong.push(number);
    if (Number(number) < workload.detailed) continue;
    checks.equal(BigInt(held), await workload.balanceOf(workload.cashier, block.number), `state of block ${number}`);
  }
  checks.equal(wrong.length, 0, `blocks ${wrong.join(", ")} as the node has them`);
}
