import { onchainTable } from "ponder";

/** One row for each event. */
export const transfer = onchainTable("transfer", (t) => ({
  id: t.text().primaryKey(),
  transaction: t.hex().notNull(),
  from: t.hex().notNull(),
  to: t.hex().notNull(),
  value: t.bigint().notNull(),
  block: t.bigint().notNull(),
}));

/** What the events come to: the balance of each holder. */
export const holder = onchainTable("holder", (t) => ({
  address: t.hex().primaryKey(),
  balance: t.bigint().notNull(),
  events: t.integer().notNull(),
}));

/** One row for each call of the cashier, from traces. */
export const payment = onchainTable("payment", (t) => ({
  transaction: t.hex().primaryKey(),
  from: t.hex().notNull(),
  to: t.hex().notNull(),
  value: t.bigint().notNull(),
  left: t.bigint().notNull(),
  calls: t.integer().notNull(),
  gasUsed: t.bigint().notNull(),
}));

/** One row for each transaction of the account, with what its receipt says. */
export const outgoing = onchainTable("outgoing", (t) => ({
  transaction: t.hex().primaryKey(),
  nonce: t.integer().notNull(),
  status: t.text().notNull(),
  gasUsed: t.bigint().notNull(),
}));

/** One row for each transfer of the chain's own unit by the account, from traces. */
export const coin = onchainTable("coin", (t) => ({
  transaction: t.hex().primaryKey(),
  to: t.hex().notNull(),
  value: t.bigint().notNull(),
}));

/** Every so many blocks, the block, and what the cashier held then. */
export const sample = onchainTable("sample", (t) => ({
  number: t.bigint().primaryKey(),
  hash: t.hex().notNull(),
  parent: t.hex().notNull(),
  timestamp: t.bigint().notNull(),
  held: t.bigint(),
}));
