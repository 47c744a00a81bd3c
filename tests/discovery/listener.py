"""A source that runs, and everything it said."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sidecar.discovery.source import Source
from sidecar.errors import DiscoveryError
from sidecar.policy.endpoints import CallersChanged, EndpointsChanged, Event

Service = tuple[str, int]


@dataclass
class Listener:
    """`known` is what a catalog would know now; `said` every event in turn."""

    said: list[Event] = field(default_factory=list)
    failed: list[DiscoveryError] = field(default_factory=list)
    known: dict[Service, EndpointsChanged] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, event: Event) -> None:
        self.said.append(event)
        if isinstance(event, CallersChanged):
            self.callers = {caller.ip: caller.workload for caller in event.callers}
        else:
            self.known[event.host, event.port] = event
        self._more.set()

    def fail(self, error: DiscoveryError) -> None:
        self.failed.append(error)
        self._more.set()

    def addresses(self, host: str, port: int) -> list[str] | None:
        """Of a service; None when nobody knows it, or nothing was said."""
        event = self.known.get((host, port))
        return None if event is None or event.endpoints is None else [e.address for e in event.endpoints]

    async def until(self, wanted: Callable[[], object]) -> None:
        """Until something that is said makes it so."""
        async with asyncio.timeout(60):
            while not wanted():
                self._more.clear()
                await self._more.wait()

    async def serves(self, host: str, port: int, *addresses: str) -> None:
        """Until a service has exactly these endpoints."""
        await self.until(lambda: self.addresses(host, port) == list(addresses))

    async def unknown(self, host: str, port: int) -> None:
        """Until it is said that nobody knows it."""
        await self.until(lambda: (host, port) in self.known and self.known[host, port].endpoints is None)


@asynccontextmanager
async def heard(
    make: Callable[[Callable[[DiscoveryError], None]], Source],
) -> AsyncIterator[tuple[Source, Listener]]:
    """Run a source made with `on_error`; cancelled on the way out, which it must survive in good order."""
    listener = Listener()
    source = make(listener.fail)
    task = asyncio.get_running_loop().create_task(source.run(listener.publish))
    try:
        yield source, listener
        assert not task.done(), "it runs until it is cancelled"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
