// The ABIs come with the plan, so the compiler knows no names of events.
import { ponder } from "ponder:registry";
import { coin, holder, outgoing, payment, sample, transfer } from "ponder:schema";

const plan = JSON.parse(process.env.INDEX_PLAN!);
const on = (name: string, handler: (given: any) => Promise<void>) => ponder.on(name as never, handler as never);

on("Token:Transfer", async ({ event, context: { db } }) => {
  const { from, to, value } = event.args;
  await db.insert(transfer).values({
    id: event.id, transaction: event.transaction.hash, from, to, value, block: event.block.number,
  });
  for (const [address, change] of [[from, -value], [to, value]]) {
    await db.insert(holder).values({ address, balance: change, events: 1 })
      .onConflictDoUpdate((row: any) => ({ balance: row.balance + change, events: row.events + 1 }));
  }
});

on("Cashier.pay()", async ({ event, context: { db } }) => {
  const [to, value] = event.args;
  await db.insert(payment).values({
    transaction: event.transaction.hash, from: event.trace.from, to, value, left: event.result,
    calls: event.trace.subcalls, gasUsed: event.transactionReceipt.gasUsed,
  });
});

on("Sender:transaction:from", async ({ event, context: { db } }) => {
  const { hash, nonce } = event.transaction;
  const { status, gasUsed } = event.transactionReceipt;
  await db.insert(outgoing).values({ transaction: hash, nonce, status, gasUsed });
});

on("Sender:transfer:from", async ({ event, context: { db } }) => {
  const { to, value } = event.transfer;
  await db.insert(coin).values({ transaction: event.transaction.hash, to, value });
});

on("Sample:block", async ({ event, context: { client, db } }) => {
  const { number, hash, parentHash: parent, timestamp } = event.block;
  const { address, abi } = plan.token;
  // The state of that block, not of the newest.
  const held = number < plan.detailed
    ? null
    : await client.readContract({ abi, address, functionName: "balanceOf", args: [plan.cashier.address] });
  await db.insert(sample).values({ number, hash, parent, timestamp, held });
});
