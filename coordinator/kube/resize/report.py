"""What became of a resize, for people and for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from coordinator.kube.resize.amounts import spelled, wanted_of
from coordinator.kube.resize.options import EXIT
from coordinator.policy.outcome import Outcome

_DONE: Final = {
    "unchanged": "it already has that: nothing was sent",
    "dry-run": "the server would take it; nothing is stored",
    "restarted": "",
    "": "the server took it; whether the kubelet enforces it, --wait tells",
}
_NEXT: Final = {
    "failed": "look at the pod: kubectl get pod {pod} -n {namespace} -o yaml",
    "deferred": "the request holds room on the node until it is done or set back: run it again with the old amounts",
    "lease-lost": "",
    "restart-required": "--allow-restart, if a restart of the container is acceptable",
    "guaranteed": "--policy both",
    "implied-request": "--policy both",
    "request-above-limit": "--policy both, or change the other one of the two first",
    "best-effort": "give the workload requests, and its pods are made anew",
    "rbac": "a role with verb patch on pods/resize, which pods alone does not include",
    "unauthorized": "a token that is valid",
    "no-resize": "Kubernetes 1.33, where pods/resize is on",
    "conflict": "run it again; if it happens again, another controller sizes this pod (VPA?)",
    "gone": "its workload made another: kubectl get pods -n {namespace}",
}
"""By reason, else by kind."""


def text(outcome: Outcome, pod: str, namespace: str, container: str) -> str:
    """Before and after, the patch where it was only planned, and the outcome with what to do next."""
    lines = [f"pod/{pod} in namespace {namespace}, container {container}"]
    lines += [f"  {line}" for line in _amounts(outcome)]
    if outcome.reason == "dry-run":
        lines += ["patch, as it would be sent", *(f"  {line}" for line in _patch(outcome))]
    lines += [f"{outcome.kind}{_why(outcome)}"]
    if said := _next(outcome).format(pod=pod, namespace=namespace):
        lines += [f"  → {said}"]
    return "\n".join(lines)


def machine(outcome: Outcome, pod: str, namespace: str, container: str) -> str:
    """One JSON object on one line."""
    told: dict[str, Any] = {"pod": pod, "namespace": namespace, "container": container}
    told |= asdict(outcome) | {"exit": EXIT[outcome.kind]}
    return json.dumps(told)


def _amounts(outcome: Outcome) -> Iterator[str]:
    if outcome.before is None:
        return
    before = wanted_of(outcome.before)
    after = wanted_of(outcome.after or outcome.before)
    for name in ("cpu", "memory"):
        sides = [_side(side, name, before, after) for side in ("requests", "limits")]
        yield f"{name:<7}{sides[0]:<28}{sides[1]}".rstrip()


def _side(side: str, name: str, before: dict[Any, int], after: dict[Any, int]) -> str:
    old, new = (
        spelled((side, name), each[side, name]) if (side, name) in each else "none"
        for each in (before, after)
    )
    return f"{side[:-1]} {old}" if old == new else f"{side[:-1]} {old} → {new}"


def _patch(outcome: Outcome) -> Iterator[str]:
    for operation in outcome.patch:
        yield f"{operation['op']:<8}{operation['path']} {json.dumps(operation['value'])}"


def _why(outcome: Outcome) -> str:
    if outcome.kind != "applied":
        return f" ({outcome.reason}): {outcome.message}"
    done = (
        "the kubelet enforces it, and no container was restarted"
        if outcome.confirmed
        else _DONE[outcome.reason]
    )
    return ": " + "; ".join(filter(None, (done, outcome.message)))


def _next(outcome: Outcome) -> str:
    return _NEXT.get(outcome.reason, _NEXT.get(outcome.kind, ""))
