"""What can be wrong with a pod's app, and the side door through which it is told.

The door is a port of its own: proxies never see it, so none can mistake it for traffic. One JSON line in (an
ailment, `{}` for health, `null` to change nothing), one JSON line back: how many requests have come so far.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import cast

import orjson

from loadtest import processes

TOLD_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Ailment:
    """Everything at its default is health."""

    extra_ms: float = 0.0
    """Added to every answer's delay."""
    times: float = 1.0
    """What every delay is multiplied by."""
    fail_share: float = 0.0
    """Answered at once with `status`."""
    status: int = 503
    hang: bool = False
    """Connections are accepted, requests read, nothing is answered until it is over."""


HEALTHY = Ailment()


class Door(asyncio.Protocol):
    """`tell` gets what was said, and returns how many requests have come."""

    def __init__(self, tell: Callable[[Ailment | None], int]) -> None:
        self._tell = tell
        self._heard = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._transport = None

    def data_received(self, data: bytes) -> None:  # noqa: D102
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            fields = orjson.loads(line)
            received = self._tell(None if fields is None else Ailment(**fields))
            if self._transport is not None:
                self._transport.write(b"%d\n" % received)


def tell(door: str, ailment: Ailment | None) -> int:
    """Say so at a door (`ip:port`; None changes nothing) and return how many requests the pod has had."""
    line = orjson.dumps(None if ailment is None else asdict(ailment)) + b"\n"
    with socket.create_connection(processes.split(door), timeout=TOLD_WITHIN_S) as said:
        said.sendall(line)
        with said.makefile("rb") as answer:
            return int(answer.readline())
