"""An answer of the feed as bytes, put together from parts that others share. Pure."""

import gzip
from typing import Final

PACKED_BYTES: Final = 8192
"""From which an answer is compressed for who understands it: a thousand copies of it are to go out."""


def understood(accept_encoding: str) -> bool:
    """Whether that field (RFC 9110 §12.5.3) allows gzip by name; `q=0` forbids it."""
    for each in accept_encoding.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


class Answer:
    """`full`: everything that was asked for. `empty`: nothing is new."""

    __slots__ = ("_packed", "body", "empty", "full")

    def __init__(self, version: str, services: list[bytes], callers: bytes | None, *, full: bool) -> None:
        self.full = full
        self.empty = not full and not services and callers is None
        told = b"" if callers is None else b',"callers":' + callers
        self.body = b'{"version":"%b","full":%b,"services":[%b]%b}' % (
            version.encode(),
            b"true" if full else b"false",
            b",".join(services),
            told,
        )
        self._packed: bytes | None = None

    def packed(self) -> bytes | None:
        """With gzip; None where that is not worth it."""
        if self._packed is None and len(self.body) >= PACKED_BYTES:
            self._packed = gzip.compress(self.body, compresslevel=1, mtime=0)
        return self._packed
