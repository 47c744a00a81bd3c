"""What discovery says: endpoints, services, callers. Plain values, shared by every source.

A source publishes whole services: an event replaces what was known about that (host, port).
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod address that can serve a request."""

    address: str
    """`ip:port`, IPv6 in brackets: unique, and where we connect."""
    name: str = ""
    """Shown to people and in metrics; the address when empty."""
    workload: str = ""
    """`namespace/name` of what runs there; identifies it as a caller too."""
    zone: str = ""
    budget: float = 1.0
    """Weight of this workload when it calls others."""

    @property
    def label(self) -> str:
        """What people see."""
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class Caller:
    """Who connects from an IP address."""

    ip: str
    workload: str
    budget: float = 1.0


@dataclass(frozen=True, slots=True)
class EndpointsChanged:
    """Service (host, port) now has exactly these endpoints; None: the service no longer exists."""

    host: str
    port: int
    endpoints: tuple[Endpoint, ...] | None
    addresses: tuple[str, ...] = ()
    """`ip:port` where applications reach the service as a whole: its cluster IPs."""
    portless: bool = False
    """A Host without a port means this one of the host's ports."""


@dataclass(frozen=True, slots=True)
class CallersChanged:
    """The whole list of known callers, replacing the one before."""

    callers: tuple[Caller, ...]


Event = EndpointsChanged | CallersChanged
Publish = Callable[[Event], None]
