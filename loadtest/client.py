"""One connection of the load generator: sends a request, says how it ended."""

import asyncio
import contextlib
from typing import Protocol, cast

import httptools


class Owner(Protocol):
    """Whoever has the connections: the generator."""

    idle: "list[Client]"
    busy: "set[Client]"

    def next_request(self) -> bytes:
        """The bytes to send next."""

    def free(self, opened: "Client") -> None:
        """It can carry another request."""

    def record(self, due_s: float, outcome: str, pod: str) -> None:
        """A request ended."""


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._pod = ""
        self.due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast(asyncio.Transport, transport)

    def send(self, due_s: float) -> None:
        """Send one request that was due at `due_s`."""
        self.due_s, self._pod = due_s, ""
        if self._transport is None:
            self._owner.record(due_s, "reset", "")
            return
        self._owner.busy.add(self)
        self._transport.write(self._owner.next_request())

    def data_received(self, data: bytes) -> None:  # noqa: D102
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end("framing")
            self._drop()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == b"x-pod":
            self._pod = value.decode("latin-1")

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        keep = self._parser.should_keep_alive()
        self._end(str(status))
        if keep:
            self._owner.free(self)
        else:
            self._drop()

    def give_up(self) -> None:
        """The answer took too long."""
        self._end("timeout")
        self._drop()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._transport = None
        self._end("reset")
        with contextlib.suppress(ValueError):
            self._owner.idle.remove(self)

    def _end(self, outcome: str) -> None:
        if self in self._owner.busy:
            self._owner.busy.discard(self)
            self._owner.record(self.due_s, outcome, self._pod)

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
