"""A discovery file's text into a snapshot, and two snapshots into the events between them. Pure.

The format is users'. Reading it is strict: what is misspelt here would otherwise show up
as traffic that goes nowhere, so every mistake is named at once, with what is allowed.
"""

import re
import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from sidecar import parsing
from sidecar.discovery import markup
from sidecar.errors import DiscoveryError
from sidecar.parsing import ParseError, unfit
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged, Event

Service = tuple[str, int]
"""Host in lower case, port."""
Parser = Callable[[Any], Any]

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")

_LARGEST = sys.float_info.max  # neither inf nor an integer that no float can hold


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
    reader = _Reader()
    snapshot = reader.snapshot(plain)
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


class _Reader:
    """Walks the plain data and collects mistakes; what it returns counts only when there are none."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []

    def snapshot(self, plain: object) -> Snapshot:
        top = self._mapping("", plain, {"services": _list, "callers": _list})
        services: dict[Service, tuple[Endpoint, ...]] = {}
        for number, item in enumerate(top.get("services", ())):
            self._service(f"services[{number}]", item, services)
        callers: dict[str, Caller] = {}
        for number, item in enumerate(top.get("callers", ())):
            where = f"callers[{number}]"
            values = self._mapping(where, item, _CALLER, "address", "workload")
            if "address" in values and "workload" in values:
                caller = Caller(values.pop("address"), **values)
                self._unique(f"{where}.address", caller.ip, callers, caller)
        return Snapshot(services, tuple(callers.values()))

    def _service(self, where: str, item: object, services: dict[Service, tuple[Endpoint, ...]]) -> None:
        values = self._mapping(where, item, _SERVICE, "host", "port", "endpoints")
        addresses: dict[str, Endpoint] = {}
        labels: dict[str, str] = {}
        for number, entry in enumerate(values.get("endpoints", ())):
            spot = f"{where}.endpoints[{number}]"
            plain = {"address": entry} if isinstance(entry, str) else entry
            fields = self._mapping(spot, plain, _ENDPOINT, "address")
            if "address" in fields:
                endpoint = Endpoint(**fields)
                # Metrics go by the label: two endpoints under one would be one series twice.
                if self._unique(f"{spot}.address", endpoint.address, addresses, endpoint):
                    self._unique(f"{spot}.name", endpoint.label, labels, "")
        if "host" in values and "port" in values:
            service = values["host"], values["port"]
            self._unique(where, service, services, tuple(addresses.values()))

    def _mapping(
        self, where: str, plain: object, fields: Mapping[str, Parser], *required: str
    ) -> dict[str, Any]:
        """The values of those fields that are right."""
        if not isinstance(plain, dict):
            self._add(where or "the file", plain, "not a mapping", f"a mapping with {', '.join(fields)}")
            return {}
        dot = f"{where}." if where else ""
        values: dict[str, Any] = {}
        for key, value in plain.items():
            if key in fields:
                try:
                    values[key] = fields[key](value)
                except ParseError as error:
                    for flaw in error.flaws:
                        self._add(f"{dot}{key}", value, flaw.why, flaw.allowed)
            else:
                why = f"no such field{parsing.suggestion(str(key), fields)}"
                self._add(f"{dot}{key}", value, why, ", ".join(fields))
        for key in required:
            if key not in plain:
                self._add(f"{dot}{key}", None, "missing", f"{', '.join(required)} must be given")
        return values

    def _unique(self, where: str, key: Any, seen: dict[Any, Any], value: object) -> bool:
        if key in seen:
            self._add(where, key, "given before", "each one once")
            return False
        seen[key] = value
        return True

    def _add(self, where: str, value: object, why: str, allowed: str) -> None:
        # reprlib: a value may be a whole file, or aliases nested to the power of ten.
        self.mistakes.append(f"{where}={_REPR.repr(value)}: {why}; allowed: {allowed}")


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlevel = 3


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise unfit("not a list", "a list; [] for none")
    return value


def _text(parse_text: Callable[[str], Any], value: object) -> Any:
    if not isinstance(value, str):
        raise unfit("not a text", "a text, in quotes where YAML sees something else")
    return parse_text(value)


def _host(text: str) -> str:
    if _HOST.fullmatch(text):
        return text.lower()
    try:
        return parsing.parse_ip(text)
    except ParseError:
        raise unfit("not a host", "a DNS name or an IP address, without port") from None


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise unfit("not a port", "a whole number in 1..65535")
    return value


def _budget(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LARGEST:
        raise unfit("not a budget", "a finite number above 0")
    return float(value)


def _address(text: str) -> str:
    return parsing.format_host_port(*parsing.parse_host_port(text))


def _caller_address(text: str) -> str:
    """The IP alone: a caller's port is another one for each connection."""
    return parsing.parse_name_server(text)[0]


_WORKLOAD = partial(_text, parsing.parse_workload)
_LABEL = partial(_text, parsing.parse_label)
_SERVICE: Mapping[str, Parser] = {"host": partial(_text, _host), "port": _port, "endpoints": _list}
_ENDPOINT: Mapping[str, Parser] = {
    "address": partial(_text, _address),
    "name": _LABEL,
    "workload": _WORKLOAD,
    "zone": _LABEL,
    "budget": _budget,
}
_CALLER: Mapping[str, Parser] = {
    "address": partial(_text, _caller_address),
    "workload": _WORKLOAD,
    "budget": _budget,
}
