"""web3.py 8 as its users have it, over HTTP or WebSocket. Started by ../run.mjs."""

import asyncio
import sys

from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncWeb3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError, Web3RPCError
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.utils.subscriptions import LogsSubscription, NewHeadsSubscription

from client import ACCOUNT, FRESH_KEY, GAS_PRICE, KEY, MODE, URL, WS_URL, Checks, probe

CONCURRENT = 50
BATCH = 1000
CONFIRMATIONS = 5
GAS = 300_000
RECEIPT_TIMEOUT_S = 120

TRANSPORT = sys.argv[1]
ME = ACCOUNT.address
checks = Checks()


async def receipt_of(w3, transaction_hash):
    return await w3.eth.wait_for_transaction_receipt(transaction_hash, RECEIPT_TIMEOUT_S, 0.1)


async def write(w3, contract, value, note):
    return await receipt_of(w3, await contract.functions.set(value, note).transact({"from": ME}))


async def identity(w3):
    checks.ok(await w3.is_connected(), "connected")
    checks.ok(await w3.eth.chain_id > 0, "the chain id is positive")
    checks.equal(int(await w3.net.version), await w3.eth.chain_id, "network id and chain id")
    balance = await w3.eth.get_balance(ME)
    if MODE == "metered":
        checks.ok(balance > 0, "the account is funded")
    else:
        checks.equal(balance, 0, "the account holds nothing")
    checks.equal(await w3.eth.gas_price, GAS_PRICE, "the gas price")
    checks.equal(await w3.eth.max_priority_fee, 0, "the tip")
    checks.equal(await w3.eth.syncing, False, "in step with the network")


async def deploy(w3):
    artefact = probe()
    factory = w3.eth.contract(abi=artefact["abi"], bytecode=artefact["bytecode"])
    receipt = await receipt_of(w3, await factory.constructor(7).transact({"from": ME}))
    checks.equal(receipt["status"], 1, "the deployment succeeded")
    contract = w3.eth.contract(address=receipt["contractAddress"], abi=artefact["abi"])
    checks.ok(len(await w3.eth.get_code(contract.address)) > 50, "the code is there")
    checks.equal(await contract.functions.value().call(), 7, "the constructor ran")
    checks.equal(await contract.functions.deployer().call(), ME, "the immutable is set")
    return contract


async def write_read(w3, contract):
    for value in range(1, 6):
        before = await w3.eth.get_transaction_count(ME, "latest")
        receipt = await write(w3, contract, value, "write")
        checks.equal(receipt["status"], 1, f"status of write {value}")
        checks.equal(await contract.functions.value().call(), value, "the value right after the receipt")
        checks.equal(await w3.eth.get_transaction_count(ME, "latest"), before + 1, "the nonce right after it")
        checks.equal(receipt["effectiveGasPrice"], GAS_PRICE, "the price that was charged")


async def five(w3, contract):
    receipt = await write(w3, contract, 55, "five")
    for _ in range(600):
        if await w3.eth.block_number >= receipt["blockNumber"] + CONFIRMATIONS - 1:
            break
        await asyncio.sleep(0.1)
    head = await w3.eth.block_number
    checks.ok(head >= receipt["blockNumber"] + CONFIRMATIONS - 1, f"5 confirmations, head {head}")


async def history(w3, contract):
    receipt = await write(w3, contract, 77, "history")
    number = receipt["blockNumber"]
    sent = await w3.eth.get_transaction(receipt["transactionHash"])
    checks.equal(await w3.eth.get_transaction_count(ME, number - 1), sent["nonce"], "nonce before")
    checks.equal(await w3.eth.get_transaction_count(ME, number), sent["nonce"] + 1, "nonce after")
    checks.equal(await contract.functions.value().call(block_identifier=number), 77, "value at its block")
    before = await contract.functions.value().call(block_identifier=number - 1)
    checks.ok(before != 77, "value one block earlier")
    block = await w3.eth.get_block(receipt["blockHash"], full_transactions=True)
    checks.equal(block["number"], number, "block by hash")
    checks.ok(any(one["hash"] == receipt["transactionHash"] for one in block["transactions"]), "full transactions")
    receipts = await w3.eth.get_block_receipts(number)
    checks.equal(len(receipts), len(block["transactions"]), "receipts of the block")


async def events(w3, contract):
    block_filter = await w3.eth.filter({"address": contract.address})
    first = await write(w3, contract, 81, "filtered-1")
    second = await write(w3, contract, 82, "filtered-2")
    changes = await block_filter.get_new_entries()
    checks.equal(len(changes), 2, "changes of a filter")
    checks.equal(await block_filter.get_new_entries(), [], "each only once")
    checks.ok(await w3.eth.uninstall_filter(block_filter.filter_id), "the filter is removed")
    await checks.rejects(
        w3.eth.get_filter_changes(block_filter.filter_id), lambda error: "filter not found" in str(error),
        "a removed filter")
    logs = await contract.events.ValueSet().get_logs(
        from_block=first["blockNumber"], to_block=second["blockNumber"], argument_filters={"who": ME})
    checks.equal([log["args"]["note"] for log in logs], ["filtered-1", "filtered-2"], "events by range and topic")
    decoded = contract.events.ValueSet().process_receipt(second)
    checks.equal(decoded[0]["args"]["value"], 82, "event of a receipt")
    if TRANSPORT == "ws":
        await subscriptions(w3, contract)


async def subscriptions(w3, contract):
    seen, heads = [], []

    async def on_log(context):
        seen.append(contract.events.ValueSet().process_log(context.result)["args"]["note"])

    async def on_head(context):
        heads.append(context.result["number"])

    await w3.subscription_manager.subscribe([
        LogsSubscription(address=contract.address, topics=[contract.events.ValueSet().topic], handler=on_log),
        NewHeadsSubscription(handler=on_head),
    ])
    running = asyncio.create_task(w3.subscription_manager.handle_subscriptions(run_forever=True))
    await write(w3, contract, 83, "subscribed-1")
    await write(w3, contract, 84, "subscribed-2")
    for _ in range(300):
        if len(seen) >= 2 and heads:
            break
        await asyncio.sleep(0.1)
    checks.equal(seen, ["subscribed-1", "subscribed-2"], "each event once and in order")
    checks.ok(bool(heads), "new heads arrive")
    checks.equal(heads, sorted(set(heads)), "in order")
    await w3.subscription_manager.unsubscribe_all()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def failures(w3, contract):
    def is_a(kind, text=""):
        return lambda error: isinstance(error, kind) and text in str(error)

    functions = contract.functions
    await checks.rejects(
        functions.set(2_000_000, "").call({"from": ME}), is_a(ContractCustomError, "0x677fd0e3"), "custom error")
    await checks.rejects(
        functions.requireString().call(), is_a(ContractLogicError, "the value is not zero"), "require text")
    await checks.rejects(functions.divide(0).call(), is_a(ContractPanicError), "panic")
    await checks.rejects(
        functions.set(2_000_000, "").estimate_gas({"from": ME}), is_a(ContractCustomError), "custom error of an estimate")
    failed = await functions.set(2_000_000, "").transact({"from": ME, "gas": GAS})
    checks.equal((await receipt_of(w3, failed))["status"], 0, "a reverted transaction has status 0")


async def concurrent(w3, contract):
    first = await w3.eth.get_transaction_count(ME, "latest")
    order = list(reversed(range(CONCURRENT)))
    sent = await asyncio.gather(*[
        contract.functions.set(100 + offset, "concurrent").transact({"from": ME, "nonce": first + offset, "gas": GAS})
        for offset in order])
    receipts = await asyncio.gather(*[receipt_of(w3, one) for one in sent])
    checks.equal(sum(receipt["status"] for receipt in receipts), CONCURRENT, "all succeeded")
    checks.equal(await w3.eth.get_transaction_count(ME, "latest"), first + CONCURRENT, "nonce")
    checks.equal(await contract.functions.value().call(), 100 + CONCURRENT - 1, "the last nonce wrote last")


async def batch(w3, contract):
    async with w3.batch_requests() as requests:
        for _ in range(BATCH):
            requests.add(w3.eth.get_transaction_count(contract.address))
        answers = await requests.async_execute()
    checks.equal(len(answers), BATCH, "answers of its own batch")
    # a contract's nonce begins with 1 (EIP-161)
    checks.equal(set(answers), {1}, "all equal")


async def negative(w3):
    fresh = Account.from_key(FRESH_KEY)
    fields = {"to": fresh.address, "value": 0, "gas": 21_000, "gasPrice": GAS_PRICE, "chainId": await w3.eth.chain_id}

    async def send(signer=fresh, **changed):
        signed = signer.sign_transaction({**fields, **changed})
        return await w3.eth.send_raw_transaction(signed.raw_transaction)

    def says(text):
        return lambda error: isinstance(error, Web3RPCError) and text in str(error)

    await receipt_of(w3, await send(nonce=0))
    await checks.rejects(send(nonce=0, gas=22_000), says("nonce too low"), "a used nonce")
    await checks.rejects(send(nonce=1, gas=20_000), says("intrinsic gas too low"), "too little gas")
    await checks.rejects(
        send(Account.create(), nonce=0, value=1), says("insufficient funds"), "a value the account does not hold")
    await checks.rejects(
        send(nonce=1, chainId=fields["chainId"] + 1), lambda error: "chain" in str(error).lower(), "another chain's")
    await send(nonce=3)
    await checks.rejects(
        send(nonce=3, gas=30_000), says("replacement transaction underpriced"), "a replacement")
    if GAS_PRICE > 0:
        await checks.rejects(
            send(nonce=1, gasPrice=GAS_PRICE - 1), says("less than block base fee"), "a price below the base fee")
    checks.equal((await receipt_of(w3, await send(nonce=1)))["status"], 1, "the account goes on")


async def scenario(w3):
    w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(KEY), layer=0)
    await checks.step("identity", lambda: identity(w3))
    contract = await checks.step("deploy", lambda: deploy(w3))
    if contract is None:
        return
    await checks.step("write and read your write", lambda: write_read(w3, contract))
    await checks.step("5 confirmations on an idle chain", lambda: five(w3, contract))
    await checks.step("history", lambda: history(w3, contract))
    await checks.step("events", lambda: events(w3, contract))
    await checks.step("failures", lambda: failures(w3, contract))
    await checks.step(f"{CONCURRENT} concurrent nonces", lambda: concurrent(w3, contract))
    await checks.step(f"batch of {BATCH}", lambda: batch(w3, contract))
    await checks.step("negative cases", lambda: negative(w3))


def websocket():
    # by default it forgets what a batch of more than 500 asked for
    return WebSocketProvider(
        WS_URL, max_connection_retries=1, request_timeout=120, request_information_cache_size=2 * BATCH)


async def main():
    async def connected():
        if TRANSPORT == "ws":
            async with AsyncWeb3(websocket()) as w3:
                await scenario(w3)
        else:
            w3 = AsyncWeb3(AsyncHTTPProvider(URL, request_kwargs={"timeout": 120}))
            await scenario(w3)
            await w3.provider.disconnect()

    await checks.step("connection", connected)
    checks.finish()


asyncio.run(main())
