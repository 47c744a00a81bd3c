"""Resources of a container as the server writes them, as numbers: CPU in millicores, memory in bytes. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sidecar.policy.quantities import parse_quantity

Object = dict[str, Any]

CPU: Final = "cpu"
MEMORY: Final = "memory"
PER_UNIT: Final = {CPU: 1000, MEMORY: 1}


def number(text: object, resource: str) -> int:
    """Millicores or bytes. Raises ParseError."""
    return parse_quantity(str(text), PER_UNIT.get(resource, 1))


def cpu_text(m: int) -> str:
    """Canonical, as the server serialises: `1` and not `1000m`."""
    return str(m // 1000) if m % 1000 == 0 else f"{m}m"


def memory_text(size: int) -> str:
    """Canonical of a binary amount: the largest unit that divides it."""
    for power, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if size and size % (1 << power) == 0:
            return f"{size >> power}{unit}"
    return str(size)


def canonical(resources: Mapping[str, Any]) -> Object:
    """The same with CPU amounts written as the server writes them. Raises ParseError."""
    found: Object = {}
    for kind in ("limits", "requests"):
        if amounts := resources.get(kind):
            found[kind] = {
                name: cpu_text(number(text, name)) if name == CPU else str(text)
                for name, text in sorted(amounts.items())
                if number(text, name) is not None
            }
    return found


def of(container: Mapping[str, Any], kind: str, resource: str) -> int | None:
    """A request or limit of a container; None where it has none."""
    text = ((container.get("resources") or {}).get(kind) or {}).get(resource)
    return None if text is None else number(text, resource)


def total(containers: Iterable[Mapping[str, Any]], kind: str, resource: str) -> int:
    """Of all of them together."""
    return sum(of(each, kind, resource) or 0 for each in containers)


def quality(pod: Mapping[str, Any]) -> str:
    """Its QoS class (`ComputePodQOS`): init containers count too."""
    spec = pod["spec"]
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    asked = [
        of(each, kind, name) for each in containers for kind in ("limits", "requests") for name in PER_UNIT
    ]
    if not any(asked):
        return "BestEffort"
    full = all(
        of(each, "limits", name) and of(each, "limits", name) == of(each, "requests", name)
        for each in containers
        for name in PER_UNIT
    )
    return "Guaranteed" if full else "Burstable"
