#!/usr/bin/env python3
"""Checks finality proofs of a Heqi ledger with OpenSSL and without any code of Heqi.

    check.py --genesis genesis.json PROOF.json…            proofs in ascending order
    check.py --genesis genesis.json --rpc URL --block N    fetches the proofs that lead to block N
    check.py --genesis-hash 0x… --validators-hash 0x… PROOF.json
    check.py --self-anchored PROOF.json                    signatures and hashes only

A proof is the answer of heqi_getFinalityProof, alone or as the `result` of a JSON-RPC answer.
`--tamper N` then flips N single bits of the last proof and expects each to be found.
Needs Python 3.10 or newer and the openssl command, 3.0 or newer.
"""

import argparse
import json
import sys
import urllib.request

import genesis as genesis_file
from proof import Anchor, Invalid, check, unhex
from tamper import tamper

ANSWER_MAX_BYTES = 64 * 1024 * 1024


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("proofs", nargs="*", help="files with proofs, - for standard input")
    parser.add_argument("--genesis", help="genesis file of the network")
    parser.add_argument("--genesis-hash", help="hash of block 0")
    parser.add_argument("--validators-hash", help="hash of the validator set of the proof's epoch")
    parser.add_argument("--self-anchored", action="store_true", help="trust the proof's own validators")
    parser.add_argument("--rpc", help="JSON-RPC address to fetch proofs from")
    parser.add_argument("--block", type=int, help="height to prove, with --rpc; default: the head")
    parser.add_argument("--tamper", type=int, default=0, metavar="N", help="flip N bits of the last proof")
    parser.add_argument("--seed", type=int, default=1, help="repeats the same flips")
    return parser.parse_args()


def call(url, method, params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.loads(response.read(ANSWER_MAX_BYTES))
    if "error" in answer:
        raise Invalid(f"{method}: {answer['error'].get('message')}")
    return answer["result"]


def load(path):
    text = sys.stdin.read() if path == "-" else open(path, encoding="utf-8").read()
    proof = json.loads(text)
    return proof.get("result", proof) if isinstance(proof, dict) else proof


def fetched(options, epoch_blocks):
    """Block 0, the last block of each epoch before the wanted one, then the wanted one."""
    block = options.block
    if block is None:
        block = int(call(options.rpc, "eth_blockNumber", []), 16)
    heights = [0] if options.genesis else []
    if epoch_blocks:
        heights += range(epoch_blocks - 1, block - block % epoch_blocks, epoch_blocks)
    for height in dict.fromkeys([*heights, block]):
        yield call(options.rpc, "heqi_getFinalityProof", [hex(height)])


def anchor_of(options):
    if options.self_anchored:
        return Anchor(self_anchored=True)
    anchor = Anchor()
    if options.genesis:
        genesis = json.loads(open(options.genesis, encoding="utf-8").read())
        anchor.genesis_commitment = genesis_file.commitment(genesis)
        anchor.epoch_blocks = int(genesis["parameters"]["epoch_blocks"])
        anchor.sets[0] = genesis_file.validators_hash(genesis_file.genesis_keys(genesis))
    if options.genesis_hash:
        anchor.genesis_hash = unhex(options.genesis_hash, 32)
    return anchor


def settle_anchor(options, anchor, proof):
    """Fills in what only the first proof can name, from what was given."""
    if anchor.self_anchored:
        return
    if options.validators_hash:
        anchor.sets[int(proof["certificate"]["epoch"], 16)] = unhex(options.validators_hash, 32)
    if anchor.genesis_hash is None:
        if not options.genesis or proof["headers"][0]["number"] != "0x0":
            raise Invalid("name the network: --genesis-hash, or --genesis with a proof of block 0 first")
        # bound to the genesis file by the commitment in block 0, which is checked below
        anchor.genesis_hash = unhex(proof["namespace"]["genesisHash"], 32)


def main():
    options = arguments()
    if not (options.genesis or options.self_anchored or (options.genesis_hash and options.validators_hash)):
        print("name what you trust: --genesis, or --genesis-hash and --validators-hash, or --self-anchored",
              file=sys.stderr)
        return 2
    try:
        anchor = anchor_of(options)
        proofs = fetched(options, anchor.epoch_blocks) if options.rpc else (load(path) for path in options.proofs)
        last = None
        for proof in proofs:
            if last is None:
                settle_anchor(options, anchor, proof)
            headers = check(proof, anchor)
            first = headers[0]
            signatures = len(proof["certificate"]["signatures"])
            print(f"block {first['height']} 0x{first['hash'].hex()} is final: epoch {headers[-1]['epoch']}, "
                  f"{signatures} of {len(proof['validators'])} signatures, {len(headers)} headers")
            last = proof
        if last is None:
            raise Invalid("no proof was given")
        if options.tamper:
            found, missed = tamper(last, anchor, options.tamper, options.seed)
            for path, bit in missed:
                print(f"NOT FOUND: bit {bit} of {'.'.join(map(str, path))}")
            print(f"{found} of {options.tamper} flipped bits found")
            return 1 if missed else 0
    except (Invalid, OSError, ValueError, KeyError) as error:
        print(f"NOT VALID: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
