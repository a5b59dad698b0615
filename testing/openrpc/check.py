#!/usr/bin/env python3
"""Checks the answers of a running node with the schemas of ethereum/execution-apis.

    check.py --rpc URL --specification FOLDER     FOLDER holds eth/, debug/, txpool/ and schemas/

Every method of the specification that the node offers is called, most of them with several
parameters taken from the node's own newest blocks; each result must meet the schema of its method.
A method that is not offered must be answered with -32601, or stand in NOT_OFFERED; one that is offered
and has no parameters below is a failure. What Heqi adds to a schema on purpose stands in ADDED.
Needs Python 3.10 or newer with the modules jsonschema and yaml.
"""

import argparse
import json
import pathlib
import sys
import urllib.request

import jsonschema
import yaml

ANSWER_MAX_BYTES = 64 * 1024 * 1024
BLOCKS_LOOKED_AT_MAX = 64

# Fields that Heqi's objects have beside Ethereum's, by schema.
ADDED = {
    "Block": {"timestampMillis": {"type": "string", "pattern": "^0x(0|[1-9a-f][0-9a-f]*)$"}},
    "ConfigObject": {"activationBlock": {"type": "string", "pattern": "^0x(0|[1-9a-f][0-9a-f]*)$"}},
}


def correct(schemas):
    """Where the schemas contradict themselves or the cases beside them, which geth answers."""
    # An empty list is both of "one of" a list of hashes and a list of logs.
    results = schemas["FilterResults"]
    results["anyOf"] = results.pop("oneOf")
    # The cases of eth_simulateV1 have "out of gas" where the pattern wants "vm execution error".
    for kind in schemas["CallResultFailure"]["properties"]["error"]["oneOf"]:
        kind["properties"]["message"].pop("pattern")


# Methods that answer an error on purpose, with its code.
NOT_OFFERED = {"eth_getProof": -32004}
# Called with something else than the chain's: keys of users are not kept, pools change.
SENDS = {"eth_sendTransaction", "eth_sendRawTransaction", "eth_sign", "eth_signTransaction"}


class Node:
    def __init__(self, url):
        self.url = url

    def call(self, method, params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read(ANSWER_MAX_BYTES))

    def result(self, method, params):
        answer = self.call(method, params)
        if "result" not in answer:
            raise SystemExit(f"{method} {params}: {answer.get('error')}")
        return answer["result"]


def read_specification(folder):
    """Methods by name, and the schemas they refer to."""
    schemas, methods = {}, {}
    for path in sorted((folder / "schemas").glob("*.yaml")):
        schemas.update(yaml.safe_load(path.read_text()))
    for part in ("eth", "debug", "txpool"):
        for path in sorted((folder / part).glob("*.yaml")):
            for method in yaml.safe_load(path.read_text()):
                methods[method["name"]] = method
    for name, fields in ADDED.items():
        if name in schemas:
            schemas[name].setdefault("properties", {}).update(fields)
    correct(schemas)
    return methods, schemas


def samples(node):
    """What the newest blocks offer to ask about."""
    head = int(node.result("eth_blockNumber", []), 16)
    found = {"transactions": [], "blocks": [], "contract": None, "sender": None}
    for number in range(head, max(-1, head - BLOCKS_LOOKED_AT_MAX), -1):
        block = node.result("eth_getBlockByNumber", [hex(number), True])
        if block["transactions"] or number in (head, 0):
            found["blocks"].append(block)
        for transaction in block["transactions"]:
            found["transactions"].append(transaction)
            found["sender"] = found["sender"] or transaction["from"]
            if transaction["to"] and found["contract"] is None:
                if node.result("eth_getCode", [transaction["to"], "latest"]) != "0x":
                    found["contract"] = transaction["to"]
    if not found["transactions"] or found["contract"] is None:
        raise SystemExit("the newest blocks have no transaction to a contract: nothing to check")
    return found


def parameters(found):
    """Parameters by method."""
    nobody, unknown = "0x" + "11" * 20, "0x" + "22" * 32
    contract, sender = found["contract"], found["sender"]
    blocks = [block for block in found["blocks"] if block["transactions"]][:3] + found["blocks"][:1]
    numbers = [block["number"] for block in blocks]
    hashes = [block["hash"] for block in blocks]
    sent = {transaction["type"]: transaction for transaction in found["transactions"]}
    transactions = [transaction["hash"] for transaction in sent.values()]
    tags = ["latest", "earliest", "safe", "finalized", "pending"]
    word = "0x" + "00" * 31 + "07"
    call = {"from": sender, "to": contract, "input": word}
    logs = [{"fromBlock": "earliest", "toBlock": "latest"}, {"fromBlock": numbers[-1]},
            {"blockHash": hashes[0]},
            {"address": contract, "fromBlock": "earliest", "topics": [None, [unknown]]}]
    by_block = [[which] for which in numbers + ["latest", "0x0"]]
    accounts = [[address, which] for address in (contract, sender, nobody)
                for which in ("latest", numbers[0])]
    simulated = {"blockStateCalls": [
        {"calls": [call, {"to": nobody}, {"from": sender, "to": contract, "gas": "0x5300"}]},
        {"blockOverrides": {"feeRecipient": nobody}, "calls": [{"from": sender, "input": "0x00"}]},
    ]}
    nothing = [[]]
    return {
        "eth_getBlockByHash": [[which, full] for which in hashes + [unknown] for full in (True, False)],
        "eth_getBlockByNumber": [[which, full] for which in numbers + tags for full in (True, False)],
        "eth_getBlockTransactionCountByHash": [[which] for which in hashes],
        "eth_getBlockTransactionCountByNumber": by_block,
        "eth_getBlockReceipts": by_block + [[which] for which in hashes],
        "eth_capabilities": nothing, "eth_chainId": nothing, "eth_syncing": nothing,
        "eth_coinbase": nothing, "eth_accounts": nothing, "eth_blockNumber": nothing,
        "eth_config": nothing, "net_version": nothing, "eth_gasPrice": nothing,
        "eth_baseFee": nothing, "eth_blobBaseFee": nothing, "eth_maxPriorityFeePerGas": nothing,
        "eth_call": [[call, "latest"], [{"to": nobody}, "latest"], [call]],
        "eth_estimateGas": [[call], [{"to": nobody}], [{"from": sender, "input": "0x00"}, "latest"]],
        "eth_createAccessList": [[call, "latest"], [{"to": nobody}]],
        "eth_simulateV1": [[simulated, "latest"],
                           [{**simulated, "returnFullTransactions": True, "traceTransfers": True}]],
        "eth_feeHistory": [["0x4", "latest", [5, 50]], ["0x1", numbers[0], []], ["0x400", "latest"]],
        "eth_fillTransaction": [[call], [{"from": sender, "to": nobody, "value": "0x0"}]],
        "eth_newFilter": [[query] for query in logs if "blockHash" not in query],
        "eth_newBlockFilter": nothing, "eth_newPendingTransactionFilter": nothing,
        "eth_uninstallFilter": [["filter"], ["0x7"]],
        "eth_getFilterChanges": [["filter"]], "eth_getFilterLogs": [["filter"]],
        "eth_getLogs": [[query] for query in logs],
        "eth_getBalance": accounts, "eth_getCode": accounts, "eth_getTransactionCount": accounts,
        "eth_getStorageAt": [[contract, slot, "latest"] for slot in ("0x0", word)],
        "eth_getStorageValues": [[{contract: ["0x" + "00" * 32, word]}, "latest"]],
        "eth_getProof": [[contract, [word], "latest"]],
        "eth_getTransactionByHash": [[which] for which in transactions + [unknown]],
        "eth_getTransactionByBlockHashAndIndex": [[which, "0x0"] for which in hashes],
        "eth_getTransactionByBlockNumberAndIndex": [[which, "0x0"] for which in numbers],
        "eth_getTransactionReceipt": [[which] for which in transactions + [unknown]],
        "debug_getRawHeader": by_block, "debug_getRawBlock": by_block,
        "debug_getRawTransaction": [[which] for which in transactions],
        "debug_getRawReceipts": by_block,
        "debug_traceBlockByNumber": [[which] for which in numbers[:2]],
        "debug_traceBlockByHash": [[which] for which in hashes[:2]],
        "debug_traceTransaction": [[which] for which in transactions]
        + [[transactions[0], {"enableMemory": True, "enableReturnData": True}]],
        "txpool_status": nothing, "txpool_content": nothing,
        "txpool_contentFrom": [[sender], [nobody]],
    }


def check(node, method, schemas, all_params, failures):
    """Answers how many results of one method met its schema."""
    schema = {**method["result"]["schema"], "components": {"schemas": schemas}}
    validator = jsonschema.Draft201909Validator(schema)
    passed = 0
    for params in all_params:
        if params == ["filter"]:
            params = [node.result("eth_newFilter", [{"fromBlock": "earliest"}])]
        answer = node.call(method["name"], params)
        code = answer.get("error", {}).get("code")
        if code is not None and NOT_OFFERED.get(method["name"]) == code:
            passed += 1
        elif code is not None:
            failures.append(f"{method['name']} {json.dumps(params)[:200]}: {answer['error']}")
        else:
            error = jsonschema.exceptions.best_match(validator.iter_errors(answer["result"]))
            if error is None:
                passed += 1
            else:
                where = "/".join(str(part) for part in error.absolute_path)
                failures.append(
                    f"{method['name']} {json.dumps(params)[:200]}: at /{where}: {error.message[:300]}"
                )
    return passed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rpc", required=True)
    parser.add_argument("--specification", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    node = Node(arguments.rpc)
    methods, schemas = read_specification(arguments.specification)
    if len(methods) < 40 or len(schemas) < 50:
        raise SystemExit(f"{arguments.specification} is not the specification")
    params = parameters(samples(node))
    failures, absent, passed, offered = [], [], 0, 0
    for name, method in sorted(methods.items()):
        code = None
        if name in SENDS or name not in params:
            code = node.call(name, ["0x00"]).get("error", {}).get("code")
            if code == -32601:
                absent.append(name)
            elif name not in SENDS:
                failures.append(f"{name}: offered, and nothing is asked here")
            continue
        offered += 1
        count = check(node, method, schemas, params[name], failures)
        passed += count
        print(f"  {name:<44} {count:>3} of {len(params[name])}")
    print("not offered: " + ", ".join(absent))
    for failure in failures:
        print("FAILED " + failure)
    print(f"answers with their schema, {offered} methods:")
    print(f"{passed} passed, {len(failures)} failed")
    return 0 if passed and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
