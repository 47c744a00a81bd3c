"""Services, their slices and who is behind them, joined into the table. Pure.

Nothing is joined that has not changed: an event costs what it touches.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from coordinator.feed import entry
from coordinator.feed.entry import Said
from coordinator.feed.people import People
from coordinator.feed.table import Table
from coordinator.kube.identities import Identity
from sidecar.kube.names import Key
from sidecar.kube.slices import Service, Slice

Piece = tuple[Key, Key, Slice]
"""Of a slice: namespace and name, its Service, what it says."""


class World:
    """Of the cluster."""

    def __init__(self, table: Table, people: People) -> None:
        self._table = table
        self._people = people
        self._zones: Mapping[str, str] = {}
        self._services: dict[Key, Service] = {}
        self._slices: dict[Key, dict[str, Slice]] = {}  # by Service and name
        self._owners: dict[Key, Key] = {}  # of a slice, its Service
        self._ports: dict[Key, set[int]] = {}  # of a Service, those that have ever been told
        self._addresses: dict[Key, set[str]] = {}  # of a Service's endpoints
        self._at: dict[str, set[Key]] = {}  # the same the other way round
        self._workloads: dict[Key, set[str]] = {}  # of a Service's endpoints
        self._behind: dict[str, set[Key]] = {}  # the same the other way round
        self._moved = False

    def __repr__(self) -> str:
        return f"World({len(self._services)} services, {len(self._owners)} slices)"

    def moved(self) -> bool:
        """Whether, since this was asked last, some workload has come to stand behind a Service, or stands no more."""
        moved, self._moved = self._moved, False
        return moved

    def services(self, workload: str) -> Collection[Key]:
        """Which a workload stands behind, at any port."""
        return self._behind.get(workload, ())

    # -- what watches find

    def services_are(self, found: dict[Key, Service]) -> None:
        """All of them."""
        touched = self._services.keys() | found.keys()
        self._services = found
        self._join(touched)

    def service_is(self, key: Key, service: Service | None) -> None:
        """One of them; None: it is no more."""
        if service is None:
            self._services.pop(key, None)
        else:
            self._services[key] = service
        self._join((key,))

    def slices_are(self, found: Iterable[Piece]) -> None:
        """All of them."""
        touched = set(self._slices)
        self._slices, self._owners = {}, {}
        for key, owner, piece in found:
            self._own(key, owner, piece)
        self._join(touched | self._slices.keys())

    def slice_is(self, key: Key, owner: Key | None, piece: Slice | None) -> None:
        """One of them; None: it is no more, or no Service's."""
        before = self._owners.pop(key, None)
        if before is not None:
            del self._slices[before][key[1]]
        if owner is not None and piece is not None:
            self._own(key, owner, piece)
        self._join({each for each in (before, owner) if each is not None})

    def people_are(self, changed: Iterable[Identity]) -> None:
        """Somebody is not who, or where, he was."""
        self._join({key for each in changed for ip in each.ips for key in self._at.get(ip, ())})

    def zones_are(self, zones: Mapping[str, str]) -> None:
        """Of nodes. What most nodes say most of the time is about something else."""
        if zones != self._zones:
            self._zones = zones
            self._join(set(self._services))

    def _own(self, key: Key, owner: Key, piece: Slice) -> None:
        self._owners[key] = owner
        self._slices.setdefault(owner, {})[key[1]] = piece

    # -- joining

    def _join(self, touched: Iterable[Key]) -> None:
        for key in touched:
            if not self._slices.get(key, True):
                del self._slices[key]
            pieces = self._slices.get(key, {}).values() if key in self._services else ()
            _note(self._addresses, self._at, key, {each.ip for piece in pieces for each in piece.members})
            workloads = set()
            for said in self._said(key):
                self._table.put((said["host"], said["port"]), said)
                workloads |= {each["workload"] for each in said["endpoints"] or () if "workload" in each}
            self._moved |= _note(self._workloads, self._behind, key, workloads)

    def _said(self, key: Key) -> list[Said]:
        """Of every port it has, and of those it had."""
        service, pieces = self._services.get(key), list(self._slices.get(key, {}).values())
        ports = {port.number: port for port in (service.ports if service is not None else ())}
        known = self._ports.setdefault(key, set())
        gone = [entry.nothing((entry.host(key), number)) for number in known - ports.keys()]
        known.clear()
        known.update(ports)
        if not known:
            del self._ports[key]
        if service is None:
            return gone
        said = partial(entry.say, key, service, pieces=pieces, at=self._people.at, zones=self._zones)
        return gone + [said(port=port) for port in ports.values()]


def _note(forth: dict[Key, set[str]], back: dict[str, set[Key]], key: Key, after: set[str]) -> bool:
    """That a Service has these, in both directions; whether that is news."""
    before = forth.pop(key, set())
    for each in before - after:
        back[each].discard(key)
        if not back[each]:
            del back[each]
    for each in after - before:
        back.setdefault(each, set()).add(key)
    if after:
        forth[key] = after
    return before != after
