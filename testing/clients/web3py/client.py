"""What all programs of this folder share: the network from the environment, counting, accounts."""

import json
import os
import time
import traceback

from eth_account import Account

URL = os.environ["HEQI_RPC"]
WS_URL = URL.replace("http", "ws", 1)
MODE = os.environ["HEQI_MODE"]
GAS_PRICE = int(os.environ["HEQI_GAS_PRICE"])
KEY = os.environ["HEQI_KEY"]
FRESH_KEY = os.environ["HEQI_FRESH_KEY"]
ACCOUNT = Account.from_key(KEY)


def probe():
    """ABI and bytecode of the test contract."""
    with open(os.environ["HEQI_PROBE"], encoding="utf-8") as file:
        return json.load(file)


class Checks:
    """Counts assertions; there are no skips."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.current = "suite"
        self.start = time.monotonic()

    def ok(self, condition, text):
        if condition:
            self.passed += 1
        else:
            self.fail(text)
        return bool(condition)

    def equal(self, actual, expected, text):
        return self.ok(actual == expected, f"{text}: expected {expected!r}, got {actual!r}"[:400])

    def fail(self, text):
        self.failures.append(f"{self.current}: {text}")

    async def step(self, name, body):
        """Runs one group of checks; an exception in it is one failure."""
        self.current = name
        try:
            return await body()
        except Exception as error:  # whatever it is, it is a failure of this step
            where = traceback.extract_tb(error.__traceback__)[0].lineno
            self.fail(f"stopped at line {where}: {type(error).__name__} {error}"[:400])
            return None

    async def rejects(self, awaitable, accept, text):
        """The call has to fail, and its error has to satisfy `accept`."""
        try:
            result = await awaitable
        except Exception as error:  # judged by the caller
            return self.ok(accept(error), f"{text}: unexpected {type(error).__name__} {error}"[:400])
        return self.ok(False, f"{text}: did not fail, answered {result!r}"[:300])

    def finish(self):
        """The closing line, which the runner reads."""
        millis = int((time.monotonic() - self.start) * 1000)
        print("\n@result " + json.dumps(
            {"passed": self.passed, "failures": self.failures, "millis": millis}), flush=True)
