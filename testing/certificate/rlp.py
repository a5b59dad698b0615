"""Recursive Length Prefix (Ethereum yellow paper, appendix B), canonical form only."""

DEPTH_MAX = 8


class RlpError(ValueError):
    """The bytes are not canonical RLP."""


def encode(item) -> bytes:
    """Bytes, non-negative integers, text, and lists of these."""
    if isinstance(item, list):
        body = b"".join(encode(part) for part in item)
        return _prefix(0xC0, len(body)) + body
    if isinstance(item, str):
        item = item.encode()
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if len(item) == 1 and item[0] < 0x80:
        return bytes(item)
    return _prefix(0x80, len(item)) + item


def _prefix(base, length):
    if length < 56:
        return bytes([base + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(size)]) + size


def decode(data: bytes):
    """One item that takes all of the bytes: bytes or a list."""
    item, end = _decode(data, 0, 0)
    if end != len(data):
        raise RlpError("bytes after the end")
    if encode(item) != data:
        raise RlpError("not canonical")
    return item


def _decode(data, start, depth):
    if depth > DEPTH_MAX:
        raise RlpError("nested too deeply")
    if start >= len(data):
        raise RlpError("bytes are missing")
    first = data[start]
    if first < 0x80:
        return data[start : start + 1], start + 1
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    body, length = start + 1, short
    if short > 55:
        body = start + 1 + short - 55
        length = int.from_bytes(data[start + 1 : body], "big")
    end = body + length
    if end > len(data):
        raise RlpError("bytes are missing")
    if not is_list:
        return data[body:end], end
    items, position = [], body
    while position < end:
        item, position = _decode(data, position, depth + 1)
        items.append(item)
    if position != end:
        raise RlpError("an item exceeds its list")
    return items, end
