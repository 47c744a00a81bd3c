"""What one call asks for, and on what terms it may be sent."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final

from coordinator.kube.resize.amounts import Wanted
from coordinator.policy.subject import Amounts
from sidecar import clock

Guard = Callable[[], float]
"""Seconds for which we may still write, by the monotonic clock; 0 or less: no more."""
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
Sleep = Callable[[float], Awaitable[None]]


def unguarded() -> float:
    """For whoever writes alone."""
    return inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """The pod a decision was made on; where there is another, or other amounts, nothing is sent."""

    uid: str | None = None
    amounts: Amounts | None = None
    """Of its container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`wanted` of one container of one pod."""

    namespace: str
    pod: str
    container: str
    wanted: Wanted
    expect: Expect = Expect()
    dry_run: bool = False
    allow_restart: bool = False
    field_manager: str

    @property
    def path(self) -> str:
        """Of the pod; its collection is the part before the last slash."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}"

    @property
    def unnamed(self) -> str | None:
        """What is no name, and would make another path; None if both are."""
        return next((name for name in (self.namespace, self.pod) if not _NAME.fullmatch(name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The lease, and the world as tests replace it."""

    guard: Guard = unguarded
    rng: random.Random = field(default_factory=random.Random)
    sleep: Sleep = asyncio.sleep
    now: Callable[[], float] = clock.now
