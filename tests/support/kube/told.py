"""What a kubelet tells of a pod's containers and conditions, read and written; the pod is changed in place."""

from collections.abc import Iterator
from typing import Any

from tests.support.kube.quantities import value
from tests.support.kube.strategies import stamp

Object = dict[str, Any]


def pairs(pod: Object) -> Iterator[tuple[Object, Object]]:
    """The containers that run, each with what its status says."""
    status, spec = pod["status"], pod["spec"]
    every = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    told = {each["name"]: each for each in every if "resources" in each}
    for container in (*spec["containers"], *(spec.get("initContainers") or [])):
        if container["name"] in told:
            yield container, told[container["name"]]


def below(pod: Object, usage: int) -> str:
    """What of its lower memory limits is below what is used; nothing when all is well."""
    limits = [(each, *_memory_limits(each, told)) for each, told in pairs(pod)]
    said = []
    new, old = sum(new or 0 for _, new, _ in limits), sum(old or 0 for _, _, old in limits)
    if all(new is not None for _, new, _ in limits) and new < min(old, usage):
        said.append(f"attempting to set pod memory limit ({new}) below current usage ({usage})")
    for container, limit, before in limits:
        if limit is not None and before is not None and limit < min(before, usage):
            what = f'attempting to set container "{container["name"]}" memory limit ({limit})'
            said.append(f"{what} below current usage ({usage})")
    listed = f"[{', '.join(said)}]" if len(said) > 1 else "".join(said)
    return f"cannot decrease memory limits: {listed}" if said else ""


def _memory_limits(container: Object, told: Object) -> tuple[int | None, int | None]:
    """As asked for, and as it is."""
    limits = [
        (each.get("limits") or {}).get("memory") for each in (container["resources"], told["resources"])
    ]
    new, old = (None if each is None else int(value(each)) for each in limits)
    return new, old


def restarts(container: Object, new: Object, old: Object) -> bool:
    restarting = {
        each["resourceName"]
        for each in container.get("resizePolicy") or []
        if each.get("restartPolicy") == "RestartContainer"
    }
    return any(
        (new.get(side) or {}).get(name) != (old.get(side) or {}).get(name)
        for side in ("limits", "requests")
        for name in restarting
    )


def condition(pod: Object, kind: str) -> Object | None:
    return next((each for each in pod["status"].get("conditions") or [] if each["type"] == kind), None)


def add(pod: Object, kind: str, reason: str = "", message: str = "") -> None:
    """First of the conditions; the time it began stays, and one that says what it said is left alone."""
    before = condition(pod, kind) or {}
    if before and (before.get("reason", ""), before.get("message", "")) == (reason, message):
        return
    now = stamp()
    new = {"type": kind, "status": "True", "lastProbeTime": now}
    new["lastTransitionTime"] = before.get("lastTransitionTime", now)
    if "observedGeneration" in pod["status"]:
        new["observedGeneration"] = pod["status"]["observedGeneration"]
    new |= {"reason": reason} if reason else {}
    new |= {"message": message} if message else {}
    drop(pod, kind)
    pod["status"]["conditions"] = [new, *(pod["status"].get("conditions") or [])]


def drop(pod: Object, *kinds: str) -> None:
    found = pod["status"].get("conditions") or []
    pod["status"]["conditions"] = [each for each in found if each["type"] not in kinds]
