"""A discovery file's text into a snapshot, and two snapshots into the events between them. Pure.

The format is users'. Reading it is strict: what is misspelt here would otherwise show up
as traffic that goes nowhere, so every mistake is named at once, with what is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import orjson

from sidecar.discovery import markup, reading
from sidecar.discovery.reading import Parser, Reader
from sidecar.errors import DiscoveryError
from sidecar.parsing import ParseError
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged, Event

Service = tuple[str, int]
"""Host in lower case, port."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one file says."""

    services: Mapping[Service, tuple[Endpoint, ...]] = field(default_factory=dict)
    callers: tuple[Caller, ...] = ()


def parse(text: str, path: str) -> Snapshot:
    """Raise DiscoveryError, naming `path` and *all* mistakes, when the text is anything but a snapshot."""
    try:
        plain = orjson.loads(text) if text.lstrip().startswith("{") else markup.load_yaml(text)
    except ParseError as error:
        raise DiscoveryError(f"{path}: {error}") from None
    except orjson.JSONDecodeError as error:
        raise DiscoveryError(f"{path}: not JSON: {error}; allowed: JSON, or YAML") from None
    reader = Reader("the file", strict=True)
    snapshot = _snapshot(reader, plain)
    if reader.mistakes:
        lines = "\n  ".join(reader.mistakes)
        raise DiscoveryError(f"{path}: {len(reader.mistakes)} mistake(s)\n  {lines}")
    return snapshot


def diff(old: Snapshot, new: Snapshot) -> list[Event]:
    """The fewest events that turn `old` into `new`; services in the file's order, removed ones after them."""
    events: list[Event] = [
        EndpointsChanged(*service, endpoints)
        for service, endpoints in new.services.items()
        if old.services.get(service) != endpoints
    ]
    events += [EndpointsChanged(*service, None) for service in old.services if service not in new.services]
    if old.callers != new.callers:
        events.append(CallersChanged(new.callers))
    return events


def _snapshot(reader: Reader, plain: object) -> Snapshot:
    top = reader.mapping("", plain, {"services": reading.listed, "callers": reading.listed})
    services: dict[Service, tuple[Endpoint, ...]] = {}
    for number, item in enumerate(top.get("services", ())):
        where = f"services[{number}]"
        values = reader.mapping(where, item, _SERVICE, "host", "port", "endpoints")
        endpoints = reader.endpoints(where, values.get("endpoints"))
        if "host" in values and "port" in values:
            reader.unique(where, (values["host"], values["port"]), services, endpoints)
    return Snapshot(services, reader.callers(top.get("callers")))


_SERVICE: Mapping[str, Parser] = {
    "host": partial(reading.worded, reading.hostname),
    "port": reading.port,
    "endpoints": reading.listed,
}
