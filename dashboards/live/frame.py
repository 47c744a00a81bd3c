"""One frame of the live page: everything it shows at one instant, as values. Pure.

`plain` makes JSON of it that can be merged (`delta`): objects in objects, no null anywhere (what is not known is not
there), numbers of four significant digits, so that what did not visibly change is not sent again. Times are seconds,
CPU is millicores, shares are fractions of 1. docs/live.md says what each number means to a reader.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

SCHEMA: Final = 1
"""Goes up when a page of the version before would show a frame wrongly."""

Plain = dict[str, Any]
_NAMES: Final[dict[type[Any], tuple[str, ...]]] = {}
Tone = Literal["plain", "good", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one caller makes of one endpoint of a service."""

    share: float | None = None
    """Of the caller's requests of the last seconds."""
    mix: float | None = None
    """The probability it draws the endpoint with."""
    regret: float | None = None
    cost_s: float | None = None
    latency_s: float | None = None
    """Mean."""
    load: float | None = None
    """In flight there, of this caller."""
    health: str | None = None
    """`admitted`, `probing` or `ejected`."""
    advised: float | None = None
    """The part of its requests the coordinator's advice gives the endpoint now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One caller of one service: a sidecar."""

    node: str | None = None
    rate_per_s: float | None = None
    gap: float | None = None
    nash: int | None = None
    """1 at equilibrium, 0 not; None: too few requests to say."""
    lyapunov: float | None = None
    potential: float | None = None
    p99_s: float | None = None
    obeys: bool | None = None
    """None: it has no advice."""
    conditional_regret: float | None = None
    why: str | None = None
    """Why it does, or does not, follow the advice."""
    silent_s: float | None = None
    """How long nothing has been heard of it; None while it speaks."""
    cells: Mapping[str, Cell] = field(default_factory=dict)
    """By the endpoint's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """What was worked out for one service, as the coordinator certifies it."""

    epoch: int
    gap: float | None = None
    """The most a caller would gain by not obeying, relative to the mean cost."""
    welfare_ratio: float | None = None
    """Total cost of the advice over the lowest total cost found."""
    players: int | None = None
    infeasible: str | None = None
    """Why there is no advice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Callers × endpoints."""

    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Address → the name people know."""
    rows: Mapping[str, Row] = field(default_factory=dict)
    """By the caller's name."""
    advice: Advised | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one pod thinks of one caller."""

    target: str
    caller: str
    score: float
    punished: bool = False
    level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod in its node's market."""

    container: str | None = None
    demand: float | None = None
    demand_from: str | None = None
    budget: float | None = None
    bid: float | None = None
    usage_m: float | None = None
    has_m: int | None = None
    gets_m: int | None = None
    floor_m: int | None = None
    cap_m: int | None = None
    throttled: float | None = None
    verdict: str | None = None
    """`grant`, `held`, `vetoed`, `left alone`, or what became of a resize (`applied`, `deferred` …)."""
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One market."""

    capacity_m: int | None = None
    price: float | None = None
    """None also where it is infinite: then `scarce`."""
    left_m: int | None = None
    scarce: bool | None = None
    """The floors alone take everything."""
    idle: bool | None = None
    pods: Mapping[str, Pod] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The last cycle."""

    cycle: int
    at: float
    """Unix seconds: when it began."""
    idle: str | None = None
    """Why nothing was written."""
    potential: float | None = None
    fairness: float | None = None
    seconds: float | None = None
    nodes: Mapping[str, Node] = field(default_factory=dict)
    potentials: Sequence[float] = ()
    """Of the last cycles, the oldest first."""
    failures: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, with its reason."""

    at: float
    """Unix seconds."""
    kind: str
    text: str
    who: str | None = None
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who says all this."""

    kind: Literal["coordinator", "demo", "mesh"]
    name: str
    every_s: float
    """How often a frame comes: a page that hears nothing for much longer says so."""
    note: str | None = None
    """What is going on: the chapter being played, who leads."""
    problem: str | None = None
    """Why something is missing."""
    tolerance: float | None = None
    """The gap up to which it counts as equilibrium."""
    obedience: float | None = None
    """The conditional regret up to which advice is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """All of it. `events`: by number, which only goes up."""

    at: float
    """Unix seconds."""
    source: Source
    services: Mapping[str, Service] = field(default_factory=dict)
    reputations: Mapping[str, Standing] = field(default_factory=dict)
    """By `target caller`."""
    market: Market | None = None
    events: Mapping[str, Event] = field(default_factory=dict)
    schema: int = SCHEMA


def plain(frame: Frame) -> Plain:
    """JSON of a frame, ready for `delta`."""
    return _object(frame)


def _object(value: Any) -> Plain:
    found: Plain = {}
    for name in _names(type(value)):
        each = getattr(value, name)
        if _known(each):
            found[name] = round(each, 3) if name == "at" else _plain(each)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items() if _known(each)}
    if isinstance(value, Sequence):
        return [_plain(each) for each in value if _known(each)]
    return _object(value)


def _names(kind: type[Any]) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(each.name for each in fields(kind))
    return names


def _known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def significant(value: float) -> float:
    """Four significant digits: what a reader can see of a number, and no flicker beyond."""
    return float(f"{value:.4g}")
