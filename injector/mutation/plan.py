"""What one pod gets: the installation's template with the pod's own settings over it, and what is wrong with those."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from injector.mutation import annotations, loopback, resources
from injector.mutation.annotations import Reading
from injector.template import Template
from sidecar import contract
from sidecar.kube import owners

Json = dict[str, Any]

RESTRICTED: Final = "restricted"
"""Flag: the pod's namespace enforces Pod Security baseline or restricted."""
_NO_NET_ADMIN: Final = (
    "the namespace enforces Pod Security baseline or restricted, which refuses the NET_ADMIN that takes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decided, not yet done."""

    values: Mapping[str, str]
    """The pod's own settings, by name."""
    intercept: bool
    native: bool
    image: str
    resources: Mapping[str, Mapping[str, str]]
    """requests and limits of everything we add."""
    mistakes: tuple[str, ...]
    warnings: tuple[str, ...]


def make(pod: Json, flags: frozenset[str], template: Template) -> Plan:
    """Never raises: mistakes are part of the plan, and a plan with mistakes must not be carried out."""
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    reading = annotations.read(metadata.get("annotations") or {})
    restricted = RESTRICTED in flags
    intercept = reading.values.get("intercept", "none" if restricted else "iptables") == "iptables"
    native = reading.values.get("native-sidecar", str(template.native).lower()) == "true"
    if restricted and intercept:
        reading.mistakes.append(f"{reading.keys['intercept']}='iptables': {_NO_NET_ADMIN}; allowed: none")
    if restricted and "intercept" not in reading.values:
        reading.warnings.append(f"interception is off: {_NO_NET_ADMIN}")
    if not native and (owners.controller(metadata) or {}).get("kind") == "Job":
        reading.warnings.append(
            "an ordinary sidecar container does not end by itself: the Job completes only after "
            f"POST http://127.0.0.1:{contract.ADMIN_PORT}/quitquitquit"
        )
    _check_hook(reading, spec, intercept=intercept)
    return Plan(
        values=reading.values,
        intercept=intercept,
        native=native,
        image=reading.values.get("proxy-image", template.image),
        resources=_resources(reading, template, guaranteed=resources.is_guaranteed(spec)),
        mistakes=tuple(reading.mistakes),
        warnings=tuple(reading.warnings),
    )


def _check_hook(reading: Reading, spec: Json, *, intercept: bool) -> None:
    """Signals reach only processes the sidecar can see and that run as its user, who is never intercepted."""
    hook = reading.values.get("memory-hook", "")
    if not hook.startswith(loopback.SIGNAL):
        return
    needs = []
    if spec.get("shareProcessNamespace") is not True:
        needs.append("shareProcessNamespace: true")
    if contract.PROXY_UID not in [user(spec, each) for each in spec.get("containers") or ()]:
        needs.append(f"a container with runAsUser: {contract.PROXY_UID}")
    if intercept:
        needs.append(f"{contract.ANNOTATION_PREFIX}intercept: none")
    if needs:
        reading.mistakes.append(
            f"{reading.keys['memory-hook']}={hook!r}: the sidecar may signal only processes of its own user, in a pod "
            f"that shares them; allowed: with {', '.join(needs)}; or an http://127.0.0.1 hook"
        )


def user(spec: Json, container: Json) -> int | None:
    """The user a container is told to run as; None leaves it to the image."""
    for holder in (container, spec):
        chosen = (holder.get("securityContext") or {}).get("runAsUser")
        if chosen is not None:
            return int(chosen)
    return None


def _resources(reading: Reading, template: Template, *, guaranteed: bool) -> dict[str, dict[str, str]]:
    """Each field by itself: one annotation never erases the other three defaults."""
    chosen: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for name in resources.NAMES:
        low, high = f"proxy-{name}-request", f"proxy-{name}-limit"
        request = reading.values.get(low, getattr(template.resources, f"{name}_request"))
        limit = reading.values.get(high, getattr(template.resources, f"{name}_limit"))
        if guaranteed:
            request = limit = _fixed(reading, low, high, limit)
        elif (resources.amount(request) or 0) > (resources.amount(limit) or 0):
            reading.mistakes.append(_reversed(reading, low, high, request, limit))
        chosen["requests"][name], chosen["limits"][name] = request, limit
    return chosen


def _fixed(reading: Reading, low: str, high: str, limit: str) -> str:
    """In a Guaranteed pod both are the same: what the pod says, else the usual limit."""
    values = reading.values
    if low in values and high in values and resources.amount(values[low]) != resources.amount(values[high]):
        reading.warnings.append(
            f"{reading.keys[low]}={values[low]!r} is raised to the limit of {values[high]}: the pod is Guaranteed"
        )
    return limit if high in values else values.get(low, limit)


def _reversed(reading: Reading, low: str, high: str, request: str, limit: str) -> str:
    key_low, key_high = contract.ANNOTATION_PREFIX + low, contract.ANNOTATION_PREFIX + high
    if low in reading.values:
        return f"{key_low}={request!r}: above the limit; allowed: at most {limit}, or a larger {key_high}"
    return f"{key_high}={limit!r}: below the request; allowed: at least {request}, or a smaller {key_low}"
