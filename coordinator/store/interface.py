"""What coordinators share: the last reports of sidecars, the epoch of advice in force, what is said of callers.

Whoever uses a store keeps serving from memory: nothing here is asked while somebody waits for an answer. A store that
fails says so (`StoreError`) and is tried again later; what it lost, the next reports and the next epoch bring back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sidecar.errors import EquilibriumError

Reason = Literal["unreachable", "slow", "full", "refused", "unreadable", "too-large"]


class StoreError(EquilibriumError):
    """`reason`: a word for metrics; the text is for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Stored:
    """The epoch in force: `version` as sidecars know it, `body` as `coordinator.policy.advice.epoch.plain` has it."""

    version: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How `target` (a workload) sees `caller`. `at`: wall-clock seconds of when it was said; the newest counts."""

    caller: str
    target: str
    score: float
    punished: bool
    at: float


class Store(Protocol):
    """Every method may raise `StoreError`, and answers within a bounded time."""

    @property
    def shared(self) -> bool:
        """Other coordinators see what is put here."""
        ...

    async def put_reports(self, bodies: Mapping[str, bytes], ttl_s: float) -> None:
        """By sidecar: the JSON of its report. Each lives for `ttl_s`."""
        ...

    async def reports(self) -> Mapping[str, bytes]:
        """Those of all coordinators that still live."""
        ...

    async def put_epoch(self, stored: Stored, ttl_s: float) -> None:
        """All of it or nothing, in place of the last."""
        ...

    async def version(self) -> str:
        """Of the epoch in force; empty: there is none."""
        ...

    async def epoch(self) -> Stored | None:
        """The one in force."""
        ...

    async def gossip(
        self, standings: Mapping[tuple[str, str], Standing]
    ) -> Mapping[tuple[str, str], Standing]:
        """Tell what is known by (caller, target), and get what all know, the newest of each."""
        ...

    async def close(self) -> None:
        """Safe to repeat."""
        ...
