"""The two messages of `grpc.health.v1`, and the prefix gRPC sends each with. Pure.

message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { enum ServingStatus {…} ServingStatus status = 1; }
"""

from typing import Final

SERVING: Final = 1
STATUSES: Final = {0: "UNKNOWN", SERVING: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}

_PREFIX: Final = (
    5  # compressed or not, and the length in four bytes (gRPC over HTTP/2, Length-Prefixed-Message)
)
_FIXED: Final = {1: 8, 5: 4}  # wire type → bytes


def framed(message: bytes) -> bytes:
    """With its prefix: not compressed, so many bytes."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def first(body: bytes | bytearray) -> bytes | None:
    """The first message, once all of it is there. None before, and for a compressed one: nobody asked for that."""
    end = _PREFIX + int.from_bytes(body[1:_PREFIX], "big")
    return bytes(body[_PREFIX:end]) if len(body) >= end and not body[0] else None


def check(service: str) -> bytes:
    """A HealthCheckRequest; no bytes at all for the server as a whole (proto3 leaves out empty texts)."""
    name = service.encode()
    return b"\x0a" + _varint(len(name)) + name if name else b""


def status(message: bytes) -> int | None:
    """Of a HealthCheckResponse, 0 where it is left out; None when that is not what it is. Other fields are skipped."""
    found, at = 0, 0
    try:
        while at < len(message):
            key, at = _read_varint(message, at)
            if key == 0x08:
                found, at = _read_varint(message, at)
            else:
                at = _skip(message, key & 7, at)
    except LookupError:
        return None
    return found if at == len(message) else None


def _skip(message: bytes, wire_type: int, at: int) -> int:
    """Where the value ends. Raises LookupError."""
    if wire_type == 0:
        return _read_varint(message, at)[1]
    if wire_type == 2:
        length, at = _read_varint(message, at)
        return at + length
    return at + _FIXED[wire_type]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Value and where it ends. Raises LookupError past the end, or past ten bytes, the longest there is."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise LookupError(at)
