"""Plain counters, rendered when scraped: the request path only ever adds to an int."""

from collections import Counter
from typing import Final

Bounds = tuple[float, ...]

BUCKETS_S: Final[Bounds] = (
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
)
OVERHEAD_BUCKETS_S: Final[Bounds] = (
    0.00002,
    0.00005,
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.05,
)


class Histogram:
    """Seconds in fixed buckets; the last is +Inf."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: Bounds = BUCKETS_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        cell = 0
        for bound in self.bounds:  # natively, where `bisect` would be a call into the interpreter
            if seconds <= bound:
                break
            cell += 1
        self.counts[cell] += 1
        self.total_s += seconds


class EndpointStats:
    """What one endpoint of one service did with our attempts: by outcome, and how long the answered ones took."""

    __slots__ = ("abandoned", "failed", "latency", "succeeded")

    def __init__(self) -> None:
        self.succeeded = self.failed = self.abandoned = 0
        self.latency = Histogram()


class ProxyStats:
    """One listener's totals."""

    def __init__(self) -> None:
        self.connections = 0
        self.connections_accepted = 0
        self.in_flight = 0
        self.requests = 0
        self.retries = 0
        self.hedges = 0
        self.tunnels = 0
        self.tunnels_open = 0
        self.tunnel_bytes_sent = 0  # to the destination
        self.tunnel_bytes_received = 0
        self.redirected: Counter[str] = Counter()  # connections by what was found in them
        self.refusals: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.ignored_signals: Counter[str] = Counter()
        self.statuses: dict[int, int] = {}
        self.overhead = Histogram(OVERHEAD_BUCKETS_S)
        self.endpoints: dict[tuple[str, str], EndpointStats] = {}

    @property
    def requests_in_flight(self) -> int:
        """Without pipes, which may stay open for days and keep nobody busy."""
        return max(0, self.in_flight - self.tunnels_open)

    def answered(self, status: int) -> None:
        """One more response with this status; 0: none was sent."""
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def of(self, service: str, address: str) -> EndpointStats:
        """Counters of an endpoint, made when first needed."""
        try:
            return self.endpoints[service, address]
        except KeyError:
            stats = self.endpoints[service, address] = EndpointStats()
            return stats

    def keep_only(self, service: str, addresses: set[str]) -> None:
        """Drop every other endpoint of a service whose addresses others choose."""
        self.forget(service, {a for name, a in self.endpoints if name == service and a not in addresses})

    def forget(self, service: str, addresses: set[str]) -> None:
        """Endpoints that left a service take their series with them."""
        for key in [key for key in self.endpoints if key[0] == service and key[1] in addresses]:
            del self.endpoints[key]
