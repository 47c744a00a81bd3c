"""What the proxy would write for a message it has read: its own encoders, its own rules, nothing added."""

import re
from zlib import crc32

from sidecar.proxy.http1 import chunked, encode
from sidecar.proxy.message import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead
from tests.fuzz.reading import Read, promise

_HARMFUL = re.compile(rb"\x00|\r(?!\n)|(?<!\r)\n|\r\n[ \t]")
_SIGNAL = re.compile(rb"^x-gt-", re.IGNORECASE | re.MULTILINE)
_FRAMING = re.compile(rb"^(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HOST = re.compile(rb"^host[ \t]*:", re.IGNORECASE | re.MULTILINE)


def request(read: Read) -> bytes:
    """As `UpstreamConnection.send_request` and `send_data` do."""
    head = read.head
    assert isinstance(head, RequestHead)
    return encode.request(head, []) + _body(read, coded=head.length == CHUNKED)


def response(read: Read) -> bytes:
    """As `ServerConnection.respond` and `send_data` do for an HTTP/1.1 client."""
    head = read.head
    assert isinstance(head, ResponseHead)
    coded = head.length in (CHUNKED, UNTIL_CLOSE)
    raw = encode.response(head, [], chunked=coded, close=not head.keep_alive)
    return raw + _body(read, coded=coded)


def interim(head: ResponseHead) -> bytes:
    """As `ServerConnection.interim` does."""
    return encode.response(head, [], chunked=False, close=False)


def _body(read: Read, *, coded: bool) -> bytes:
    body = read.body
    if not coded:
        return body
    cut = crc32(body) % (len(body) + 1)  # two chunks now and then
    end = chunked.encode_end(list(read.trailers)) if read.complete else b""
    return chunked.encode(body[:cut]) + chunked.encode(body[cut:]) + end


def check(wire: bytes, read: Read | None) -> None:
    """Promises about the bytes themselves, whoever reads them. `read` is None for an interim response."""
    head, blank, _ = wire.partition(b"\r\n\r\n")
    promise(
        bool(blank) and not _HARMFUL.search(head), "bytes that end a line for some and not for others", wire
    )
    promise(not _SIGNAL.search(head), "a signal crosses the edge", wire)
    framing = len(_FRAMING.findall(head))
    promise(framing <= 1, "more than one framing", wire)
    if read is None:
        promise(framing == 0, "RFC 9110 §8.6: no framing in a 1xx", wire)
        return
    if isinstance(read.head, RequestHead):
        promise(len(_HOST.findall(head)) == 1, "not exactly one Host", wire)
    elif read.head.status in (101, 204):
        promise(framing == 0, "RFC 9110 §8.6: no framing here", wire)
    section = chunked.encode_end(list(read.trailers))
    for pattern in (_SIGNAL, _FRAMING, _HOST):
        promise(not pattern.search(section), "a trailer that may not be one", section)
