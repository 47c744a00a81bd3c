"""One service at one port, as it is told to everybody who asks for it: one encoding for all of them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from coordinator.kube.identities import Identity
from sidecar import parsing
from sidecar.kube import slices
from sidecar.kube.names import Key
from sidecar.kube.slices import Port, Service, Slice
from sidecar.policy.endpoints import Endpoint

Said = dict[str, Any]
"""As in docs/feed.md, `services[]`."""
Place = tuple[str, int]
"""Host as `name.namespace`, port."""
PLAIN: Final = 1.0
"""A budget that need not be told."""


class Entry:
    """`changed`: the number of the change that made it what it is. `endpoints` None in `said`: it is no more."""

    __slots__ = ("_body", "changed", "former", "key", "names", "said")

    def __init__(self, place: Place) -> None:
        name, _, namespace = place[0].partition(".")
        self.key: Key = namespace, name
        """Of the Service."""
        self.said: Said = {}
        self.changed = 0
        self.names: frozenset[str] = frozenset()
        """By which it is asked for."""
        self.former: dict[str, int] = {}
        """By which it was, and the number of the change that took the name away."""
        self._body: bytes | None = None

    def __repr__(self) -> str:
        return f"Entry({self.said.get('host')}:{self.said.get('port')}, changed={self.changed})"

    @property
    def body(self) -> bytes:
        """JSON."""
        if self._body is None:
            self._body = orjson.dumps(self.said)
        return self._body

    @property
    def farewell(self) -> bytes:
        """For those who knew it by a name that it has no more: to them it is gone, unless they ask by another."""
        return orjson.dumps(nothing((self.said["host"], self.said["port"])))

    def told(self, names: Iterable[str], since: int) -> bytes | None:
        """What is new to somebody who asks by these names and knows everything up to `since`."""
        if not self.names.isdisjoint(names):
            return self.body if self.changed > since else None
        return self.farewell if any(self.former.get(name, 0) > since for name in names) else None

    def concerns(self) -> Iterable[str]:
        """Names by which its last change is waited for."""
        return (*self.names, *(name for name, lost in self.former.items() if lost == self.changed))

    @property
    def exists(self) -> bool:
        """It is a service now."""
        return self.said.get("endpoints") is not None

    def becomes(self, said: Said, number: int) -> bool:
        """Whether that is news; `number` is then that of the change."""
        if said == self.said:
            return False
        names = frozenset(names_of(said))
        for name in self.names - names:
            self.former.pop(name, None)  # to the end: the oldest comes first
            self.former[name] = number
        for name in names & self.former.keys():
            del self.former[name]
        self.names = names
        self.said, self.changed, self._body = said, number, None
        return True


def names_of(said: Said) -> list[str]:
    """By which a service is asked for; none for one that does not exist."""
    if said["endpoints"] is None:
        return []
    host, port = said["host"], said["port"]
    return [f"{host}:{port}", *([host] if said["portless"] else ()), *said["addresses"]]


def host(key: Key) -> str:
    """As it is told: `name.namespace`."""
    return f"{key[1]}.{key[0]}"


def nothing(place: Place) -> Said:
    """What is said of a service that does not exist."""
    return {"host": place[0], "port": place[1], "endpoints": None}


def say(
    key: Key,
    service: Service,
    port: Port,
    pieces: list[Slice],
    at: Callable[[str], Identity | None],
    zones: Mapping[str, str],
) -> Said:
    """What is said of one that does. `at`: who is at an address; `zones`: of nodes."""
    return {
        "host": host(key),
        "port": port.number,
        "portless": port == service.port(None),
        "addresses": list(service.addresses(port)),
        "endpoints": [_endpoint(each, at, zones) for each in slices.join(pieces, service, port)],
    }


def _endpoint(
    endpoint: Endpoint, at: Callable[[str], Identity | None], zones: Mapping[str, str]
) -> dict[str, object]:
    ip, _ = parsing.parse_host_port(endpoint.address)
    who = at(ip)
    said: dict[str, object] = {
        "address": endpoint.address,
        "name": endpoint.name,
        "zone": endpoint.zone or (zones.get(who.node, "") if who is not None else ""),
        "workload": who.workload if who is not None else "",
    }
    said = {field: value for field, value in said.items() if value}
    if who is not None and who.budget != PLAIN:
        said["budget"] = who.budget
    return said
