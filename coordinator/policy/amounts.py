"""What containers ask for and what the kubelet enforces, as numbers (shared/reference/kubernetes.md §3.4).

The kubelet rounds: a CPU limit up to 10m, because the systemd driver does (runc#4622), and the least it enforces is
10m of a limit and 2m of a request. So what is asked for and what is enforced are compared after the same rounding.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from coordinator.policy.subject import Amounts
from sidecar.parsing import ParseError, unfit
from sidecar.policy import quantities

Object = dict[str, Any]
QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]

STEP_M: Final = 10
LEAST_LIMIT_M: Final = 10
LEAST_REQUEST_M: Final = 2


def parse(resources: Mapping[str, Any] | None) -> Amounts:
    """From `resources` of a container, or of its status. Raises ParseError, naming field and value."""
    resources = resources or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    return Amounts(
        cpu_request_m=_quantity(requests, "requests", "cpu", 1000),
        cpu_limit_m=_quantity(limits, "limits", "cpu", 1000),
        memory_request_bytes=_quantity(requests, "requests", "memory", 1),
        memory_limit_bytes=_quantity(limits, "limits", "memory", 1),
    )


def cpu_request_m(container: Mapping[str, Any]) -> int:
    """Millicores; 0 where it asks for none. Raises ParseError."""
    return _quantity((container.get("resources") or {}).get("requests") or {}, "requests", "cpu", 1000) or 0


def rounded_up(amount_m: int) -> int:
    """To the kubelet's step."""
    return -(-amount_m // STEP_M) * STEP_M


def enforced(spec: Amounts, actual: Amounts) -> bool:
    """Whether the kubelet enforces what is asked for, as far as it says."""
    return (
        _limit(spec.cpu_limit_m) == _limit(actual.cpu_limit_m)
        and _request(spec.cpu_request_m) == _request(actual.cpu_request_m)
        and spec.memory_limit_bytes == actual.memory_limit_bytes
    )


def qos_class(spec: Mapping[str, Any]) -> QosClass:
    """As Kubernetes computes it (pkg/apis/core/v1/helper/qos): init containers, and so native sidecars, count.

    Raises ParseError.
    """
    every = [
        parse(container.get("resources"))
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    ]
    if not any(_asks(amounts) for amounts in every):
        return "BestEffort"
    return "Guaranteed" if all(_exact(amounts) for amounts in every) else "Burstable"


def _asks(amounts: Amounts) -> bool:
    fields = (
        amounts.cpu_request_m,
        amounts.cpu_limit_m,
        amounts.memory_request_bytes,
        amounts.memory_limit_bytes,
    )
    return any(fields)


def _exact(amounts: Amounts) -> bool:
    cpu, memory = amounts.cpu_limit_m, amounts.memory_limit_bytes
    # what has a limit and no request gets the limit as its request
    return (
        bool(cpu)
        and bool(memory)
        and amounts.cpu_request_m in (cpu, None)
        and amounts.memory_request_bytes in (memory, None)
    )


def _limit(amount_m: int | None) -> int | None:
    return None if amount_m is None else max(LEAST_LIMIT_M, rounded_up(amount_m))


def _request(amount_m: int | None) -> int:
    return max(LEAST_REQUEST_M, amount_m or 0)


def _quantity(amounts: Mapping[str, Any], kind: str, name: str, per_unit: int) -> int | None:
    value = amounts.get(name)
    if value is None:
        return None
    try:
        return quantities.parse_quantity(str(value), per_unit)
    except ParseError as error:
        flaw = error.flaws[0]
        raise unfit(f"{kind}.{name}={str(value)[:60]!r}: {flaw.why}", flaw.allowed) from None
