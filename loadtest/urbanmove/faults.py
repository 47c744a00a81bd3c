"""What can be wrong with a pod on purpose. Pure state: the server asks, the control port sets.

The original has none of this, so it never appears on the application's own port.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any


class BadFault(ValueError):
    """A field that cannot be used; the message names it and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour; every field is optional and they combine."""

    latency_ms: float = 0.0
    random_ms: float = 0.0
    """Added on top: uniform between 0 and this."""
    fraction: float = 1.0
    """Share of the requests that is affected, by whichever kind."""
    error_status: int | None = None
    error_rate: float = 1.0
    """Share of the affected requests answered with `error_status`, at once."""
    hang: bool = False
    slow_body_ms: float = 0.0
    cpu_ms: float = 0.0
    routes: tuple[str, ...] = ()
    """Path prefixes; empty means all."""

    def covers(self, path: str) -> bool:
        """Whether it applies to this path. Health checks are never affected."""
        if path.startswith("/actuator"):
            return False
        return not self.routes or path.startswith(self.routes)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one request suffers, all draws made."""

    error_status: int | None = None
    delay_s: float = 0.0
    cpu_s: float = 0.0
    hang: bool = False
    slow_body_s: float = 0.0


NOTHING = Effect()
MAX_MS = 600_000.0


def _between(low: float, high: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadFault(f"a number from {low:g} to {high:g}")
        return float(value)

    return check


def _status(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
        raise BadFault("a whole number from 400 to 599, or null")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadFault("true or false")
    return value


def _prefixes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(each, str) and each.startswith("/") for each in value
    ):
        raise BadFault("a list of path prefixes, each beginning with /")
    return tuple(value)


_milliseconds, _share = _between(0, MAX_MS), _between(0, 1)
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "latency_ms": _milliseconds,
    "random_ms": _milliseconds,
    "fraction": _share,
    "error_status": _status,
    "error_rate": _share,
    "hang": _flag,
    "slow_body_ms": _milliseconds,
    "cpu_ms": _milliseconds,
    "routes": _prefixes,
}


def parse(document: Any) -> Fault:
    """A fault from JSON. BadFault names the first bad field and what is allowed there."""
    if not isinstance(document, dict):
        raise BadFault("the body must be a JSON object")
    for name in document:
        if name not in _CHECKS:
            raise BadFault(f"{name}: no such field; allowed are {', '.join(_CHECKS)}")
    return Fault(**{name: _checked(name, value) for name, value in document.items()})


def _checked(name: str, value: Any) -> Any:
    try:
        return _CHECKS[name](value)
    except BadFault as error:
        raise BadFault(f"{name}: must be {error}") from None


def document(fault: Fault) -> dict[str, Any]:
    """The fault as JSON, every field written out."""
    return {each.name: getattr(fault, each.name) for each in fields(fault)}


class Faults:
    """The active fault, if any, and the requests it holds."""

    def __init__(self, rng: random.Random) -> None:
        self.active: Fault | None = None
        self.hanging = 0
        self._rng = rng
        self._changed = asyncio.Event()

    def replace(self, fault: Fault | None) -> None:
        """Make this the active fault; None heals. Requests that hang look again."""
        self.active = fault
        self._changed.set()
        self._changed = asyncio.Event()

    def draw(self, path: str) -> Effect:
        """What a request for this path suffers now."""
        fault = self.active
        if fault is None or not fault.covers(path) or self._rng.random() >= fault.fraction:
            return NOTHING
        if fault.error_status is not None and self._rng.random() < fault.error_rate:
            return Effect(error_status=fault.error_status)
        return Effect(
            delay_s=(fault.latency_ms + self._rng.uniform(0, fault.random_ms)) / 1000,
            cpu_s=fault.cpu_ms / 1000,
            hang=fault.hang,
            slow_body_s=fault.slow_body_ms / 1000,
        )

    async def held(self, path: str) -> None:
        """Return when no active fault makes this path hang."""
        self.hanging += 1
        try:
            while self.active is not None and self.active.hang and self.active.covers(path):
                await self._changed.wait()
        finally:
            self.hanging -= 1
