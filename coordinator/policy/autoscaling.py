"""Other owners of a pod's size: HPAs and VPAs as values, read from objects that may say anything. Pure.

What cannot be read counts as owning (`flaw` says why): where the target is readable its pods, else all of the
namespace. Sources: k8s.io/api/autoscaling/v2/types.go, autoscaler/vertical-pod-autoscaler/pkg/apis/…/v1/types.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Object = dict[str, Any]

ANY: Final = ("*", "*")
"""A target that cannot be read: every workload of the namespace."""
NOBODY: Final = ("", "")
"""No target at all: a VPA without one does nothing."""
IDLE_MODES: Final = frozenset(("Off", "Initial"))
"""A VPA that only recommends, or sets what pods are created with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hpa:
    """A HorizontalPodAutoscaler. `containers`: whose requests it divides by; `*`: those of the whole pod."""

    namespace: str
    name: str
    target: tuple[str, str]
    """(kind, name)"""
    containers: frozenset[str] = frozenset()
    flaw: str = ""

    def divides_by(self, container: str) -> bool:
        """Whether the requests of this container are part of its utilisation."""
        return bool(self.containers & {"*", container})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpa:
    """A VerticalPodAutoscaler. `controls`: what it sets per container; `*`: of those not named."""

    namespace: str
    name: str
    target: tuple[str, str]
    mode: str = "Recreate"
    controls: Mapping[str, frozenset[str]] = field(default_factory=dict)
    flaw: str = ""

    def sets(self, container: str) -> frozenset[str]:
        """`cpu`, `memory`: what it changes in pods that run; nothing in the modes Off and Initial."""
        if self.mode in IDLE_MODES:
            return frozenset()
        return self.controls.get(container, self.controls.get("*", BOTH))


BOTH: Final = frozenset(("cpu", "memory"))


def hpa(found: Object) -> Hpa:
    """Never raises: what cannot be read counts as CPU utilisation of the whole pod."""
    namespace, name = _identity(found)
    try:
        spec = _object(found.get("spec"), "spec")
        target = _target(spec.get("scaleTargetRef"), "spec.scaleTargetRef")
    except (TypeError, ValueError) as flaw:
        return Hpa(namespace=namespace, name=name, target=ANY, containers=frozenset("*"), flaw=str(flaw))
    try:
        metrics = _list(spec.get("metrics"), "spec.metrics")
        # Without metrics the API server sets 80 % of the CPU requests.
        containers = frozenset(map(_divisor, metrics)) - {""} if metrics else frozenset("*")
    except (TypeError, ValueError) as flaw:
        return Hpa(namespace=namespace, name=name, target=target, containers=frozenset("*"), flaw=str(flaw))
    return Hpa(namespace=namespace, name=name, target=target, containers=containers)


def vpa(found: Object) -> Vpa:
    """Never raises: what cannot be read counts as setting everything."""
    namespace, name = _identity(found)
    try:
        spec = _object(found.get("spec"), "spec")
        reference = spec.get("targetRef")
        target = NOBODY if reference is None else _target(reference, "spec.targetRef")
    except (TypeError, ValueError) as flaw:
        return Vpa(namespace=namespace, name=name, target=ANY, flaw=str(flaw))
    try:
        mode = _text(_object(spec.get("updatePolicy"), "spec.updatePolicy").get("updateMode"), "updateMode")
        policy = _object(spec.get("resourcePolicy"), "spec.resourcePolicy")
        policies = _list(policy.get("containerPolicies"), "spec.resourcePolicy.containerPolicies")
        controls = dict(map(_controls, policies))
    except (TypeError, ValueError) as flaw:
        return Vpa(namespace=namespace, name=name, target=target, flaw=str(flaw))
    return Vpa(namespace=namespace, name=name, target=target, mode=mode or "Recreate", controls=controls)


def _divisor(metric: object) -> str:
    """Whose requests a metric divides by: a container, `*` for the pod; empty for none."""
    given = _object(metric, "a metric")
    kind = _text(given.get("type"), "a metric's type")
    if kind not in ("Resource", "ContainerResource"):
        return ""
    member = "resource" if kind == "Resource" else "containerResource"
    source = _object(given.get(member), f"a metric's {member}")
    goal = _object(source.get("target"), f"{member}.target")
    if _text(goal.get("type"), f"{member}.target.type") != "Utilization":
        return ""
    if kind == "Resource":
        return "*"
    return _text(source.get("container"), f"{member}.container") or "*"


def _controls(policy: object) -> tuple[str, frozenset[str]]:
    """Container name and what is set there."""
    given = _object(policy, "a container policy")
    name = _text(given.get("containerName"), "containerName") or "*"
    if _text(given.get("mode"), "mode") == "Off":
        return name, frozenset()
    resources = given.get("controlledResources")
    if resources is None:
        return name, BOTH
    return name, frozenset(
        _text(each, "controlledResources") for each in _list(resources, "controlledResources")
    )


def _identity(found: Object) -> tuple[str, str]:
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _target(given: object, what: str) -> tuple[str, str]:
    reference = _object(given, what)
    kind, name = _text(reference.get("kind"), f"{what}.kind"), _text(reference.get("name"), f"{what}.name")
    if not (kind and name):
        raise ValueError(f"{what}: no kind or no name")
    return kind, name


def _object(given: object, what: str) -> Object:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise TypeError(f"{what}: not an object")
    return given


def _list(given: object, what: str) -> list[Any]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise TypeError(f"{what}: not a list")
    return given


def _text(given: object, what: str) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise TypeError(f"{what}: not a text")
    return given
