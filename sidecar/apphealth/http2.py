"""Just enough HTTP/2 (RFC 9113) for one request with a small answer: bytes in, bytes out, no I/O.

Sent: the preface, SETTINGS, one HEADERS and one DATA frame on stream 1; acknowledgements of SETTINGS and PING.
Read: the DATA of stream 1, and why there is no more of it. Header blocks are not decoded: what the caller wants to
know is in the body, and HPACK's tables would be most of this package.
"""

from collections.abc import Iterable
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGEST_FRAME: Final = 16_384
"""Bytes; the default of SETTINGS_MAX_FRAME_SIZE, which we do not raise."""
LARGEST_ANSWER: Final = 16_384

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7
ACK = END_STREAM = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
STREAM: Final = 1

_ENABLE_PUSH_OFF: Final = b"\x00\x02\x00\x00\x00\x00"
# Static table of RFC 7541, appendix A: whole fields, and names that take a value of ours.
_METHOD_POST: Final = b"\x83"
_SCHEME_HTTP: Final = b"\x86"
_NAMES: Final = {":authority": 1, ":path": 4, "content-type": 31, "user-agent": 58}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame (4.1): length, type, flags, stream, payload."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def post(authority: str, path: str, fields: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Everything a client sends for one POST, from the preface to the end of the stream."""
    literals = [(":path", path), (":authority", authority), *fields]
    block = _METHOD_POST + _SCHEME_HTTP + b"".join(_literal(name, value) for name, value in literals)
    return b"".join(
        (
            PREFACE,
            frame(SETTINGS, 0, 0, _ENABLE_PUSH_OFF),
            frame(HEADERS, END_HEADERS, STREAM, block),
            frame(DATA, END_STREAM, STREAM, body),
        )
    )


def _literal(name: str, value: str) -> bytes:
    """A field without indexing, without Huffman (RFC 7541, 6.2.2)."""
    known = _NAMES.get(name, 0)
    return _integer(known, 4) + (b"" if known else _string(name)) + _string(value)


def _string(text: str) -> bytes:
    raw = text.encode()
    return _integer(len(raw), 7) + raw


def _integer(value: int, bits: int) -> bytes:
    """With a prefix of so many bits, the rest of its byte 0 (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    out, value = bytearray((most,)), value - most
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Answer:
    """What comes back on stream 1. `body` grows until `over` says why it ends: "" while it may still grow."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.over = ""
        self._buffer = bytearray()
        self._greeted = False

    def __repr__(self) -> str:
        return f"Answer({len(self.body)} bytes, over={self.over!r})"

    def receive(self, data: bytes) -> bytes:
        """What the server sent; returns what to send back."""
        self._buffer += data
        replies = bytearray()
        while not self.over and len(self._buffer) >= 9:
            length = int.from_bytes(self._buffer[:3], "big")
            kind, flags = self._buffer[3], self._buffer[4]
            if not self._greeted and (kind != SETTINGS or flags & ACK or length % 6):
                self.over = "what answers there does not speak HTTP/2"
            elif length > LARGEST_FRAME:
                self.over = f"a frame of {length} bytes, more than HTTP/2 allows without asking"
            elif len(self._buffer) < 9 + length:
                break
            else:
                stream = int.from_bytes(self._buffer[5:9], "big") & 0x7FFF_FFFF
                payload = bytes(self._buffer[9 : 9 + length])
                del self._buffer[: 9 + length]
                self._greeted = True
                replies += self._frame(kind, flags, stream, payload)
        return bytes(replies)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        if kind in (SETTINGS, PING) and not flags & ACK:
            return frame(kind, ACK, 0, payload if kind == PING else b"")
        if kind == GOAWAY and int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF < STREAM:
            self.over = f"the server closes the connection, error {int.from_bytes(payload[4:8], 'big')}"
        if stream == STREAM:
            self._of_ours(kind, flags, payload)
        return b""

    def _of_ours(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == DATA:
            self.body += _unpadded(flags, payload)
        if kind == RST_STREAM:
            self.over = f"the server reset the request, error {int.from_bytes(payload[:4], 'big')}"
        elif kind in (DATA, HEADERS) and flags & END_STREAM:
            self.over = "the answer ended"
        elif len(self.body) > LARGEST_ANSWER:
            self.over = f"the answer is longer than {LARGEST_ANSWER} bytes"


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED or not payload:
        return payload
    return payload[1 : max(1, len(payload) - payload[0])]
