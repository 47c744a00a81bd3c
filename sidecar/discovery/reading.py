"""Plain data of others into endpoints and callers, with every mistake named at once. Pure.

Discovery files and the feed spell them alike. A file is written by people, so a field nobody knows is a misspelt
one; a feed is written by programs that may be newer than we are, so there it is no mistake.
"""

import re
import reprlib
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sidecar import parsing
from sidecar.parsing import ParseError, unfit
from sidecar.policy.endpoints import Caller, Endpoint

Parser = Callable[[Any], Any]

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")

_LARGEST = sys.float_info.max  # neither inf nor an integer that no float can hold


class Reader:
    """Walks plain data and collects mistakes; what it returns counts only when there are none."""

    def __init__(self, whole: str, *, strict: bool) -> None:
        self.mistakes: list[str] = []
        self._whole = whole
        self._strict = strict

    def callers(self, entries: object) -> tuple[Caller, ...]:
        """Who connects from where."""
        callers: dict[str, Caller] = {}
        for number, item in enumerate(entries if isinstance(entries, list) else ()):
            where = f"callers[{number}]"
            values = self.mapping(where, item, _CALLER, "address", "workload")
            if "address" in values and "workload" in values:
                caller = Caller(values.pop("address"), **values)
                self.unique(f"{where}.address", caller.ip, callers, caller)
        return tuple(callers.values())

    def endpoints(self, where: str, entries: object) -> tuple[Endpoint, ...]:
        """Of the service at `where`."""
        addresses: dict[str, Endpoint] = {}
        labels: dict[str, str] = {}
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            spot = f"{where}.endpoints[{number}]"
            plain = {"address": entry} if isinstance(entry, str) else entry
            fields = self.mapping(spot, plain, _ENDPOINT, "address")
            if "address" in fields:
                endpoint = Endpoint(**fields)
                # Metrics go by the label: two endpoints under one would be one series twice.
                if self.unique(f"{spot}.address", endpoint.address, addresses, endpoint):
                    self.unique(f"{spot}.name", endpoint.label, labels, "")
        return tuple(addresses.values())

    def mapping(
        self, where: str, plain: object, fields: Mapping[str, Parser], *required: str
    ) -> dict[str, Any]:
        """The values of those fields that are right."""
        if not isinstance(plain, dict):
            self._add(where or self._whole, plain, "not a mapping", f"a mapping with {', '.join(fields)}")
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
            elif self._strict:
                why = f"no such field{parsing.suggestion(str(key), fields)}"
                self._add(f"{dot}{key}", value, why, ", ".join(fields))
        for key in required:
            if key not in plain:
                self._add(f"{dot}{key}", None, "missing", f"{', '.join(required)} must be given")
        return values

    def unique(self, where: str, key: Any, seen: dict[Any, Any], value: object) -> bool:
        """Whether `key` was not yet in `seen`, where it now is."""
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


def listed(value: object) -> list[object]:
    """A list, of anything."""
    if not isinstance(value, list):
        raise unfit("not a list", "a list; [] for none")
    return value


def worded(parse_text: Callable[[str], Any], value: object) -> Any:
    """A text that `parse_text` takes."""
    if not isinstance(value, str):
        raise unfit("not a text", "a text, in quotes where YAML sees something else")
    return parse_text(value)


def hostname(text: str) -> str:
    """A service's host, in lower case."""
    if _HOST.fullmatch(text):
        return text.lower()
    try:
        return parsing.parse_ip(text)
    except ParseError:
        raise unfit("not a host", "a DNS name or an IP address, without port") from None


def port(value: object) -> int:
    """Of a service."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise unfit("not a port", "a whole number in 1..65535")
    return value


def _budget(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LARGEST:
        raise unfit("not a budget", "a finite number above 0")
    return float(value)


def host_port(text: str) -> str:
    """`ip:port` in its canonical spelling."""
    return parsing.format_host_port(*parsing.parse_host_port(text))


def _caller_address(text: str) -> str:
    """The IP alone: a caller's port is another one for each connection."""
    return parsing.parse_name_server(text)[0]


_WORKLOAD = partial(worded, parsing.parse_workload)
_LABEL = partial(worded, parsing.parse_label)
_ENDPOINT: Mapping[str, Parser] = {
    "address": partial(worded, host_port),
    "name": _LABEL,
    "workload": _WORKLOAD,
    "zone": _LABEL,
    "budget": _budget,
}
_CALLER: Mapping[str, Parser] = {
    "address": partial(worded, _caller_address),
    "workload": _WORKLOAD,
    "budget": _budget,
}
