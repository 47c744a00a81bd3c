"""The feed's messages (docs/feed.md): questions out, answers in, and the book that answers make. Pure."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sidecar import parsing
from sidecar.discovery import reading
from sidecar.discovery.reading import Parser, Reader
from sidecar.errors import DiscoveryError
from sidecar.kube import names
from sidecar.parsing import unfit
from sidecar.policy.endpoints import Caller, CallersChanged, EndpointsChanged, Event

PATH: Final = "/v1/endpoints"
LARGEST_BYTES: Final = 16 * 1024 * 1024
"""Of one answer."""

Question = tuple[str, int | None]
"""Host as it is published or IP, port; None: the request named none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`full`: this is everything that was asked for; else only what has changed since."""

    version: str
    full: bool
    services: tuple[EndpointsChanged, ...]
    callers: tuple[Caller, ...] | None


def spell(question: Question, namespace: str) -> str:
    """As the server reads it: `bus.default:8080`, `bus.default`, `10.96.0.7:80`, `[fd00::7]:80`."""
    host, port = question
    key = names.service(host, namespace)
    name = host if key is None else f"{key[1]}.{key[0]}"
    return name if port is None else parsing.format_host_port(name, port)


def questions(event: EndpointsChanged) -> set[Question]:
    """Those that a service is the answer to."""
    answered: set[Question] = {(event.host, event.port)}
    if event.portless:
        answered.add((event.host, None))
    return answered | {parsing.parse_host_port(address) for address in event.addresses}


def read(plain: dict[str, Any], namespace: str) -> Answer:
    """Raise DiscoveryError with all mistakes; fields that are not known here are for newer sidecars."""
    reader = Reader("the answer", strict=False)
    top = reader.mapping("", plain, _ANSWER, "version", "full")
    services = tuple(
        event
        for number, item in enumerate(top.get("services", ()))
        for event in _service(reader, f"services[{number}]", item, namespace)
    )
    callers = reader.callers(top["callers"]) if top.get("callers") is not None else None
    if reader.mistakes:
        lines = "\n  ".join(reader.mistakes[:20])
        raise DiscoveryError(f"{len(reader.mistakes)} mistake(s) in the answer\n  {lines}")
    return Answer(top["version"], top["full"], services, callers)


def _service(reader: Reader, where: str, item: object, namespace: str) -> Iterable[EndpointsChanged]:
    values = reader.mapping(where, item, _SERVICE, "host", "port", "endpoints")
    listed = values.get("endpoints")
    endpoints = reader.endpoints(where, listed) if listed is not None else None
    if not {"host", "port", "endpoints"} <= values.keys():
        return
    key = names.service(values["host"], namespace)
    host = values["host"] if key is None else names.host(key, namespace)
    addresses = tuple(values.get("addresses", ()))
    port: int = values["port"]
    yield EndpointsChanged(host, port, endpoints, addresses, values.get("portless", port == 80))


class Book:
    """What is known by the answers so far, of what was asked for."""

    def __init__(self) -> None:
        self.version: str | None = None
        self._services: dict[tuple[str, int], EndpointsChanged] = {}
        self._callers: tuple[Caller, ...] = ()
        self._index: dict[Question, EndpointsChanged] = {}

    def __repr__(self) -> str:
        return f"Book(version={self.version!r}, {len(self._services)} services)"

    def take(self, answer: Answer, asked: Set[Question]) -> list[Event]:
        """What an answer changes; services nobody asked for are ignored."""
        if not answer.full and self.version is None:
            raise DiscoveryError(
                "the answer has changes, where everything was asked for; allowed: full: true"
            )
        after = {} if answer.full else dict(self._services)
        for event in answer.services:
            if questions(event) & asked or (event.host, event.port) in self._services:
                after[event.host, event.port] = event
        events = self._replace(after)
        callers = () if answer.full and answer.callers is None else answer.callers
        if callers is not None and callers != self._callers:
            self._callers = callers
            events.append(CallersChanged(callers))
        self.version = answer.version
        return events

    def keep(self, asked: Set[Question]) -> list[Event]:
        """Forget what nobody asks for any more."""
        return self._replace({k: event for k, event in self._services.items() if questions(event) & asked})

    def look_up(self, question: Question) -> EndpointsChanged:
        """The answer to a question; without endpoints when nobody knows."""
        host, port = question
        return self._index.get(question) or EndpointsChanged(host, port or 80, None)

    def _replace(self, after: Mapping[tuple[str, int], EndpointsChanged]) -> list[Event]:
        before = self._services
        self._services = {key: event for key, event in after.items() if event.endpoints is not None}
        self._index = {each: event for event in self._services.values() for each in questions(event)}
        events: list[Event] = [event for key, event in self._services.items() if before.get(key) != event]
        events += [EndpointsChanged(*key, None) for key in before if key not in self._services]
        return events


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise unfit("not a truth value", "true or false")
    return value


def _version(text: str) -> str:
    if not text or len(text) > 256:
        raise unfit("not a version", "1 to 256 characters")
    return text


def _maybe_listed(value: object) -> list[object] | None:
    return None if value is None else reading.listed(value)


def _addresses(value: object) -> list[str]:
    return [reading.worded(reading.host_port, each) for each in reading.listed(value)]


_ANSWER: Mapping[str, Parser] = {
    "version": partial(reading.worded, _version),
    "full": _switch,
    "services": reading.listed,
    "callers": _maybe_listed,
}
_SERVICE: Mapping[str, Parser] = {
    "host": partial(reading.worded, reading.hostname),
    "port": reading.port,
    "endpoints": _maybe_listed,
    "addresses": _addresses,
    "portless": _switch,
}
