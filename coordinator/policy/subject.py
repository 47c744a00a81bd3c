"""A pod the market may size: what a cycle knows of it, in plain values."""

from dataclasses import dataclass
from typing import Literal

Policy = Literal["limits", "requests", "both"]
"""What a resize sets: the container's limits, its requests, or both to the same amount."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of one container; None where the object says nothing. CPU in millicores, memory in bytes."""

    cpu_request_m: int | None = None
    cpu_limit_m: int | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One opted-in pod and the container in it that is sized."""

    namespace: str
    name: str
    uid: str
    node: str
    container: str
    workload: str
    """Its owner that people know: `Deployment/bus-service`, `StatefulSet/db`; `Pod/x` for a pod without one."""
    budget: float
    floor_m: int
    cap_m: int
    policy: Policy
    spec: Amounts
    """What is asked for."""
    actual: Amounts
    """What the kubelet says it enforces (`status.containerStatuses[].resources`); equals `spec` when settled."""
    generation: int
    settled: bool
    """No resize is pending or in progress and `actual` is `spec`."""
    deferred: bool = False
    """The kubelet says `PodResizePending` with reason `Deferred`."""
    restarts: int = 0
    sidecar: str | None = None
    """`host:port` of its sidecar's admin port; None for a pod without one."""

    @property
    def key(self) -> str:
        """`namespace/name`: as people say it."""
        return f"{self.namespace}/{self.name}"

    @property
    def cpu_m(self) -> int:
        """What the market moves: the limit, or the request where the policy sets requests only. 0: there is none."""
        amount = self.spec.cpu_request_m if self.policy == "requests" else self.spec.cpu_limit_m
        return amount or 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A pod that opted in and cannot take part; `reason` is a word of docs/coordinator.md, `detail` a sentence."""

    key: str
    reason: str
    detail: str
