"""Whether one pod is injected, left alone or refused, with the reason in a word and in a sentence.

Pure, and the same for the webhook, for workloads' pod templates and for the command line.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from injector.mutation import clashes, opt_in, plan
from injector.mutation.plan import Plan
from injector.template import Template
from sidecar import contract

Json = dict[str, Any]

NAMESPACE: Final = "namespace"
"""Flag: the pod's namespace is opted in by its label."""
SYSTEM_NAMESPACES: Final = frozenset(("kube-system", "kube-public", "kube-node-lease"))
_OURS: Final = frozenset((contract.SIDECAR_CONTAINER, contract.INIT_CONTAINER))


@dataclass(frozen=True, slots=True)
class Decision:
    """`plan` is there when it is to be carried out."""

    verdict: Literal["inject", "skip", "refuse"]
    reason: str = ""
    """A word: why it is left alone."""
    message: str = ""
    """For the owner; empty when nobody asked for anything else."""
    plan: Plan | None = None


def decide(pod: Json, namespace: str, flags: frozenset[str], template: Template) -> Decision:
    """In this order: what must never be touched, who asked for what, what is impossible, wrong, in the way."""
    metadata = pod.get("metadata") or {}
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    asked = opt_in.of_pod(annotations, labels, namespace_in=NAMESPACE in flags)
    if refusal := _untouchable(namespace, template, asked.answer):
        return refusal
    if asked.mistakes:
        return Decision("refuse", message=said(asked.mistakes))
    if asked.answer != "in":
        return Decision("skip", "opted-out" if asked.answer == "out" else "not-opted-in")
    spec = pod.get("spec") or {}
    reason, message = _impossible(annotations, spec)
    if reason:
        return Decision("skip", reason, message)
    chosen = plan.make(pod, flags, template)
    if chosen.mistakes:
        return Decision("refuse", message=said(chosen.mistakes))
    reason, message = clashes.find(spec, chosen)
    if reason:
        return Decision("skip", reason, message)
    return Decision("inject", plan=chosen)


def said(mistakes: tuple[str, ...]) -> str:
    """All of them in one message; one a line when there are several."""
    return mistakes[0] if len(mistakes) == 1 else "\n".join((f"{len(mistakes)} mistakes", *mistakes))


def _untouchable(namespace: str, template: Template, answer: str) -> Decision | None:
    if namespace == template.own_namespace:
        reason, why = "own-namespace", "the injector's own namespace"
    elif namespace in SYSTEM_NAMESPACES:
        reason, why = "system-namespace", "a namespace of the system"
    else:
        return None
    return Decision(
        "skip", reason, f"{namespace} is {why}: nothing in it is injected" if answer == "in" else ""
    )


def _impossible(annotations: dict[str, str], spec: Json) -> tuple[str, str]:
    """What no setting of ours can change."""
    present = _OURS & {
        each.get("name") for part in ("containers", "initContainers") for each in spec.get(part) or ()
    }
    if present or contract.STATUS in annotations:
        return "already-injected", _half_injected(annotations, bool(present))
    if not spec.get("containers"):
        return "no-containers", "the pod has no containers"
    system = (spec.get("os") or {}).get("name") or (spec.get("nodeSelector") or {}).get("kubernetes.io/os")
    if system == "windows":
        return "windows", "the sidecar runs on Linux only"
    if "kubernetes.io/config.mirror" in annotations:
        return (
            "mirror-pod",
            "a static pod is started from a file on its node; inject that file with equilibrium-inject",
        )
    if spec.get("hostNetwork") is True:
        return (
            "host-network",
            "the pod uses its node's network (hostNetwork), where nothing can be intercepted",
        )
    return "", ""


def _half_injected(annotations: dict[str, str], present: bool) -> str:
    """Usually a pod of which only a part was copied from one that runs."""
    if present and contract.STATUS in annotations:
        return ""
    if present:
        return (
            f"a container of the pod has our name ({contract.SIDECAR_CONTAINER} or {contract.INIT_CONTAINER})"
        )
    return (
        f"annotation {contract.STATUS} says the pod is injected, but it has no sidecar; remove the annotation"
    )
