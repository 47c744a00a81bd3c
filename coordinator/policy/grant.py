"""What a cycle decides for one pod, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from coordinator.policy.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A change to be made: `cpu_m` is a multiple of 10 and differs from what the pod has, or `memory_bytes` does."""

    subject: Subject
    cpu_m: int | None
    """None: CPU stays."""
    memory_bytes: int | None = None
    """None: memory stays."""
    reason: str

    @property
    def delta_m(self) -> int:
        """Millicores more (less: negative)."""
        return 0 if self.cpu_m is None else self.cpu_m - self.subject.cpu_m

    @property
    def sells(self) -> bool:
        """It gives CPU back: to be done first."""
        return self.delta_m < 0


@dataclass(frozen=True, slots=True)
class Held:
    """A pod that keeps what it has; `reason` is a word (`cooldown`, `stale`, `veto`, `settling` …)."""

    subject: Subject
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a pod's sidecar said to a grant."""

    answer: Literal["accepted", "vetoed", "unasked"]
    """`unasked`: there is no sidecar, and the policy allows to go on without."""
    reason: str = ""
    minimum_memory_bytes: int | None = None
    minimum_cpu_m: int | None = None
