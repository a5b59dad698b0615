// ethers 6 as its users have it, over HTTP or WebSocket.
import {
  ContractFactory, JsonRpcProvider, Transaction, Wallet, WebSocketProvider, formatEther, isError,
} from "ethers";

const CONCURRENT = 50;
const BATCH = 1000;
// ethers answers a repeated question from memory for 250 ms, the account's nonce too. A write on this
// chain can be final sooner, and the next one would get the same nonce.
const NO_CACHE = -1;
const WAIT_FIVE_MS = 60_000;

export async function ethersSuite(checks, { url, transport, probe, accounts, mode }) {
  const provider =
    transport === "ws"
      ? new WebSocketProvider(url.replace(/^http/, "ws"), undefined, { cacheTimeout: NO_CACHE })
      : new JsonRpcProvider(url, undefined, { batchMaxCount: BATCH, pollingInterval: 250, cacheTimeout: NO_CACHE });
  try {
    const wallet = new Wallet(await accounts.main(url), provider);
    const context = { checks, url, provider, wallet, probe, accounts, mode };
    await checks.step("identity and zero balance", () => identity(context));
    const contract = await checks.step("deploy", () => deploy(context));
    if (contract === undefined) return;
    await checks.step("write and read your write", () => writeRead(context, contract));
    await checks.step("wait for 5 confirmations on an idle chain", () => waitFive(context, contract));
    await checks.step("history", () => history(context, contract));
    await checks.step("events", () => events(context, contract));
    await checks.step("failures", () => failures(context, contract));
    await checks.step(`${CONCURRENT} concurrent nonces`, () => concurrent(context, contract));
    await checks.step(`${BATCH} reads at once`, () => batch(context, contract));
    await checks.step("typed errors", () => typedErrors(context));
  } finally {
    await provider.destroy();
  }
}

async function identity({ checks, provider, wallet, accounts, mode }) {
  const network = await provider.getNetwork();
  checks.ok(network.chainId > 0n, "the chain id is positive");
  const balance = await provider.getBalance(wallet.address);
  if (accounts.empty) checks.equal(balance, 0n, "the account holds nothing");
  checks.ok(/^\d+\.\d+$/.test(formatEther(balance)), "the balance is a quantity");
  const fees = await provider.getFeeData();
  if (accounts.target !== "anvil") checks.equal(fees.gasPrice, mode.price, "the gas price");
}

async function deploy({ checks, provider, wallet, probe }) {
  const factory = new ContractFactory(probe.abi, probe.bytecode, wallet);
  const contract = await factory.deploy(7n);
  const receipt = await contract.deploymentTransaction().wait(1);
  checks.equal(receipt.status, 1, "the deployment succeeded");
  checks.equal(receipt.contractAddress, await contract.getAddress(), "address in the receipt");
  checks.ok((await provider.getCode(receipt.contractAddress)).length > 100, "the code is there");
  checks.equal(await contract.value(), 7n, "the constructor ran");
  checks.equal(await contract.deployer(), wallet.address, "the immutable is set");
  return contract;
}

async function writeRead({ checks, provider, wallet, accounts, mode }, contract) {
  for (let round = 1n; round <= 5n; round += 1n) {
    const before = await provider.getTransactionCount(wallet.address, "latest");
    const sent = await contract.set(round, "write");
    const receipt = await sent.wait(1);
    const [value, nonce, code] = await Promise.all([
      contract.value(), provider.getTransactionCount(wallet.address, "latest"), provider.getTransaction(sent.hash),
    ]);
    checks.equal(receipt.status, 1, `status of write ${round}`);
    checks.equal(value, round, `the value right after the receipt of write ${round}`);
    checks.equal(nonce, before + 1, `the nonce right after the receipt of write ${round}`);
    checks.equal(code.blockHash, receipt.blockHash, `the transaction names the block of write ${round}`);
    if (accounts.target !== "anvil") checks.equal(receipt.gasPrice, mode.price, "the price that was charged");
  }
}

async function waitFive({ checks, provider }, contract) {
  const sent = await contract.set(55n, "five");
  const receipt = await sent.wait(5, WAIT_FIVE_MS);
  checks.equal(receipt.status, 1, "the write succeeded");
  const head = await provider.getBlockNumber();
  checks.ok(head >= receipt.blockNumber + 4, `5 confirmations: block ${receipt.blockNumber}, head ${head}`);
}

async function history({ checks, provider, wallet }, contract) {
  const receipt = await (await contract.set(77n, "history")).wait(1);
  const number = receipt.blockNumber;
  const sent = await provider.getTransaction(receipt.hash);
  checks.equal(await provider.getTransactionCount(wallet.address, number - 1), sent.nonce, "nonce before");
  checks.equal(await provider.getTransactionCount(wallet.address, number), sent.nonce + 1, "nonce after");
  const balances = await Promise.all([number - 1, number].map((n) => provider.getBalance(wallet.address, n)));
  checks.ok(balances[1] <= balances[0], "historic balances");
  checks.equal(await contract.value({ blockTag: number }), 77n, "value at its block");
  checks.ok((await contract.value({ blockTag: number - 1 })) !== 77n, "value one block earlier");
  const block = await provider.getBlock(number, true);
  checks.equal(block.hash, receipt.blockHash, "block by number");
  checks.ok(block.prefetchedTransactions.some(({ hash }) => hash === receipt.hash), "full transactions");
  checks.equal((await provider.getBlock(block.hash)).number, number, "block by hash");
}

async function events({ checks, provider, wallet }, contract) {
  const seen = [];
  let arrived;
  const arrival = new Promise((done) => (arrived = done));
  await contract.on(contract.filters.ValueSet(wallet.address), (...args) => {
    const { who, value, note } = args.at(-1).args;
    seen.push({ who, value, note });
    if (note === "subscribed-2") arrived();
  });
  const first = await (await contract.set(81n, "subscribed-1")).wait(1);
  const second = await (await contract.set(82n, "subscribed-2")).wait(1);
  await arrival;
  await contract.off(contract.filters.ValueSet(wallet.address));
  const notes = seen.map(({ note }) => note).filter((note) => note.startsWith("subscribed"));
  checks.equal(notes.join(), "subscribed-1,subscribed-2", "each event once and in order");
  checks.equal(seen.at(-1).who, wallet.address, "indexed argument");
  const logs = await contract.queryFilter(
    contract.filters.ValueSet(wallet.address, [81n, 82n]), first.blockNumber, second.blockNumber,
  );
  checks.equal(logs.length, 2, "events by topic and range");
  checks.equal(logs[0]?.args.note, "subscribed-1", "decoded note");
  const none = await contract.queryFilter(contract.filters.ValueSet(contract.target), first.blockNumber);
  checks.equal(none.length, 0, "no events of others");
  const block = new Promise((done) => provider.once("block", done));
  await (await contract.set(83n, "head")).wait(1);
  checks.ok((await block) > 0, "new heads arrive");
}

async function failures({ checks }, contract) {
  await checks.rejects(contract.set.staticCall(2_000_000n, ""), (error) =>
    isError(error, "CALL_EXCEPTION") && error.revert?.name === "TooLarge" &&
    error.revert.args[0] === 2_000_000n && error.revert.args[1] === 1_000_000n, "custom error of a call");
  await checks.rejects(contract.set(2_000_000n, ""), (error) =>
    isError(error, "CALL_EXCEPTION") && (error.revert?.name === "TooLarge" || error.data?.length === 138),
  "custom error while estimating");
  await checks.rejects(contract.requireString.staticCall(), (error) =>
    isError(error, "CALL_EXCEPTION") && error.reason === "the value is not zero", "require text");
  await checks.rejects(contract.divide.staticCall(0n), (error) =>
    isError(error, "CALL_EXCEPTION") && /DIVIDE_BY_ZERO|0x12|18/.test(error.reason ?? ""), "panic code");
  const failed = await contract.set(2_000_000n, "", { gasLimit: 200_000n });
  await checks.rejects(failed.wait(1), (error) =>
    isError(error, "CALL_EXCEPTION") && error.receipt?.status === 0, "a reverted transaction has status 0");
}

async function concurrent({ checks, provider, wallet }, contract) {
  const first = await provider.getTransactionCount(wallet.address, "latest");
  const order = Array.from({ length: CONCURRENT }, (_, index) => index).reverse();
  const sent = await Promise.all(order.map((offset) =>
    contract.set(BigInt(100 + offset), "concurrent", { nonce: first + offset, gasLimit: 200_000n })));
  const receipts = await Promise.all(sent.map((one) => one.wait(1)));
  checks.equal(receipts.filter(({ status }) => status === 1).length, CONCURRENT, "all succeeded");
  checks.equal(await provider.getTransactionCount(wallet.address, "latest"), first + CONCURRENT, "nonce");
  checks.equal(await contract.value(), BigInt(100 + CONCURRENT - 1), "the last nonce wrote last");
}

async function batch({ checks, provider }, contract) {
  const target = await contract.getAddress();
  const answers = await Promise.all(Array.from({ length: BATCH }, () => provider.getCode(target)));
  checks.equal(answers.length, BATCH, "answers");
  checks.equal(new Set(answers).size, 1, "all equal");
  checks.ok(answers[0].length > 100, "not empty");
}

async function typedErrors({ checks, url, provider, accounts, mode }) {
  const wallet = new Wallet(await accounts.fresh(url), provider);
  const { chainId } = await provider.getNetwork();
  const base = { to: wallet.address, value: 0n, gasLimit: 21_000n, chainId, type: 0, gasPrice: mode.price };
  const raw = (fields, signer = wallet) => signer.signTransaction({ ...base, ...fields });
  const send = (signed) => provider.broadcastTransaction(signed);

  const included = await raw({ nonce: 0 });
  await (await send(included)).wait(1);
  await checks.rejects(send(await raw({ nonce: 0, data: "0x", gasLimit: 22_000n })), (error) =>
    isError(error, "NONCE_EXPIRED"), "a used nonce");
  await send(await raw({ nonce: 3 }));
  await checks.rejects(send(await raw({ nonce: 3, gasLimit: 30_000n })), (error) =>
    isError(error, "REPLACEMENT_UNDERPRICED"), "a replacement without a higher price");
  const poor = Wallet.createRandom();
  await checks.rejects(send(await raw({ nonce: 0, value: 1n }, poor)), (error) =>
    isError(error, "INSUFFICIENT_FUNDS"), "a value the account does not hold");
  if (accounts.target !== "anvil") {
    await checks.rejects(send(await raw({ nonce: 1, chainId: chainId + 1n })), (error) =>
      /chain.?id/i.test(JSON.stringify(error.info ?? error.message)), "another chain's transaction");
    await checks.rejects(provider.send("heqi_noSuchMethod", []), (error) =>
      isError(error, "UNSUPPORTED_OPERATION") || error.error?.code === -32601, "an unknown method");
  }
  if (mode.metered) {
    const empty = Wallet.createRandom();
    await checks.rejects(send(await raw({ nonce: 0 }, empty)), (error) =>
      isError(error, "INSUFFICIENT_FUNDS"), "gas that the account cannot pay");
    await checks.rejects(send(await raw({ nonce: 1, gasPrice: mode.price - 1n })), (error) =>
      /less than block base fee/.test(JSON.stringify(error.info ?? error.message)), "a price below the base fee");
  }
  checks.equal(Transaction.from(included).from, wallet.address, "the signer is recovered");
}
