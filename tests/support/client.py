"""One connection to a proxy: write the given parts, read until the exchange is over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from tests.support import messages

PATIENCE_S = 60.0
PART_GAP_S = 0.001


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    finals: tuple[messages.Message, ...]
    interim: tuple[messages.Message, ...]
    rest: bytes
    """Bytes that are not a complete message: a truncated response."""
    closed: bool
    timed_out: bool = False

    @property
    def statuses(self) -> tuple[int, ...]:
        """Status of each final response."""
        return tuple(message.status for message in self.finals)


class _Client(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, methods: Sequence[bytes], responses: int | None) -> None:
        self.methods = methods
        self.wanted = responses
        self.buffer = b""
        self.finals: list[messages.Message] = []
        self.interim: list[messages.Message] = []
        self.closed = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._read()

    def eof_received(self) -> bool:
        self.closed = True
        self._read()
        return True  # what is left to write is still written

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._read()

    def _read(self) -> None:
        try:
            self._take()
        except messages.UnreadableError:
            self._finish()
        if self.closed or (self.wanted is not None and len(self.finals) >= self.wanted):
            self._finish()

    def _take(self) -> None:
        while self.buffer and self.wanted != len(self.finals):
            method = self.methods[min(len(self.finals), len(self.methods) - 1)]
            message = messages.take_response(self.buffer, method, eof=self.closed)
            if message is None:
                return
            self.buffer = self.buffer[message.size :]
            interim = message.status < 200 and message.status != 101
            (self.interim if interim else self.finals).append(message)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def reply(self, *, timed_out: bool) -> Reply:
        """What has been read so far."""
        return Reply(tuple(self.finals), tuple(self.interim), self.buffer, self.closed, timed_out)


async def exchange(
    address: str,
    parts: Sequence[bytes],
    *,
    methods: Sequence[bytes] = (b"GET",),
    responses: int | None = None,
    half_close: bool = False,
    patience_s: float = PATIENCE_S,
) -> Reply:
    """Write `parts` as separate segments; read `responses` final responses, or until the other side closes."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: _Client(methods, responses), host, int(port))
    try:
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(PART_GAP_S)  # nothing to wait for: the gap itself is what is tested
            if not client.transport.is_closing():
                client.transport.write(part)
        if half_close and not client.transport.is_closing():
            client.transport.write_eof()
        async with asyncio.timeout(patience_s):
            await client.done
    except TimeoutError:
        return client.reply(timed_out=True)
    finally:
        client.transport.abort()
    return client.reply(timed_out=False)
