"""Fixtures that web3.py's own module tests ask for, on the network under test."""

import asyncio
import time

import pytest
import pytest_asyncio
from eth_account import Account
from web3 import AsyncHTTPProvider, AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3._utils.contract_sources.contract_data import (
    emitter_contract as emitter,
    math_contract as math,
    offchain_lookup as lookup,
    panic_errors_contract as panics,
    revert_contract as reverts,
    storage_contract as storage,
)
from web3._utils.module_testing.utils import RequestMocker
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.middleware.base import Web3MiddlewareBuilder

from client import ACCOUNT, FRESH_KEY, KEY, URL, WS_URL

HTTP_TIMEOUT_S = 120
# `LogDoubleWithIndex` in the emitter's list of events
EMITTER_DOUBLE_WITH_INDEX = 9
ACCOUNTS = [ACCOUNT.address, Account.from_key(FRESH_KEY).address]
CONTRACTS = {
    "math": math.MATH_CONTRACT_DATA,
    "emitter": emitter.EMITTER_CONTRACT_DATA,
    "revert": reverts.REVERT_CONTRACT_DATA,
    "panic_errors": panics.PANIC_ERRORS_CONTRACT_DATA,
    "storage": storage.STORAGE_CONTRACT_DATA,
    "offchain_lookup": lookup.OFFCHAIN_LOOKUP_DATA,
}


class OwnAccounts(Web3MiddlewareBuilder):
    """Answers `eth_accounts` with the client's own account, as a wallet does: nodes hold no keys."""

    @staticmethod
    def build(w3):
        return OwnAccounts(w3)

    @staticmethod
    def _answer(method, response):
        return {**response, "result": [ACCOUNT.address]} if method == "eth_accounts" else response

    def response_processor(self, method, response):
        return self._answer(method, response)

    async def async_response_processor(self, method, response):
        return self._answer(method, response)


def signing(w3):
    """The client signs for both accounts; nodes hold no keys."""
    w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build((KEY, FRESH_KEY)), "signing of both accounts", layer=0)
    w3.middleware_onion.inject(OwnAccounts.build, "own accounts", layer=0)
    return w3


class Chain:
    """Contracts, blocks and transactions that the tests look at."""

    def __init__(self, w3):
        self.w3 = w3
        self.receipts = {name: self._deploy(data) for name, data in CONTRACTS.items()}
        emitter_contract = self.contract(w3, "emitter")
        self.logged = self._sent(emitter_contract.functions.logDouble(EMITTER_DOUBLE_WITH_INDEX, 12345, 54321).transact({"from": ACCOUNT.address}))
        self.empty_block = self._empty_block()

    def _sent(self, transaction_hash):
        receipt = self.w3.eth.wait_for_transaction_receipt(transaction_hash, HTTP_TIMEOUT_S, 0.1)
        assert receipt["status"] == 1
        return receipt

    def _deploy(self, data):
        factory = self.w3.eth.contract(abi=data["abi"], bytecode=data["bytecode"])
        return self._sent(factory.constructor().transact({"from": ACCOUNT.address}))

    def _empty_block(self):
        """The first block after the transactions without any."""
        number = self.logged["blockNumber"]
        while True:
            number += 1
            while self.w3.eth.block_number < number:
                time.sleep(0.05)
            block = self.w3.eth.get_block(number)
            if not block["transactions"]:
                return block

    def address(self, name):
        return self.receipts[name]["contractAddress"]

    def contract(self, w3, name):
        return w3.eth.contract(address=self.address(name), abi=CONTRACTS[name]["abi"])


@pytest.fixture(scope="session")
def w3():
    return signing(Web3(HTTPProvider(URL, request_kwargs={"timeout": HTTP_TIMEOUT_S})))


@pytest.fixture(scope="session")
def chain(w3):
    return Chain(w3)


@pytest_asyncio.fixture
async def async_w3(request, chain):
    if getattr(request.cls, "PERSISTENT", False):
        async with AsyncWeb3(WebSocketProvider(WS_URL)) as connected:
            yield signing(connected)
    else:
        connected = signing(AsyncWeb3(AsyncHTTPProvider(URL)))
        yield connected
        await connected.provider.disconnect()


@pytest.fixture(autouse=True)
def settled(w3):
    """A test that takes its nonce from the latest block comes after what earlier ones sent."""
    w3.eth.set_gas_price_strategy(None)
    for account in ACCOUNTS:
        while len({w3.eth.get_transaction_count(account, block) for block in ("latest", "pending")}) > 1:
            time.sleep(0.05)


@pytest.fixture
def keyfile_account_pkey(request):
    """Both forms of a test delegate their account (EIP-7702) and count from 0 in its storage."""
    return FRESH_KEY if "Async" in request.cls.__name__ else KEY


def _sync_contract(name):
    @pytest.fixture(scope="session", name=f"{name}_contract")
    def contract(w3, chain):
        return chain.contract(w3, name)

    return contract


def _async_contract(name):
    @pytest_asyncio.fixture(name=f"async_{name}_contract")
    async def contract(async_w3, chain):
        return chain.contract(async_w3, name)

    return contract


def _address(prefix, name):
    @pytest.fixture(scope="session", name=f"{prefix}{name}_contract_address")
    def address(chain):
        return chain.address(name)

    return address


for _name in CONTRACTS:
    globals()[f"{_name}_contract_fixture"] = _sync_contract(_name)
    globals()[f"async_{_name}_contract_fixture"] = _async_contract(_name)
    for _prefix in ("", "async_"):
        globals()[f"{_prefix}{_name}_address_fixture"] = _address(_prefix, _name)


def _value(name, of):
    @pytest.fixture(scope="session", name=name)
    def value(w3, chain):
        return of(w3, chain)

    return value


for _name, _of in {
    "keyfile_account_address": lambda w3, chain: ACCOUNT.address,
    "keyfile_account_address_dual_type": lambda w3, chain: ACCOUNT.address,
    "async_keyfile_account_address": lambda w3, chain: ACCOUNT.address,
    "async_keyfile_account_address_dual_type": lambda w3, chain: ACCOUNT.address,
    "empty_block": lambda w3, chain: chain.empty_block,
    "async_empty_block": lambda w3, chain: chain.empty_block,
    "block_with_txn": lambda w3, chain: w3.eth.get_block(chain.logged["blockHash"]),
    "async_block_with_txn": lambda w3, chain: w3.eth.get_block(chain.logged["blockHash"]),
    "mined_txn_hash": lambda w3, chain: chain.logged["transactionHash"].to_0x_hex(),
    "math_contract_deploy_txn_hash": lambda w3, chain: chain.receipts["math"]["transactionHash"].to_0x_hex(),
    "block_with_txn_with_log": lambda w3, chain: w3.eth.get_block(chain.logged["blockHash"]),
    "async_block_with_txn_with_log": lambda w3, chain: w3.eth.get_block(chain.logged["blockHash"]),
    "txn_hash_with_log": lambda w3, chain: chain.logged["transactionHash"].to_0x_hex(),
}.items():
    globals()[f"{_name}_fixture"] = _value(_name, _of)


@pytest.fixture(scope="session")
def request_mocker():
    return RequestMocker


@pytest.fixture(scope="session")
def skip_if_testrpc():
    return lambda w3: None


@pytest.fixture(scope="session")
def async_skip_if_testrpc():
    async def never(w3):
        await asyncio.sleep(0)

    return never
