"""What the coordinator serves beside its market: rooms, each with its routes, tasks, metrics and place in `/state`."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from prometheus_client.registry import Collector

Task = Callable[[], Coroutine[None, None, None]]


class Room(Protocol):
    """Built with the program, run only where it serves (not with `--once`)."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Of the plain port."""
        ...

    def tasks(self) -> Mapping[str, Task]:
        """By name; run until cancelled, and begun again when they fail. The program owns them."""
        ...

    def collectors(self) -> Iterable[Collector]:
        """Of its metrics."""
        ...

    def state(self) -> dict[str, object]:
        """Under its name in `/state`: plain values."""
        ...

    async def close(self) -> None:
        """End what its tasks do not own. Safe to repeat."""
        ...
