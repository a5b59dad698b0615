"""The genesis file: validators of epoch 0, epoch length, and what block 0 commits to."""

from ipaddress import ip_address

from keccak import keccak256
from rlp import encode

PROFILES = {"dev": 0, "prod": 1, "conformance": 2}
PARAMETERS = (
    "block_gas_limit", "fee_mode", "base_fee_wei", "fee_recipient", "epoch_blocks", "interval_min_ms",
    "interval_idle_ms", "trailing_blocks", "heartbeat_ms", "leader_timeout_ms", "peers_max",
)


def _bytes(text):
    return bytes.fromhex(text.removeprefix("0x"))


def _number(value):
    return value if isinstance(value, int) else int(value, 0)


def validators_hash(keys) -> bytes:
    return keccak256(encode(sorted(keys)))


def genesis_keys(genesis):
    return [_bytes(validator["key"]) for validator in genesis["validators"]]


def _parameters_hash(parameters):
    missing = [name for name in PARAMETERS if name not in parameters]
    if missing:
        raise ValueError(f"the genesis file leaves out parameters: {', '.join(missing)}")
    values = []
    for name in PARAMETERS:
        value = parameters[name]
        if name == "fee_mode":
            values.append({"free": 0, "metered": 1}[value])
        else:
            values.append(_bytes(value) if name == "fee_recipient" else _number(value))
    return keccak256(encode(values))


def _allocation_hash(allocation):
    entries = []
    for address in sorted(allocation, key=_bytes):
        account = allocation[address]
        slots = sorted((_number(k), _number(v)) for k, v in account.get("storage", {}).items())
        entries.append([
            _bytes(address), _number(account.get("nonce", 0)), _number(account.get("balance", 0)),
            keccak256(_bytes(account.get("code", "0x"))), [[slot, value] for slot, value in slots],
        ])
    return keccak256(encode(entries))


def _observers(genesis):
    """One more item where there are observers, else none."""
    rows = []
    for observer in genesis.get("observers", []):
        host, port = observer["address"].rsplit(":", 1)
        ip = ip_address(host.strip("[]"))
        packed = ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed
        rows.append([observer["organisation"], _bytes(observer["key"]), packed, int(port)])
    return [rows] if rows else []


def commitment(genesis) -> bytes:
    ordered = sorted(genesis["validators"], key=lambda validator: _bytes(validator["key"]))
    return keccak256(encode([
        genesis["format"], genesis["chain_id"], genesis.get("ledger_id", 0), PROFILES[genesis["profile"]],
        genesis["time_ms"], _parameters_hash(genesis["parameters"]),
        [[validator["organisation"], _bytes(validator["key"])] for validator in ordered],
        _bytes(genesis["validator_admin"]), int(genesis.get("predeploys", True)),
        _allocation_hash(genesis.get("allocation", {})),
        *_observers(genesis),
    ]))
