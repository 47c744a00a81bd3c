"""What became of a resize, as a value."""

from dataclasses import dataclass
from typing import Literal

from coordinator.policy.subject import Amounts

Kind = Literal[
    "applied",
    "deferred",
    "infeasible",
    "conflict",
    "forbidden",
    "unsupported",
    "superseded",
    "vetoed",
    "failed",
]
"""
applied      the server took it (and, where `confirmed`, the kubelet enforces it); nothing to change counts
deferred     the kubelet has no room yet, or is not done when time is up
infeasible   can never be, as asked: the legality table, a 422 that names a field, the node's size, kubelet `Error`
conflict     somebody wrote between our reading and our writing, time and again
forbidden    401, RBAC, quota, LimitRange, another admission
unsupported  no `pods/resize` here, an old kubelet, Windows, a static pod
superseded   the pod is gone or another, or somebody else wrote after us
vetoed       the pod's sidecar said no
failed       no answer, 429 or 5xx to the end, or the lease ran out: nothing is known, or nothing was sent
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`reason`: one word for a metric's label; `message`: for people, with the server's own words."""

    kind: Kind
    reason: str = ""
    message: str = ""
    before: Amounts | None = None
    after: Amounts | None = None
    generation: int | None = None
    """Of the pod as patched: what `observedGeneration` has to reach."""
    confirmed: bool = False
    """The kubelet said so, and no container was restarted on the way."""
    restarted: bool = False
    attempts: int = 0
    patch: tuple[dict[str, object], ...] = ()
    """As sent, or as it would be on a dry run."""
