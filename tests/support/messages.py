"""A strict reader of HTTP/1 messages that owes nothing to the code under test.

It sits behind the proxy (what did the upstream receive?) and in front of it (what did the client get?). It knows one
framing per message and raises on everything else, so that a smuggled byte shows up as `Unreadable` or as a message
nobody expected.
"""

import re
from dataclasses import dataclass
from typing import Literal

Field = tuple[bytes, bytes]
Framing = Literal["none", "length", "chunked", "close"]

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_CRLF = b"\r\n"


class UnreadableError(Exception):
    """Bytes that are not one unambiguous message."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response; `size` is how many bytes it took on the wire."""

    start: bytes
    fields: tuple[Field, ...]
    body: bytes = b""
    trailers: tuple[Field, ...] = ()
    framing: Framing = "none"
    size: int = 0

    @property
    def method(self) -> bytes:
        """First word of a request line."""
        return self.start.partition(b" ")[0]

    @property
    def status(self) -> int:
        """Second word of a status line."""
        return int(self.start.split(b" ", 2)[1])

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """Every value of a field, in order."""
        return tuple(value for key, value in self.fields if key.lower() == name.lower())


def read_fields(lines: list[bytes]) -> tuple[Field, ...]:
    """Field lines without their CRLF → (name, value). Beyond one space, white space stays: a proxy trims it."""
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise UnreadableError(f"field line {line!r}")
        fields.append((name, value.removeprefix(b" ")))
    return tuple(fields)


def take_request(data: bytes) -> Message | None:
    """The request at the start of `data`, or None while it is incomplete."""
    return _take(data, bodiless=False, until_close=None)


def take_response(data: bytes, method: bytes, *, eof: bool) -> Message | None:
    """The response (interim ones too) at the start of `data`, or None while it is incomplete."""
    status = data[9:12]
    tunnel = method == b"CONNECT" and status.startswith(b"2")
    bodiless = tunnel or method == b"HEAD" or status.startswith(b"1") or status in (b"204", b"304")
    return _take(data, bodiless=bodiless, until_close=eof)


def take_head(data: bytes) -> tuple[bytes, tuple[Field, ...], int] | None:
    """Start line, fields and the length of the head, or None while it is incomplete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    start, *lines = data[:end].split(_CRLF)
    if not start or not _VALUE.fullmatch(start):
        raise UnreadableError(f"start line {start!r}")
    return start, read_fields(lines), end + 4


def _take(data: bytes, *, bodiless: bool, until_close: bool | None) -> Message | None:
    """`until_close`: None for a request (no body without framing), else whether the connection has ended."""
    head = take_head(data)
    if head is None:
        return None
    start, fields, at = head
    if bodiless:
        return Message(start, fields, size=at)
    coding = [value.strip(b" \t") for name, value in fields if name.lower() == b"transfer-encoding"]
    length = [value.strip(b" \t") for name, value in fields if name.lower() == b"content-length"]
    if len(coding) + len(length) > 1:
        raise UnreadableError("more than one framing")
    if coding:
        return _take_chunked(data, start, fields, at, coding[0])
    if length:
        return _take_length(data, start, fields, at, length[0])
    if until_close is None:
        return Message(start, fields, size=at)
    return Message(start, fields, data[at:], framing="close", size=len(data)) if until_close else None


def _take_length(
    data: bytes, start: bytes, fields: tuple[Field, ...], at: int, length: bytes
) -> Message | None:
    if not _DIGITS.fullmatch(length):
        raise UnreadableError(f"Content-Length {length!r}")
    end = at + int(length)
    return Message(start, fields, data[at:end], framing="length", size=end) if len(data) >= end else None


def _take_chunked(
    data: bytes, start: bytes, fields: tuple[Field, ...], at: int, coding: bytes
) -> Message | None:
    if coding.lower() != b"chunked":
        raise UnreadableError(f"Transfer-Encoding {coding!r}")
    body = bytearray()
    while (line_end := data.find(_CRLF, at)) >= 0:
        match = _CHUNK.fullmatch(data, at, line_end)
        if match is None:
            raise UnreadableError(f"chunk line {data[at:line_end]!r}")
        size, at = int(match[1], 16), line_end + 2
        if size == 0:
            return _take_trailers(data, start, fields, at, bytes(body))
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != _CRLF:
            raise UnreadableError("chunk data without CRLF")
        body += data[at : at + size]
        at += size + 2
    return None


def _take_trailers(
    data: bytes, start: bytes, fields: tuple[Field, ...], at: int, body: bytes
) -> Message | None:
    if data.startswith(_CRLF, at):
        return Message(start, fields, body, framing="chunked", size=at + 2)
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    trailers = read_fields(data[at:end].split(_CRLF))
    return Message(start, fields, body, trailers, framing="chunked", size=end + 4)
