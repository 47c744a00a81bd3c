"""Values of the `X-GT-*` fields: read strictly, written short. A malformed value is None: ignored and counted."""

import re
from typing import Final

_FLOAT: Final = re.compile(rb"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_INT: Final = re.compile(rb"[0-9]{1,10}")
_WORKLOAD: Final = re.compile(rb"[a-z0-9](?:[a-z0-9.-]{0,252})?/[a-z0-9](?:[a-z0-9.-]{0,252})?")
_LABEL: Final = re.compile(r"[A-Za-z0-9._:/\[\]-]{1,253}")
_GRPC_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_GRPC_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")


def parse_float(value: bytes) -> float | None:
    """A plain non-negative decimal: congestion, bid."""
    return float(value) if _FLOAT.fullmatch(value) else None


def parse_deadline_ms(value: bytes) -> float | None:
    """`X-GT-Deadline-Ms` → seconds left."""
    return int(value) / 1000.0 if _INT.fullmatch(value) else None


def parse_grpc_timeout(value: bytes) -> float | None:
    """`grpc-timeout: 250m` → seconds (gRPC over HTTP/2, "Timeout")."""
    match = _GRPC_TIMEOUT.fullmatch(value)
    return int(match[1]) * _GRPC_UNITS[match[2]] if match else None


def parse_workload(value: bytes) -> str | None:
    """`namespace/name`, Kubernetes spelling."""
    return value.decode() if _WORKLOAD.fullmatch(value) else None


def parse_label(value: bytes) -> str | None:
    """An endpoint's name or address: `X-GT-Recommendation`."""
    text = value.decode("latin-1")
    return text if _LABEL.fullmatch(text) else None


def format_label(label: str) -> bytes | None:
    """The inverse; None for what must not stand in a field."""
    return label.encode() if _LABEL.fullmatch(label) else None


def format_float(value: float) -> bytes:
    """Two decimals: more would be noise."""
    return b"%.2f" % value


def format_deadline_ms(left_s: float) -> bytes:
    """Whole milliseconds left, never negative."""
    return b"%d" % max(0, int(left_s * 1000.0))
