"""Who calls whom, so that a workload is told who its callers are, and of nobody else. Pure.

A pod of a workload that asks for a service is a caller of every workload behind that service: the feed knows who asks
for what, and remembers it, so that the next pod of that workload is known before it sends anything. Telling every pod
to every sidecar would be a thousand times a thousand; while the mesh is small it is cheaper, and then it is done, since
it also knows those who have not asked yet.
"""

from collections.abc import Callable, Iterable
from typing import Final

import orjson

from coordinator.feed.entry import PLAIN
from coordinator.feed.people import People
from coordinator.feed.table import Table
from coordinator.kube.identities import Identity
from sidecar.kube.names import Key

SMALL: Final = 200
"""Pods with a sidecar up to which everybody is told of all of them."""
REMEMBER_S: Final = 3600.0
"""Who asked for a service is a caller of it for so long after."""
IDLE_S: Final = 600.0
"""A workload none of whose sidecars has asked anything for so long is not kept up to date."""
MOST_ASKERS: Final = 1000
"""Workloads remembered of one service."""
MOST_CALLERS: Final = 5000
"""Addresses told to one workload."""
MOST_GROUPS: Final = 10_000
"""Workloads kept up to date; of more, whoever asked longest ago is told everything again when he asks."""


Made = dict[frozenset[str] | None, bytes]


class Group:
    """What one workload is told."""

    __slots__ = ("asked_at", "body", "changed")

    def __init__(self, asked_at: float) -> None:
        self.body = b""
        self.changed = 0
        self.asked_at = asked_at


class Audience:
    """`services`: which a workload stands behind."""

    def __init__(
        self, table: Table, people: People, services: Callable[[str], Iterable[Key]], small: int = SMALL
    ) -> None:
        self._table = table
        self._people = people
        self._services = services
        self._small = small
        self._askers: dict[Key, dict[str, float]] = {}  # of a Service: workloads, and when they asked last
        self._groups: dict[str, Group] = {}  # who asked last is the last
        self._made: Made = {}  # since the last change: workloads with the same callers share one text
        self.stale = True
        """`news` has something to work out."""

    def __repr__(self) -> str:
        return f"Audience({len(self._groups)} workloads, {len(self._askers)} services asked for)"

    def asked(self, workload: str, services: Iterable[Key], now: float) -> None:
        """A sidecar of it wants these."""
        for key in services:
            askers = self._askers.setdefault(key, {})
            if workload not in askers:
                if len(askers) >= MOST_ASKERS:
                    continue
                self.stale = True
            askers[workload] = now

    def touch(self) -> None:
        """Somebody came, left or moved, or serves what he did not."""
        self.stale = True

    def group(self, workload: str, now: float) -> Group:
        """What it is told now."""
        found = self._groups.pop(workload, None)
        if found is None:
            found = Group(now)
            self._renew(workload, found)
        self._groups[workload] = found
        if len(self._groups) > MOST_GROUPS:
            del self._groups[next(iter(self._groups))]
        found.asked_at = now
        return found

    def news(self) -> list[str]:
        """Workloads whose callers have changed since this was asked last."""
        if not self.stale:
            return []
        self.stale = False
        self._made = {}
        return [name for name, group in self._groups.items() if self._renew(name, group)]

    def forget(self, now: float) -> None:
        """What is too long ago."""
        for key, askers in list(self._askers.items()):
            for workload in [each for each, at in askers.items() if now - at > REMEMBER_S]:
                del askers[workload]
                self.stale = True
            if not askers:
                del self._askers[key]
        for workload in [name for name, group in self._groups.items() if now - group.asked_at > IDLE_S]:
            del self._groups[workload]

    # -- working out

    def _renew(self, workload: str, group: Group) -> bool:
        callers = self._callers(workload)
        made = self._made if not self.stale else {}
        if callers not in made:
            made[callers] = self._encoded(callers)
        if made[callers] == group.body:
            group.body = made[callers]
            return False
        group.body, group.changed = made[callers], self._table.next()
        return True

    def _callers(self, workload: str) -> frozenset[str] | None:
        """Workloads that call it; None: everybody may."""
        if self._people.size <= self._small:
            return None
        return frozenset(asker for key in self._services(workload) for asker in self._askers.get(key, ()))

    def _encoded(self, callers: frozenset[str] | None) -> bytes:
        pods = self._people.everybody() if callers is None else self._people.of(callers)
        ips = sorted({ip for pod in pods for ip in pod.ips})[:MOST_CALLERS]
        return orjson.dumps([said for ip in ips if (said := _said(ip, self._people.at(ip)))])


def _said(ip: str, who: Identity | None) -> dict[str, object]:
    """Empty where nobody knows who it is."""
    if who is None:
        return {}
    said: dict[str, object] = {"address": ip, "workload": who.workload}
    return said if who.budget == PLAIN else said | {"budget": who.budget}
