"""Responses as bytes to a client: how a body is delimited for it, and what that means for the connection."""

import asyncio

from sidecar.proxy.http1 import chunked, encode
from sidecar.proxy.message import CHUNKED, UNTIL_CLOSE, Fields, ResponseHead


class Writer:
    """Of one connection, one response after the other."""

    __slots__ = ("_chunked",)

    def __init__(self) -> None:
        self._chunked = False  # the body under way

    def respond(
        self,
        transport: asyncio.Transport,
        head: ResponseHead,
        extra: Fields,
        data: bytes,
        end: bool,
        trailers: Fields | None,
        *,
        old: bool,
        close: bool,
    ) -> bool:
        """The final head and what there is of the body; `old`: to HTTP/1.0. Whether the connection closes after it."""
        unsized = head.length in (CHUNKED, UNTIL_CLOSE)
        self._chunked = unsized and not old
        close = close or (unsized and old)
        raw = encode.response(head, extra, chunked=self._chunked, close=close)
        if self._chunked:
            data = _chunk(data, end, trailers)
        transport.write(raw + data if data else raw)
        return close

    def send(self, transport: asyncio.Transport, data: bytes, end: bool, trailers: Fields | None) -> None:
        """More of the body."""
        if self._chunked:
            data = _chunk(data, end, trailers)
        if data:
            transport.write(data)


def _chunk(data: bytes, end: bool, trailers: Fields | None) -> bytes:
    return chunked.encode(data) + (chunked.encode_end(trailers) if end else b"")
