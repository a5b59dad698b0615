"""Checks one finality proof. Knows nothing but the published format (docs/en/ledger-format.md)."""

import os
import subprocess
import tempfile
from dataclasses import dataclass, field

from genesis import validators_hash
from keccak import keccak256
from rlp import RlpError, decode

HEADER_FIELDS = 21
EXTENSION_ITEMS = 9
HEADERS_MAX = 100_000
VALIDATORS_MAX = 100
# RFC 8410: SubjectPublicKeyInfo of an Ed25519 key, without the 32 bytes of the key
ED25519_KEY_PREFIX = bytes.fromhex("302a300506032b6570032100")


class Invalid(Exception):
    """The proof does not prove what it claims."""


@dataclass
class Anchor:
    """What the checker knows from elsewhere: the network and its validators per epoch."""

    genesis_hash: bytes | None = None
    sets: dict = field(default_factory=dict)
    epoch_blocks: int | None = None
    genesis_commitment: bytes | None = None
    self_anchored: bool = False


def require(condition, text):
    if not condition:
        raise Invalid(text)


def unhex(text, length=None):
    require(isinstance(text, str) and text.startswith("0x"), f"not hex: {str(text)[:40]}")
    try:
        data = bytes.fromhex(text[2:])
    except ValueError as error:
        raise Invalid(f"not hex: {text[:40]}") from error
    require(length is None or len(data) == length, f"{text[:40]} is not {length} bytes")
    return data


def number(text, bits=64):
    require(isinstance(text, str) and text.startswith("0x") and len(text) > 2, f"not a quantity: {text}")
    try:
        value = int(text[2:], 16)
    except ValueError as error:
        raise Invalid(f"not a quantity: {text}") from error
    require(hex(value) == text, f"not a minimal quantity: {text}")
    require(value < 1 << bits, f"{text} exceeds {bits} bits")
    return value


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def quorum(count):
    return count - (count - 1) // 3


def parse_rlp(data, items, what):
    try:
        parts = decode(data)
    except RlpError as error:
        raise Invalid(f"{what}: {error}") from error
    require(isinstance(parts, list) and len(parts) == items, f"{what} does not have {items} items")
    return parts


def integer(data, what):
    require(isinstance(data, bytes) and not data.startswith(b"\0") and len(data) <= 8, f"{what} is no integer")
    return int.from_bytes(data, "big")


def check_header(entry):
    """Hash, height, parent and extension of one header."""
    raw, extension_raw = unhex(entry["rlp"]), unhex(entry["extension"])
    header = parse_rlp(raw, HEADER_FIELDS, "header")
    extension = parse_rlp(extension_raw, EXTENSION_ITEMS, "extension")
    block_hash, height = keccak256(raw), integer(header[8], "height")
    require(unhex(entry["hash"], 32) == block_hash, f"the hash of block {height} is another")
    require(number(entry["number"]) == height, f"block {height} is called {entry['number']}")
    require(header[12] == keccak256(extension_raw), f"extraData of block {height} is not the extension's hash")
    require(integer(extension[0], "version") == 1, "the extension has another version")
    roots = b"".join(database[0] for database in extension[7])
    require(header[3] == keccak256(roots), f"stateRoot of block {height} does not fit its databases")
    time_ms = integer(extension[5], "time")
    require(integer(header[11], "timestamp") == time_ms // 1000, f"the times of block {height} differ")
    return {
        "hash": block_hash, "height": height, "parent": header[0], "state_root": header[3],
        "epoch": integer(extension[1], "epoch"), "view": integer(extension[2], "view"),
        "time_ms": time_ms, "next_validators": extension[6], "genesis_commitment": extension[8],
    }


def check_headers(proof):
    entries = proof["headers"]
    require(isinstance(entries, list) and 0 < len(entries) <= HEADERS_MAX, "the proof has no headers")
    headers = [check_header(entry) for entry in entries]
    require(headers[0]["height"] == number(proof["number"]), "the first header is of another block")
    for parent, child in zip(headers, headers[1:]):
        require(child["parent"] == parent["hash"], f"block {child['height']} has another parent")
        require(child["height"] == parent["height"] + 1, f"block {child['height']} leaves out heights")
        require(child["time_ms"] > parent["time_ms"], f"the time of block {child['height']} goes back")
    return headers


def namespace_bytes(proof, anchor):
    namespace = proof["namespace"]
    genesis_hash = unhex(namespace["genesisHash"], 32)
    if not anchor.self_anchored:
        require(genesis_hash == anchor.genesis_hash, "the proof is of another network (genesis hash)")
    data = (
        b"heqi" + number(namespace["chainId"]).to_bytes(8, "big") + genesis_hash
        + number(namespace["ledgerId"], 32).to_bytes(4, "big")
        + number(namespace["incarnation"], 32).to_bytes(4, "big")
    )
    require(unhex(namespace["bytes"]) == data, "the namespace's bytes are others")
    return data


def signed_message(proof, anchor, headers):
    certificate = proof["certificate"]
    block_hash = unhex(certificate["blockHash"], 32)
    require(block_hash == headers[-1]["hash"], "the certificate is of another block")
    context = namespace_bytes(proof, anchor) + b"_FINALIZE"
    message = varint(len(context)) + context + b"".join(
        varint(number(certificate[name])) for name in ("epoch", "view", "parentView")
    ) + block_hash
    require(unhex(proof["signedBytes"]) == message, "the signed bytes are others")
    return message


def check_set(proof, anchor, headers):
    """The keys that could sign, after comparing them with what is known of their epoch."""
    keys = [unhex(validator["key"], 32) for validator in proof["validators"]]
    require(0 < len(keys) <= VALIDATORS_MAX, "the validators are none or too many")
    require(keys == sorted(set(keys)), "the validators are out of order or named twice")
    require(number(proof["quorum"]) == quorum(len(keys)), "the quorum is another")
    epoch = number(proof["certificate"]["epoch"])
    require(headers[-1]["epoch"] == epoch, "the certificate is of another epoch than its block")
    require(headers[-1]["view"] <= number(proof["certificate"]["view"]), "the certificate is older than its block")
    if anchor.self_anchored:
        return keys
    require(epoch in anchor.sets, f"the validators of epoch {epoch} are not known: give the proofs that lead there")
    require(validators_hash(keys) == anchor.sets[epoch], f"these are not the validators of epoch {epoch}")
    return keys


def openssl_verifies(key, message, signature, directory):
    paths = {name: os.path.join(directory, name) for name in ("key", "message", "signature")}
    for name, data in (("key", ED25519_KEY_PREFIX + key), ("message", message), ("signature", signature)):
        with open(paths[name], "wb") as file:
            file.write(data)
    result = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths["key"], "-rawin",
         "-in", paths["message"], "-sigfile", paths["signature"]],
        capture_output=True, check=False, timeout=30,
    )
    return result.returncode == 0


def check_signatures(proof, keys, message):
    signatures = proof["certificate"]["signatures"]
    signers = [unhex(entry["key"], 32) for entry in signatures]
    require(signers == sorted(set(signers)), "the signers are out of order or named twice")
    require(len(signers) >= quorum(len(keys)), f"{len(signers)} signatures, {quorum(len(keys))} are needed")
    for signer in signers:
        require(signer in keys, f"0x{signer.hex()} is no validator of this epoch")
    with tempfile.TemporaryDirectory() as directory:
        for entry, signer in zip(signatures, signers):
            signature = unhex(entry["signature"], 64)
            require(
                openssl_verifies(signer, message, signature, directory),
                f"OpenSSL refuses the signature of 0x{signer.hex()}",
            )


def learn(anchor, headers):
    """What proven headers tell about later epochs and about the genesis file."""
    for header in headers:
        if header["height"] == 0:
            require(
                anchor.genesis_commitment in (None, header["genesis_commitment"]),
                "block 0 does not commit to this genesis file",
            )
        else:
            require(header["genesis_commitment"] == b"", f"block {header['height']} has a genesis commitment")
        if anchor.epoch_blocks:
            epoch = header["height"] // anchor.epoch_blocks
            require(header["epoch"] == epoch, f"block {header['height']} is in another epoch")
            anchor.sets.setdefault((header["height"] + 1) // anchor.epoch_blocks, header["next_validators"])


def check(proof, anchor):
    """Raises `Invalid`; otherwise the headers that are final."""
    try:
        headers = check_headers(proof)
        message = signed_message(proof, anchor, headers)
        keys = check_set(proof, anchor, headers)
        check_signatures(proof, keys, message)
        if headers[0]["height"] == 0:
            require(
                headers[0]["hash"] == unhex(proof["namespace"]["genesisHash"], 32), "block 0 is not the genesis",
            )
        learn(anchor, headers)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise Invalid(f"the proof has another shape: {error!r}") from error
    return headers
