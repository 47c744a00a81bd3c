"""One connection to an endpoint, whatever the codec; `pools` decides who gets it."""

import asyncio
from abc import ABC, abstractmethod

from sidecar import clock
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.message import Fields, RequestHead
from sidecar.proxy.tunnel import Pipe


class Upstream(ABC):
    """One connection to an endpoint, as an exchange and a pool see it."""

    __slots__ = (
        "arrived",
        "attempt",
        "born",
        "closing",
        "early",
        "idle_since",
        "pipe",
        "ready",
        "served",
        "transport",
    )

    def __init__(self) -> None:
        self.attempt: Attempt | None = None
        self.pipe: Pipe | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set when it connects
        self.served = 0  # requests sent
        self.closing = False  # closed by either side
        self.ready = False  # dialled, and in the pool's hands
        self.early = b""  # what arrived before that
        self.born = self.idle_since = self.arrived = clock.now()  # arrived: the last bytes

    @abstractmethod
    def send_request(
        self, head: RequestHead, extra: Fields, data: bytes, end: bool, trailers: Fields | None
    ) -> None:
        """Send a head and what there is of the body."""

    @abstractmethod
    def send_data(self, data: bytes, end: bool, trailers: Fields | None) -> None:
        """Send more of the body."""

    @abstractmethod
    def pause_response(self) -> None:
        """No more response bytes for now."""

    @abstractmethod
    def resume_response(self) -> None:
        """Go on."""

    @abstractmethod
    def reusable(self) -> bool:
        """The last response ended exactly and nothing is left over."""

    @abstractmethod
    def close(self) -> None:
        """Close at once."""
