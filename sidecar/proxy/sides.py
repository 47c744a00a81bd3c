"""What an exchange stands between: the client's half, and the listener that decides how outbound differs from inbound.

Abstract classes and not protocols: between compiled modules their calls cost a pointer, not a look-up.
"""

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sidecar.policy.services import Service
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.limits import Limits, Timeouts
from sidecar.proxy.message import Fields, ResponseHead
from sidecar.proxy.pools import Pools
from sidecar.proxy.stats import ProxyStats
from sidecar.proxy.upstream import Upstream

if TYPE_CHECKING:
    from sidecar.proxy.exchange import Exchange


class Downstream(ABC):
    """The client's half of an exchange."""

    __slots__ = ()

    @abstractmethod
    def respond(
        self, head: ResponseHead, extra: Fields, data: bytes, end: bool, trailers: Fields | None
    ) -> None:
        """Send the final head and what there is of the body."""

    @abstractmethod
    def send_data(self, data: bytes, end: bool, trailers: Fields | None) -> None:
        """Send more of the body."""

    @abstractmethod
    def send_interim(self, head: ResponseHead) -> None:
        """Send a 1xx."""

    @abstractmethod
    def open_tunnel(self, head: ResponseHead | None, upstream: Upstream) -> None:
        """Become a pipe to `upstream`, after the head (none: say nothing)."""

    @abstractmethod
    def cut(self) -> None:
        """The response cannot be completed: make that visible by closing."""

    @abstractmethod
    def exchange_done(self) -> None:
        """The exchange is over; the next may begin."""

    @abstractmethod
    def pause_request(self) -> None:
        """No more request bytes for now."""

    @abstractmethod
    def resume_request(self) -> None:
        """Go on."""


class Side(ABC):
    """What outbound and inbound decide differently."""

    loop: asyncio.AbstractEventLoop
    timeouts: Timeouts
    limits: Limits
    stats: ProxyStats
    pools: Pools
    retries: bool
    """Retry on other endpoints; else only what a dead pooled connection swallowed."""

    @abstractmethod
    def find(self, exchange: "Exchange") -> Service | None:
        """The destination; None: not known yet, `found` or `fail` follows. Raises ExchangeError."""

    @abstractmethod
    def request_fields(self, exchange: "Exchange", attempt: Attempt) -> Fields:
        """Fields added to the request."""

    @abstractmethod
    def response_fields(self, exchange: "Exchange") -> Fields:
        """Fields added to the response."""

    @abstractmethod
    def tunnelled(self, exchange: "Exchange") -> None:
        """The exchange has become a pipe: it no longer asks anything of the application's capacity."""

    @abstractmethod
    def finished(self, exchange: "Exchange", now: float) -> None:
        """Count, log."""
