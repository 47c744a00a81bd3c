"""One watched name: what is known of it, what should be in force, when to ask again. Pure.

What DNS says, and what follows from it (`verdict` of `ResolutionError`, then how long the last good
endpoints outlive it):

    addresses                     they replace what was known         until their TTL, in 1..300 s
    no such name (NXDOMAIN)       None: nobody knows it               after 60 s
    no addresses (NODATA)         (): it exists, nobody serves        after 60 s
    refused (REFUSED)             None: we may not know it            after 1 h
    no answer (SERVFAIL, timeout) (): cannot tell, come back          after 1 h

A name that was never known gets its verdict at once. One that was known is kept for a while, since an answer
may be a name server's own mishap (RFC 8767, serving stale data): 60 s where DNS did answer; 1 h where it did
not, since a dead name server must not take down services that work, and endpoints that are gone are found out
by their health; not for ever, since addresses are given to other pods.
"""

from dataclasses import dataclass
from enum import Enum

from sidecar.errors import DiscoveryError
from sidecar.policy.endpoints import Endpoint

SHORTEST_S, LONGEST_S = 1.0, 300.0
"""Bounds of a TTL."""
RETRY_S = 5.0
"""After anything but addresses."""
GONE_S = 60.0
STALE_S = 3600.0
FORGET_S = 600.0
"""A service nobody asked for this long is forgotten."""
FORGET_UNKNOWN_S = 60.0
"""The same for a name without endpoints: typos and scans shall neither load DNS nor fill the table."""

Endpoints = tuple[Endpoint, ...]


class Saying(Enum):
    """What a watch says before it has anything to say."""

    NOTHING = "nothing"


class ResolutionError(DiscoveryError):
    """DNS gave no addresses."""

    def __init__(self, why: str, verdict: tuple[()] | None, *, certain: bool) -> None:
        super().__init__(why)
        self.verdict = verdict
        """What is said of a name never known: None or no endpoints, as in the table."""
        self.certain = certain
        """Whether DNS answered at all."""


@dataclass(frozen=True, slots=True)
class Found:
    """Endpoints, and how long they may be believed."""

    endpoints: Endpoints
    ttl_s: float
    by_srv: bool = False


class Watch:
    """A (host, port) somebody asked for. Times are seconds of the clock that `now` is read from."""

    def __init__(self, host: str, port: int, now: float) -> None:
        self.host = host
        self.port = port
        self.with_srv = False
        """Somebody asked without a port: SRV records, where there are any, say which."""
        self.by_srv = False
        """The endpoints that are known came from SRV records."""
        self.due_at = now
        self.answer: Endpoints | Saying | None = Saying.NOTHING
        """What should be in force."""
        self.said: Endpoints | Saying | None = Saying.NOTHING
        """What was published last."""
        self._known: Endpoints = ()
        self._asked_at = now
        self._lost_since: dict[bool, float] = {}
        self._reported = False

    def __repr__(self) -> str:
        return f"Watch({self.host}:{self.port}, {self.answer}, due_at={self.due_at:.1f})"

    def asked(self, now: float, *, with_srv: bool) -> None:
        """Somebody wants it. SRV records are asked for from the next look-up on."""
        self._asked_at = now
        self.with_srv |= with_srv

    @property
    def forgotten_at(self) -> float:
        """When it is forgotten, unless somebody asks before."""
        return self._asked_at + (FORGET_S if self._known else FORGET_UNKNOWN_S)

    def found(self, found: Found, now: float) -> None:
        """DNS gave addresses."""
        self.due_at = now + min(max(found.ttl_s, SHORTEST_S), LONGEST_S)
        self.answer = self._known = found.endpoints
        self.by_srv = found.by_srv
        self._lost_since.clear()
        self._reported = False

    def lost(self, error: ResolutionError, now: float) -> DiscoveryError | None:
        """DNS gave none. What to report, once per mishap: a name that never existed is not one."""
        self.due_at = now + RETRY_S
        since = self._lost_since.setdefault(error.certain, now)
        patience_s = GONE_S if error.certain else STALE_S
        report = self._report(error, patience_s)
        if not self._known or now - since >= patience_s:
            self._known, self.answer = (), error.verdict
        return report

    def _report(self, error: ResolutionError, patience_s: float) -> DiscoveryError | None:
        if self._reported or (error.certain and not self._known):
            return None
        self._reported = True
        kept = f"{len(self._known)} endpoint(s) are kept for {patience_s:.0f} s"
        return DiscoveryError(f"{self.host}:{self.port}: {error}; {kept if self._known else 'none is known'}")
