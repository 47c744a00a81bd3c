"""What the server, or we, would refuse: known before anybody is asked.

`ValidatePodResize` and its surroundings (k8s.io/kubernetes/pkg/apis/core/validation), and what would be done but is not
what was asked for: a container restarted, a request nobody gave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coordinator.kube.resize import pods, quality
from coordinator.kube.resize.amounts import Change, Key, Wanted, spelled, value_of, wanted_of
from coordinator.kube.resize.pods import Place
from coordinator.policy.outcome import Kind, Outcome
from coordinator.policy.subject import Policy
from sidecar.kube.bodies import Object

MIRROR: Final = "kubernetes.io/config.mirror"
"""The annotation of the image of a static pod, which only a file on its node can change."""
NO_MEMORY_DECREASE: Final = 33
"""The minor version whose server took no lower memory limit; before it there is no resize, after it there is."""


@dataclass(frozen=True, slots=True)
class Case:
    """One container of a pod and what it is to get. `minor`: of the server's version 1.x, where it matters."""

    pod: Object
    place: Place
    wanted: Wanted
    allow_restart: bool = False
    minor: int | None = None

    @property
    def changed(self) -> Wanted:
        """What differs from what is there."""
        here = wanted_of(self.place.amounts)
        return {key: value for key, value in self.wanted.items() if here.get(key) != value}

    @property
    def resulting(self) -> Wanted:
        """Of the container."""
        return wanted_of(self.place.amounts) | self.wanted


def legality(
    pod: Object,
    container: str,
    change: Change,
    policy: Policy,
    *,
    allow_restart: bool = False,
    minor: int | None = None,
) -> Outcome | None:
    """Why this change can not be made, or None. `minor`: of the server's version, 33 for 1.33."""
    place = pods.find(pod, container)
    if (refused := standing(pod, container, place)) is not None or place is None:
        return refused
    return verdict(Case(pod, place, change.wanted(policy), allow_restart, minor))


def standing(pod: Object, container: str, place: Place | None) -> Outcome | None:
    """Why nothing of this container can be resized, whatever is asked for."""
    name = pods.metadata(pod).get("name")
    if word := pods.leaving(pod):
        return refusal("superseded", word, f"pod {name} is {word}: there is nothing left to resize")
    if MIRROR in pods.table(pods.metadata(pod).get("annotations")):
        return refusal(
            "unsupported", "static-pod", "static pods cannot be resized: their file on the node can"
        )
    spec = pods.table(pod.get("spec"))
    if pods.table(spec.get("os")).get("name") == "windows":
        return refusal("unsupported", "windows", "windows pods cannot be resized")
    if place is None:
        named = ", ".join(str(each.container.get("name")) for each in pods.containers(pod))
        return refusal("infeasible", "unknown-container", f"no container {container!r}; there is: {named}")
    if place.list == "initContainers" and place.container.get("restartPolicy") != pods.NATIVE:
        said = f"{container} is an init container that ends: only native sidecars are resized"
        return refusal("infeasible", "init-container", said)
    return _old_kubelet(pod)


def verdict(case: Case) -> Outcome | None:
    """The first rule that is broken; None when none is, and when nothing would change."""
    if not case.changed:
        return None
    return next(filter(None, (rule(case) for rule in _RULES)), None)


def refusal(kind: Kind, reason: str, message: str) -> Outcome:
    """Nothing was sent."""
    return Outcome(kind=kind, reason=reason, message=message)


def _old_kubelet(pod: Object) -> Outcome | None:
    """As the server finds out: by what is said of the first container that runs."""
    listed = pods.tables(pods.table(pod.get("status")).get("containerStatuses"))
    running = next((each for each in listed if pods.table(each.get("state")).get("running")), None)
    if running is None or running.get("resources") is not None:
        return None
    return refusal("unsupported", "old-kubelet", "pod running on node without support for resize")


def _best_effort(case: Case) -> Outcome | None:
    if quality.current(case.pod) != "BestEffort":
        return None
    said = "a BestEffort pod has no cpu or memory to resize, and giving it some would change its QoS class"
    return refusal("infeasible", "best-effort", said)


def _implied_request(case: Case) -> Outcome | None:
    """`SetDefaults_Pod` makes a limit its own request where there is none."""
    for (side, name), value in case.changed.items():
        if side == "limits" and case.resulting.get(("requests", name)) is None:
            said = f"the container has no {name} request, and a limit of {spelled((side, name), value)} would add "
            said += "one of the same amount; policy both says so"
            return refusal("infeasible", "implied-request", said)
    return None


def _request_above_limit(case: Case) -> Outcome | None:
    for name in ("cpu", "memory"):
        request, limit = (case.resulting.get((side, name)) for side in ("requests", "limits"))
        if request is not None and limit is not None and request > limit:
            said = f"a {name} request of {spelled(('requests', name), request)} would be above the limit of "
            said += spelled(("limits", name), limit)
            return refusal("infeasible", "request-above-limit", said)
    return None


def _same_quality(case: Case) -> Outcome | None:
    before, after = quality.current(case.pod), quality.resulting(case.pod, case.place, case.wanted)
    if before == after:
        return None
    if before == "Guaranteed":
        said = "requests and limits of a Guaranteed pod stay equal: only policy both keeps its QoS class"
        return refusal("infeasible", "guaranteed", said)
    said = f"the pod is {before} and would become {after}, and its QoS class may not change"
    return refusal("infeasible", f"becomes-{after.lower()}", said)


def _restart(case: Case) -> Outcome | None:
    policies = {
        each.get("resourceName"): each.get("restartPolicy")
        for each in pods.tables(case.place.container.get("resizePolicy"))
    }
    for _, name in case.changed:
        if policies.get(name) == "RestartContainer" and not case.allow_restart:
            said = f"its resizePolicy restarts the container when {name} changes: allow_restart permits that"
            return refusal("infeasible", "restart-required", said)
    return None


def _memory_decrease(case: Case) -> Outcome | None:
    key: Key = ("limits", "memory")
    before = value_of(case.place.resources, key)
    lower = key in case.changed and before is not None and case.changed[key] < before
    restarts = any(
        each == {"resourceName": "memory", "restartPolicy": "RestartContainer"}
        for each in pods.tables(case.place.container.get("resizePolicy"))
    )
    if not lower or restarts or case.minor != NO_MEMORY_DECREASE:
        return None
    said = "servers of version 1.33 lower no memory limit unless resizePolicy is RestartContainer"
    return refusal("infeasible", "memory-decrease", said)


_RULES: Final[tuple[Callable[[Case], Outcome | None], ...]] = (
    _best_effort,
    _implied_request,
    _request_above_limit,
    _same_quality,
    _restart,
    _memory_decrease,
)
