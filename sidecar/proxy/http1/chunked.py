"""Chunked transfer coding (RFC 9112 §7.1): a strict decoder and the encoder that frames anew.

Chunk extensions are read and dropped; sizes need not survive. Trailer fields pass if they cannot change what
the message means: framing, routing, authentication and the mesh's own names are dropped (RFC 9110 §6.5.1).
"""

import re
from collections.abc import Callable
from typing import Any, Final

from sidecar import contract
from sidecar.proxy.http1.grammar import TRAILERS
from sidecar.proxy.message import Fields

LAST_CHUNK: Final = b"0\r\n\r\n"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?+\r\n")
_MAX_LINE = 4096  # bytes of a chunk size line, extensions included
_PARTIAL_LINE = re.compile(rb"[0-9A-Fa-f]{0,16}(?:[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?)?\r?")
_FORBIDDEN: Final = frozenset(
    b"transfer-encoding content-length host connection keep-alive te trailer upgrade expect cookie set-cookie "
    b"authorization proxy-authorization proxy-authenticate www-authenticate content-encoding content-type "
    b"content-range cache-control max-forwards via proxy-connection http2-settings forwarded x-forwarded-for "
    b"x-forwarded-host x-forwarded-proto range if-match if-none-match if-modified-since if-unmodified-since if-range "
    b"location vary age date expires idempotency-key grpc-timeout".split()
)
_SIGNAL_PREFIX = contract.SIGNAL_PREFIX.encode()

_SIZE: Final = 0
_DATA: Final = 1
_DATA_END: Final = 2
_TRAILERS: Final = 3
_DONE: Final = 4


class Decoder:
    """Feed bytes after the head; get payload out. Any cut of the input gives the same payload and verdict."""

    __slots__ = (
        "_buffer",
        "_fault",
        "_judged",
        "_left",
        "_max_bytes",
        "_max_fields",
        "_section",
        "_state",
        "rest",
        "trailers",
    )

    def __init__(self, fault: Callable[[str], Any], max_bytes: int, max_fields: int) -> None:
        self._fault = fault  # raises the refusal a rule names
        self._max_bytes, self._max_fields = max_bytes, max_fields
        self._buffer = b""
        self._state = _SIZE
        self._left = 0
        self._section = bytearray()  # trailers
        self._judged = 0  # bytes of it known to be well-formed lines
        self.trailers: Fields = []
        self.rest = b""  # bytes after the end of the body

    @property
    def done(self) -> bool:
        """The last chunk and the trailer section have been read."""
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """Payload completed by `data`, in one piece."""
        if self._state == _TRAILERS:
            self._trailers(data)
            return b""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        parts: list[bytes] = []
        at = 0
        while at >= 0:
            at = self._step(data, at, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _step(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Read one element from `data[at:]`; where the next begins, or -1 when more bytes are needed."""
        if self._state == _SIZE:
            return self._size(data, at)
        if self._state == _DATA:
            piece = data[at : at + self._left]
            if piece:
                parts.append(piece)
            self._left -= len(piece)
            if self._left:
                return -1
            self._state = _DATA_END
            return at + len(piece)
        return self._data_end(data, at)

    def _size(self, data: bytes, at: int) -> int:
        match = _SIZE_LINE.match(data, at)
        if match is None or match.end() - at > _MAX_LINE:
            if b"\n" in data[at:] or len(data) - at > _MAX_LINE or not _PARTIAL_LINE.fullmatch(data, at):
                self._fault("chunk-size")
            self._buffer = data[at:]
            return -1
        self._left = int(match[1], 16)
        if self._left:
            self._state = _DATA
            return match.end()
        self._state = _TRAILERS
        self._trailers(data[match.end() :])
        return -1

    def _data_end(self, data: bytes, at: int) -> int:
        end = data[at : at + 2]
        if end == b"\r\n":
            self._state = _SIZE
            return at + 2
        if end not in (b"", b"\r"):
            self._fault("chunk-end")
        self._buffer = end
        return -1

    def _trailers(self, data: bytes) -> None:
        """The trailer section, up to its empty line; every byte is looked at once, however it is cut."""
        section = self._section
        before = len(section)
        section += data
        if section.startswith(b"\r\n"):
            end = 2
        else:
            end = section.find(b"\r\n\r\n", max(0, before - 3)) + 4
            if end < 4:
                self._judge_lines(before)
                return
        if end > self._max_bytes or section.count(b"\n", 0, end) - 1 > self._max_fields:
            self._fault("trailer-bytes")
        if not TRAILERS.fullmatch(section, 0, end):
            self._fault("trailer")
        self.trailers = _passed_on(bytes(section[:end]))
        self.rest = bytes(section[end:])
        self._state = _DONE
        section.clear()

    def _judge_lines(self, before: int) -> None:
        """An incomplete section that is already too large or malformed need not be waited for."""
        section = self._section
        if len(section) > self._max_bytes:
            self._fault("trailer-bytes")
        lines_end = section.rfind(b"\n", before) + 1
        if lines_end:
            if not TRAILERS.fullmatch(section[self._judged : lines_end] + b"\r\n"):
                self._fault("trailer")
            self._judged = lines_end


def _passed_on(section: bytes) -> Fields:
    fields: Fields = []
    for line in section.split(b"\r\n")[:-2]:
        name, _, value = line.partition(b":")
        lower = name.lower()
        if lower not in _FORBIDDEN and not lower.startswith(_SIGNAL_PREFIX):
            fields.append((name, value.strip(b" \t")))
    return fields


def encode(data: bytes) -> bytes:
    """One chunk; nothing for no data, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def encode_end(trailers: Fields | None) -> bytes:
    """The last chunk and the trailer section."""
    if not trailers:
        return LAST_CHUNK
    return b"0\r\n" + b"".join([b"%b: %b\r\n" % field for field in trailers]) + b"\r\n"
