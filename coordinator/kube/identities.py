"""Who a pod is to others: its addresses, its workload as its sidecar calls itself, what its requests are worth.

Pure.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sidecar import annotations as sizes
from sidecar import contract, parsing
from sidecar.kube import owners
from sidecar.parsing import ParseError

Object = dict[str, Any]

_WORKLOAD: Final = f"{contract.ENV_PREFIX}WORKLOAD"
_ENDED: Final = frozenset(("Succeeded", "Failed"))


@dataclass(frozen=True, slots=True)
class Identity:
    """`ips`: none where they are not the pod's own (host network), not there yet, or somebody else's soon."""

    ips: tuple[str, ...]
    workload: str
    budget: float
    node: str
    mesh: bool
    """It has a sidecar."""


def read(pod: Object) -> Identity:
    """Of a pod as the API server has it. Nonsense reads as if it were not there."""
    meta, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
    annotations, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    ours = [each for each in _containers(spec) if each.get("name") == contract.SIDECAR_CONTAINER]
    namespace = str(meta.get("namespace") or "")
    return Identity(
        tuple(_ips(spec, status)),
        sys.intern(_called(ours, namespace) or _worded(owners.workload(meta, namespace))),
        _budget(annotations),
        sys.intern(str(spec.get("nodeName") or "")),
        bool(ours) or labels.get(contract.INJECTED) == "true",
    )


def _containers(spec: Object) -> Iterator[Object]:
    yield from spec.get("containers") or ()
    yield from spec.get("initContainers") or ()


def _ips(spec: Object, status: Object) -> Iterator[str]:
    """On the host's network an address says which node, not which pod; an ended pod's is free for the next."""
    if spec.get("hostNetwork") or status.get("phase") in _ENDED:
        return
    told = [each.get("ip") for each in status.get("podIPs") or ()] or [status.get("podIP")]
    for ip in told:
        try:
            yield parsing.parse_ip(ip or "")
        except ParseError:
            continue


def _called(sidecars: list[Object], namespace: str) -> str:
    """What its sidecar is told that it is; a pod cannot call itself one of another namespace."""
    for container in sidecars:
        for variable in container.get("env") or ():
            said = str(variable.get("value") or "")
            if variable.get("name") == _WORKLOAD and said.startswith(f"{namespace}/"):
                return _worded(said)
    return ""


def _worded(workload: str) -> str:
    try:
        return parsing.parse_workload(workload)
    except ParseError:
        return ""


def _budget(annotations: Mapping[str, str]) -> float:
    try:
        return float(sizes.parse_budget(sizes.lookup(annotations, sizes.BUDGET)[1] or "1"))
    except ParseError:
        return 1.0
