"""Connections to endpoints: one pool an address, slots and waiting room bounded.

A pool decides who gets a connection; making and reading one is the codec's business. Connections are lent
last-in-first-out, so that the surplus grows old and is closed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from sidecar import clock, contract
from sidecar.errors import ExchangeError, Unavailable, UpstreamFraming, UpstreamReset
from sidecar.proxy.attempt import Attempt
from sidecar.proxy.limits import Limits
from sidecar.proxy.upstream import Upstream

SWEEP_S: Final = 1.0
"""How often idle connections are looked at."""

Dial = Callable[[str, "Pool"], Awaitable[Upstream]]
Ends = tuple[str, int, str]
"""Local address and port of a connection we made, and where it goes."""


class Pool:
    """One address. `active` counts attempts that hold a slot; `dialing` those without a connection yet."""

    __slots__ = (
        "_dial",
        "_loop",
        "_tasks",
        "active",
        "address",
        "dialing",
        "idle",
        "limits",
        "open",
        "ours",
        "pending",
        "retired",
    )

    def __init__(
        self, address: str, limits: Limits, loop: asyncio.AbstractEventLoop, dial: Dial, ours: set[Ends]
    ) -> None:
        self.address = address
        self.ours = ours
        self.limits = limits
        self.active = 0
        self.open = 0  # connections, idle and busy
        self.idle: deque[Upstream] = deque()
        self.dialing: deque[Attempt] = deque()
        self.pending: deque[Attempt] = deque()
        self.retired = False  # the endpoint left: finish what runs, keep nothing
        self._loop = loop
        self._dial = dial
        self._tasks: set[asyncio.Task[None]] = set()

    def acquire(self, attempt: Attempt) -> None:
        """Lend a connection now, or later; raises `Unavailable` when the waiting room is full."""
        if self.active >= self.limits.in_flight:
            if len(self.pending) >= self.limits.pending:
                raise Unavailable(
                    f"{self.address} has {self.active} requests in flight", reason=contract.OVERFLOW
                )
            self.pending.append(attempt)
            return
        self.active += 1
        attempt.has_slot = True
        idle = self.idle
        while idle and not attempt.fresh:
            upstream = idle.pop()
            if not upstream.closing and attempt.ticket.picked_at - upstream.born < self.limits.pool_age_s:
                upstream.attempt = attempt
                attempt.connected(upstream)
                return
            upstream.close()
        self.dialing.append(attempt)
        task = self._loop.create_task(self._connect(attempt if attempt.fresh else None))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, only: Attempt | None) -> None:
        """Dial once; whoever waits longest gets the connection, or the bad news."""
        try:
            upstream = await self._dial(self.address, self)
        except ExchangeError as error:
            self._refused(only, error)
        else:
            self.open += 1
            upstream.ready = True
            self._welcome(upstream, only)

    def _welcome(self, upstream: Upstream, only: Attempt | None) -> None:
        """A new connection, unless it is useless already."""
        if only is not None and only not in self.dialing:
            upstream.close()
        elif only is not None and only.tunnel and (upstream.early or not upstream.closing):
            self._offer(upstream, clock.now(), only)  # it may have spoken already, and ended
        elif upstream.closing:
            upstream.close()
            self._refused(only, UpstreamReset(f"{self.address} closed the connection at once"))
        elif upstream.early:
            upstream.close()
            self._refused(only, UpstreamFraming(f"{self.address} spoke before it was asked"))
        else:
            self._offer(upstream, clock.now(), only)

    def _refused(self, only: Attempt | None, error: ExchangeError) -> None:
        if only is None and self.dialing:
            self.dialing.popleft().lost(error)
        elif only is not None and only in self.dialing:
            self.dialing.remove(only)
            only.lost(error)

    def _offer(self, upstream: Upstream, now: float, only: Attempt | None = None) -> None:
        if self.dialing:
            attempt = self.dialing.popleft() if only is None else only
            if only is not None:
                self.dialing.remove(only)
            upstream.attempt = attempt
            attempt.connected(upstream)
        elif self.retired:
            upstream.close()
        else:
            upstream.idle_since = now
            self.idle.append(upstream)

    def release(self, attempt: Attempt, now: float, *, reusable: bool) -> None:
        """An attempt is over, wherever it was: give back its slot and its connection."""
        if not attempt.has_slot:
            if attempt in self.pending:
                self.pending.remove(attempt)
            return
        upstream, attempt.upstream = attempt.upstream, None
        self.active -= 1
        if upstream is None:
            if attempt in self.dialing:
                self.dialing.remove(attempt)
        else:
            upstream.attempt = None
            if reusable and upstream.reusable():
                self._offer(upstream, now)
            else:
                upstream.close()
        if self.pending and self.active < self.limits.in_flight:
            self.acquire(self.pending.popleft())

    def lost(self, upstream: Upstream) -> None:
        """A connection is gone."""
        self.open -= 1
        if upstream in self.idle:
            self.idle.remove(upstream)

    def sweep(self, now: float) -> None:
        """Close what has been idle too long; the oldest are at the left."""
        limit = now - (0.0 if self.retired else self.limits.pool_idle_s)
        while self.idle and self.idle[0].idle_since <= limit:
            self.idle.popleft().close()

    def retire(self) -> None:
        """The endpoint has left."""
        self.retired = True
        self.sweep(clock.now())

    @property
    def unused(self) -> bool:
        """Nothing runs and nothing is kept."""
        return not (self.active or self.open or self.pending or self._tasks)

    def close(self) -> None:
        """Shutdown."""
        self.retire()
        for task in self._tasks:
            task.cancel()

    def __repr__(self) -> str:
        return f"<Pool {self.address} active={self.active} idle={len(self.idle)} pending={len(self.pending)}>"


class Pools:
    """Pools by address, made when first used."""

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop, dial: Dial) -> None:
        self._pools: dict[str, Pool] = {}
        self.ours: set[Ends] = set()  # open connections; one that comes back to a listener is a loop
        self._limits = limits
        self._loop = loop
        self._dial = dial

    def get(self, address: str, *, piped: bool = False) -> Pool:
        """The pool of an address. `piped`: of what is carried; it takes no slots from requests."""
        key = f"{address} piped" if piped else address
        try:
            return self._pools[key]
        except KeyError:
            pool = self._pools[key] = Pool(address, self._limits, self._loop, self._dial, self.ours)
            return pool

    def keep_only(self, addresses: set[str]) -> None:
        """Retire the pools of addresses nobody names any more."""
        for pool in self._pools.values():
            pool.retired = pool.address not in addresses
        self.sweep(clock.now())

    def sweep(self, now: float) -> None:
        """Once a second: close idle connections, forget empty retired pools."""
        for address, pool in list(self._pools.items()):
            pool.sweep(now)
            if pool.retired and pool.unused:
                del self._pools[address]

    def close(self) -> None:
        """Shutdown: close everything."""
        for pool in self._pools.values():
            pool.close()

    def __iter__(self) -> Iterator[Pool]:
        return iter(self._pools.values())
