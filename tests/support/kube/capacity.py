"""Admission that counts: whether a pod fits its node, its namespace's LimitRanges and its quotas."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.support.kube.quantities import canonical, value
from tests.support.kube.resources import by_kind
from tests.support.kube.status import Refusal, forbidden
from tests.support.kube.store import Store

Object = dict[str, Any]

UNITS = {"cpu": 1000, "memory": 1}
"""What messages count in: millicores, bytes."""
IN_THE_API = 36
"""The minor version of the first server that looks at the node itself; before, its kubelet did."""


def total(pod: Object, side: str = "requests") -> dict[str, Decimal]:
    """Of a pod's containers and native sidecars; cores and bytes."""
    spec = pod["spec"]
    sidecars = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    found: dict[str, Decimal] = {}
    for container in (*spec["containers"], *sidecars):
        for name, amount in (container["resources"].get(side) or {}).items():
            found[name] = found.get(name, Decimal(0)) + value(amount)
    return found


def admit_resize(store: Store, pod: Object, before: Object, minor: int) -> None:
    """403 in the words of whichever plug-in refuses; nothing is counted where nothing changes."""
    if pod["spec"] == before["spec"]:
        return
    if (said := next(_out_of_range(store, pod), "")) or (said := next(_over_quota(store, pod, before), "")):
        raise forbidden(by_kind("Pod"), pod["metadata"]["name"], said)
    if minor >= IN_THE_API and "nodeName" in pod["spec"]:
        _fits_node(store, pod)


def _fits_node(store: Store, pod: Object) -> None:
    """`PodResizeValidator`."""
    name = pod["spec"]["nodeName"]
    node = store.get((by_kind("Node"), "", name))
    if node is None:
        raise forbidden(by_kind("Pod"), pod["metadata"]["name"], f'node "{name}" not found')
    wanted, there = total(pod), node["status"].get("allocatable") or {}
    lacking = [
        f"{each}, requested: {wanted[each] * unit:.0f}, allocatable: {value(there[each]) * unit:.0f}"
        for each, unit in UNITS.items()
        if each in wanted and each in there and wanted[each] > value(there[each])
    ]
    if lacking:
        said = f"node didn't have enough allocatable resources: {'; '.join(lacking)}"
        refusal = forbidden(by_kind("Pod"), pod["metadata"]["name"], said)
        details = refusal.body["details"] | {"causes": [{"reason": "NodeCapacity"}]}
        raise Refusal(403, "Forbidden", refusal.message, details)


def _out_of_range(store: Store, pod: Object) -> Iterator[str]:
    for limit_range in store.all(by_kind("LimitRange"), pod["metadata"]["namespace"]):
        for item in limit_range["spec"].get("limits") or []:
            if item["type"] == "Container":
                for container in pod["spec"]["containers"]:
                    yield from _container(item, container["resources"])


def _container(item: Object, resources: Object) -> Iterator[str]:
    """The server's own messages, one for each rule."""
    requests, limits = (resources.get(side) or {} for side in ("requests", "limits"))
    for name, least in (item.get("min") or {}).items():
        if name not in requests:
            yield f"minimum {name} usage per Container is {canonical(least)}.  No request is specified"
        elif value(requests[name]) < value(least):
            yield f"minimum {name} usage per Container is {canonical(least)}, but request is {requests[name]}"
    for name, most in (item.get("max") or {}).items():
        if name not in limits:
            yield f"maximum {name} usage per Container is {canonical(most)}.  No limit is specified"
        elif value(limits[name]) > value(most):
            yield f"maximum {name} usage per Container is {canonical(most)}, but limit is {limits[name]}"
    for name, ratio in (item.get("maxLimitRequestRatio") or {}).items():
        if name in limits and value(requests.get(name, 0)) > 0:
            given = value(limits[name]) / value(requests[name])
            if given > value(ratio):
                said = f"{name} max limit to request ratio per Container is {canonical(ratio)}"
                yield f"{said}, but provided ratio is {given:.6f}"


def _over_quota(store: Store, pod: Object, before: Object) -> Iterator[str]:
    for quota in store.all(by_kind("ResourceQuota"), pod["metadata"]["namespace"]):
        hard: Object = quota["spec"].get("hard") or {}
        used = (quota.get("status") or {}).get("used") or {}
        added, over = {}, []
        for field in hard:
            side, _, name = field.rpartition(".")
            side = side or "requests"
            more = total(pod, side).get(name, 0) - total(before, side).get(name, 0)
            taken = value(used.get(field, 0))
            if side in ("requests", "limits") and more > 0 and taken + more > value(hard[field]):
                added[field] = canonical(f"{more:f}")
                over.append(field)
        if over:
            said = ", ".join(f"{field}={added[field]}" for field in over)
            there = ", ".join(f"{field}={used.get(field, '0')}" for field in over)
            most = ", ".join(f"{field}={hard[field]}" for field in over)
            name = quota["metadata"]["name"]
            yield f"exceeded quota: {name}, requested: {said}, used: {there}, limited: {most}"
