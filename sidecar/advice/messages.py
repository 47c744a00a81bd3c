"""The messages of `POST /v1/advice` (docs/advice.md): the question, which is a report, and the answer. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sidecar.discovery import reading
from sidecar.discovery.reading import Parser, Reader
from sidecar.errors import DiscoveryError
from sidecar.parsing import Flaw, ParseError, format_host_port, unfit
from sidecar.policy import advice
from sidecar.policy.advice import Column

PATH: Final = "/v1/advice"
LARGEST_BYTES: Final = 4 * 1024 * 1024
"""Of one answer."""
MOST_SLOTS: Final = 3600
"""Of one column."""
LEAST_SLOT_MS: Final = 1000
MOST_SLOT_MS: Final = 3_600_000
LONGEST_S: Final = 300.0
"""For which a column may stay in force; more is cut: nobody vouches for older advice."""
_MOST_NUMBER: Final = 2**53
_MOST_TOLD: Final = 20

Action = dict[str, float]


@dataclass(frozen=True, slots=True)
class Advised:
    """One service's column, in the server's time."""

    epoch: int
    first_slot: int
    slot_s: float
    expires_in_s: float
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`services` is the whole of it: a service that is missing is not advised. By `host.namespace:port`."""

    version: str
    server_time: float
    services: Mapping[str, Advised]

    def columns(self, now: float) -> dict[str, Column]:
        """By our own clock, on which it is `now` as the answer arrives."""
        zero_at = now - self.server_time
        return {
            about: Column(
                advised.epoch,
                advised.first_slot,
                advised.slot_s,
                zero_at,
                advised.actions,
                now + advised.expires_in_s,
            )
            for about, advised in self.services.items()
        }


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: of this the server makes the player."""

    workload: str
    pod: str
    node: str
    zone: str

    def question(self, told: Mapping[str, object], wait_s: int, since: str | None) -> dict[str, object]:
        """The report `told`, and what is known already."""
        body: dict[str, object] = {
            "namespace": self.workload.partition("/")[0],
            "workload": self.workload,
            "pod": self.pod,
            "node": self.node,
            "zone": self.zone,
            "wait_s": wait_s,
            **told,
        }
        return body if since is None else {**body, "since": since}


def read(plain: dict[str, Any]) -> Answer:
    """Raise DiscoveryError with all mistakes; fields that are not known here are for newer sidecars."""
    reader = Reader("the answer", strict=False)
    top = reader.mapping("", plain, _ANSWER, "version", "server_time", "services")
    services: dict[str, Advised] = {}
    for number, item in enumerate(top.get("services", ())):
        _service(reader, f"services[{number}]", item, services)
    if reader.mistakes:
        lines = "\n  ".join(reader.mistakes[:_MOST_TOLD])
        raise DiscoveryError(f"{len(reader.mistakes)} mistake(s) in the advice\n  {lines}")
    return Answer(top["version"], top["server_time"], services)


def _service(reader: Reader, where: str, item: object, services: dict[str, Advised]) -> None:
    values = reader.mapping(where, item, _SERVICE, *_SERVICE)
    if _SERVICE.keys() <= values.keys():
        about = values.pop("service")
        slot_s = values.pop("slot_ms") / 1000.0
        reader.unique(f"{where}.service", about, services, Advised(slot_s=slot_s, **values))


# -- fields


def _version(text: str) -> str:
    if not text or len(text) > 256:
        raise unfit("not a version", "1 to 256 characters")
    return text


def _name(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or len(text) > 300:
        raise unfit("not a service", "host.namespace:port")
    return text


def _whole(least: int, most: int, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise unfit("not a whole number that fits", f"{least}..{most}")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_NUMBER:
        raise unfit("not a time", "seconds, a number of at least 0")
    return float(value)


def _life(value: object) -> float:
    return min(LONGEST_S, _seconds(value))


def _actions(value: object) -> tuple[Action, ...]:
    """Equal ones are kept once: there are few, and a slot a second."""
    listed = reading.listed(value)
    if len(listed) > MOST_SLOTS:
        raise unfit(f"{len(listed)} slots", f"at most {MOST_SLOTS}")
    addresses: dict[str, str] = {}
    kept: dict[tuple[tuple[str, float], ...], Action] = {}
    flaws: list[Flaw] = []
    actions = []
    for slot, item in enumerate(listed):
        try:
            action = _action(item, addresses)
        except ParseError as error:
            flaws += [Flaw(f"slot {slot} is {flaw.why}", flaw.allowed) for flaw in error.flaws]
        else:
            actions.append(kept.setdefault(tuple(action.items()), action))
    if flaws:
        raise ParseError(*flaws[:_MOST_TOLD])
    return tuple(actions)


def _action(item: object, addresses: dict[str, str]) -> Action:
    if not isinstance(item, dict) or not item:
        raise unfit("not a mapping of shares", "address: share, …")
    action = {_address(key, addresses): _share(share) for key, share in item.items()}
    wrong = advice.flaw(action)
    if wrong:
        raise unfit(wrong, "shares in 0..1 that sum to 1")
    return action


def _address(key: str, addresses: dict[str, str]) -> str:
    known = addresses.get(key)
    if known is None:
        known = addresses[key] = reading.host_port(key)
    return known


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise unfit("a share that is no number", "shares in 0..1 that sum to 1")
    return float(value)


def name(key: tuple[str, int]) -> str:
    """How a catalog's service is called here; its host is canonical already."""
    return format_host_port(*key)


_ANSWER: Mapping[str, Parser] = {
    "version": partial(reading.worded, _version),
    "server_time": _seconds,
    "services": reading.listed,
}
_SERVICE: Mapping[str, Parser] = {
    "service": partial(reading.worded, _name),
    "epoch": partial(_whole, 0, _MOST_NUMBER),
    "first_slot": partial(_whole, 0, _MOST_NUMBER),
    "slot_ms": partial(_whole, LEAST_SLOT_MS, MOST_SLOT_MS),
    "expires_in_s": _life,
    "actions": _actions,
}
