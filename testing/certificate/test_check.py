"""Tests: python3 -m unittest, in this folder. The proofs are signed by OpenSSL, not by Heqi."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import genesis as genesis_file
from keccak import keccak256
from proof import ED25519_KEY_PREFIX, Anchor, Invalid, check, quorum, varint
from rlp import RlpError, decode, encode
from tamper import tamper

VECTORS = json.loads((Path(__file__).parents[2] / "docs/vectors/ledger-format.json").read_text())


def hexed(data):
    return "0x" + data.hex()


class Signer:
    def __init__(self, directory, index):
        self.directory, self.path = directory, os.path.join(directory, f"{index}.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.key = der.removeprefix(ED25519_KEY_PREFIX)

    def sign(self, message):
        path = os.path.join(self.directory, "message")
        Path(path).write_bytes(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", path],
                              check=True, capture_output=True).stdout


class Vectors(unittest.TestCase):
    def test_keccak(self):
        self.assertEqual(
            keccak256(b"").hex(), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
        self.assertEqual(
            keccak256(b"a" * 136).hex(), "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e")

    def test_rlp(self):
        for item in (b"", b"\x7f", b"\x80", b"x" * 56, [], [b"", [b"a"]], [b"x" * 60]):
            self.assertEqual(decode(encode(item)), item)
        for wrong in ("8100", "b800", "c1", "0000", "f800", "c28001" + "00"):
            with self.assertRaises(RlpError, msg=wrong):
                decode(bytes.fromhex(wrong))

    def test_published_vectors(self):
        for name in ("block0", "block1"):
            block = {key: bytes.fromhex(VECTORS[name][key][2:]) for key in ("header", "extension", "hash")}
            self.assertEqual(keccak256(block["header"]), block["hash"])
            self.assertEqual(keccak256(block["extension"]), decode(block["header"])[12])
        file = VECTORS["genesis"]["file"]
        self.assertEqual(hexed(genesis_file.commitment(file)), VECTORS["genesis"]["commitment"])
        set_hash = genesis_file.validators_hash(genesis_file.genesis_keys(file))
        self.assertEqual(hexed(set_hash), VECTORS["genesis"]["validatorSetHash"])
        self.assertEqual([quorum(n) for n in range(1, 11)], VECTORS["quorum"])
        context = bytes.fromhex(VECTORS["namespace"][2:]) + b"_FINALIZE"
        message = varint(len(context)) + context + varint(0) + varint(300) + varint(299)
        self.assertEqual(hexed(message) + VECTORS["block1"]["hash"][2:], VECTORS["signedBytes"])


class Proofs(unittest.TestCase):
    """Block 1 and 2 of a network of four, certified by three, epochs of 4 blocks."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.signers = sorted((Signer(cls.directory.name, n) for n in range(4)), key=lambda s: s.key)
        cls.set_hash = genesis_file.validators_hash([signer.key for signer in cls.signers])
        cls.proof = cls.build()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    @classmethod
    def block(cls, height, parent):
        database = [bytes([height]) * 32, bytes(32), 0, height]
        extension = encode([1, 0, height, cls.signers[0].key, height - 1, 1000 * height + 7, cls.set_hash,
                            [database] * 3, b""])
        header = encode([parent, bytes(32), bytes(20), keccak256(database[0] * 3), bytes(32), bytes(32), bytes(256),
                         0, height, 60_000_000, 0, height, keccak256(extension), bytes(32), bytes(8), 0,
                         bytes(32), 0, 0, bytes(32), bytes(32)])
        return {"number": hex(height), "hash": hexed(keccak256(header)), "rlp": hexed(header),
                "extension": hexed(extension)}

    @classmethod
    def build(cls, signers=3):
        first = cls.block(1, bytes([9]) * 32)
        second = cls.block(2, bytes.fromhex(first["hash"][2:]))
        namespace = b"heqi" + (77).to_bytes(8, "big") + bytes([9]) * 32 + bytes(8)
        context = namespace + b"_FINALIZE"
        message = (varint(len(context)) + context + varint(0) + varint(300) + varint(1)
                   + bytes.fromhex(second["hash"][2:]))
        return {
            "number": "0x1",
            "namespace": {"chainId": "0x4d", "genesisHash": hexed(bytes([9]) * 32), "ledgerId": "0x0",
                          "incarnation": "0x0", "bytes": hexed(namespace)},
            "signedBytes": hexed(message),
            "certificate": {
                "epoch": "0x0", "view": "0x12c", "parentView": "0x1", "blockHash": second["hash"],
                "signatures": [{"key": hexed(s.key), "signature": hexed(s.sign(message)), "organisation": "A"}
                               for s in cls.signers[:signers]],
            },
            "headers": [first, second],
            "validators": [{"key": hexed(s.key), "organisation": "A"} for s in cls.signers],
            "quorum": "0x3",
        }

    def anchor(self):
        return Anchor(genesis_hash=bytes([9]) * 32, sets={0: self.set_hash}, epoch_blocks=4)

    def test_accepts_the_real(self):
        headers = check(self.proof, self.anchor())
        self.assertEqual([header["height"] for header in headers], [1, 2])
        check(self.proof, Anchor(self_anchored=True))

    def test_finds_each_flipped_bit(self):
        found, missed = tamper(self.proof, self.anchor(), 200, seed=3)
        self.assertEqual((found, missed), (200, []))

    def command(self, *arguments):
        path = os.path.join(self.directory.name, "proof.json")
        Path(path).write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "result": self.proof}))
        program = Path(__file__).with_name("check.py")
        return subprocess.run([sys.executable, "-B", program, *arguments, path], capture_output=True, text=True,
                              check=False)

    def test_the_command(self):
        trusted = ("--genesis-hash", "0x" + "09" * 32, "--validators-hash")
        good = self.command(*trusted, hexed(self.set_hash), "--tamper", "30")
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertIn("3 of 4 signatures, 2 headers", good.stdout)
        self.assertIn("30 of 30 flipped bits found", good.stdout)
        self.assertEqual(self.command("--self-anchored").returncode, 0)
        wrong = self.command(*trusted, "0x" + "00" * 32)
        self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
        self.assertIn("NOT VALID", wrong.stderr)
        self.assertEqual(self.command().returncode, 2)

    def refused(self, change, pattern, anchor=None):
        proof = copy.deepcopy(self.proof)
        change(proof)
        with self.assertRaisesRegex(Invalid, pattern):
            check(proof, anchor or self.anchor())

    def test_names_what_is_wrong(self):
        signatures = lambda proof: proof["certificate"]["signatures"]
        self.refused(lambda p: signatures(p).pop(), "2 signatures, 3 are needed")
        self.refused(lambda p: signatures(p).insert(1, signatures(p)[0]), "out of order or named twice")
        self.refused(lambda p: p["headers"].pop(), "another block")
        self.refused(lambda p: p["headers"].pop(0), "another block")
        self.refused(lambda p: p.pop("namespace"), "another shape")
        self.refused(lambda p: p.update(headers=[]), "no headers")
        self.refused(lambda p: p["headers"][0].update(rlp="0x" + "c0" * 9), "header")
        stranger = Anchor(genesis_hash=bytes(32), sets={0: self.set_hash}, epoch_blocks=4)
        self.refused(lambda p: None, "another network", stranger)
        others = Anchor(genesis_hash=bytes([9]) * 32, sets={0: bytes(32)}, epoch_blocks=4)
        self.refused(lambda p: None, "not the validators of epoch 0", others)
        late = Anchor(genesis_hash=bytes([9]) * 32, sets={1: self.set_hash}, epoch_blocks=4)
        self.refused(lambda p: None, "not known", late)


if __name__ == "__main__":
    unittest.main()
