"""What is kept of an object: of a thousand pods only what is decided upon, megabytes instead of tens of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from coordinator.kube import identities
from coordinator.policy import amounts, pods, wishes
from sidecar import annotations as sizes
from sidecar import contract
from sidecar.parsing import ParseError

Object = dict[str, Any]

_NAMES: Final = ("name", "namespace", "resourceVersion")
_META: Final = ("name", "namespace", "uid", "resourceVersion", "generation", "deletionTimestamp")
_SPEC: Final = ("nodeName", "os", "resources", "overhead", "restartPolicy", "resourceClaims")
_CONTAINER: Final = ("name", "resources", "resizePolicy", "restartPolicy")
_STATUS: Final = ("phase", "podIP", "qosClass", "observedGeneration")
_TOLD: Final = ("name", "resources", "allocatedResources", "restartCount", "state")
_CONDITIONS: Final = frozenset(("PodResizePending", "PodResizeInProgress"))
_ANNOTATIONS: Final = frozenset(
    (
        sizes.RESIZE,
        sizes.RESIZE_POLICY,
        sizes.ENABLED_ALIAS,
        *sizes.ALIASES,
        *sizes.ALIASES.values(),
        pods.DEFAULT_CONTAINER,
        pods.MIRROR,
        contract.STATUS,
    )
)
ZONE: Final = "topology.kubernetes.io/zone"
_ENDED: Final = frozenset(("Succeeded", "Failed"))


@dataclass(frozen=True, slots=True)
class Other:
    """A pod that is not in the market: what it takes from its node."""

    node: str
    request_m: int


def pod(found: Object) -> Object:
    """An opted-in pod reduced; any other as `{"metadata": …, "other": Other}`. Either with its `identity`."""
    who = identities.read(found)
    meta = found.get("metadata") or {}
    if not wishes.opted_in(meta.get("annotations") or {}):
        return {"metadata": _picked(meta, _NAMES), "other": other(found), "identity": who}
    identity = _picked(meta, _META)
    annotations = {k: v for k, v in (meta.get("annotations") or {}).items() if k in _wanted(meta)}
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k == contract.INJECTED}
    owners = [owner for owner in meta.get("ownerReferences") or () if owner.get("controller")]
    resizes = [entry for entry in meta.get("managedFields") or () if entry.get("subresource") == "resize"]
    identity |= {"annotations": annotations, "labels": labels, "ownerReferences": owners}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": identity | {"managedFields": resizes},
        "spec": _spec(found.get("spec") or {}),
        "status": _status(found.get("status") or {}),
        "identity": who,
    }


def _wanted(meta: Mapping[str, Any]) -> frozenset[str]:
    """Any annotation of ours may be a switch somebody reads: all short ones of our prefix stay."""
    ours = (name for name in meta.get("annotations") or () if name.startswith(contract.ANNOTATION_PREFIX))
    return _ANNOTATIONS | frozenset(ours)


def _spec(spec: Object) -> Object:
    kept = _picked(spec, _SPEC)
    for group in ("containers", "initContainers"):
        if spec.get(group):
            kept[group] = [_picked(each, _CONTAINER) for each in spec[group]]
    return kept


def _status(status: Object) -> Object:
    kept = _picked(status, _STATUS)
    kept["conditions"] = [each for each in status.get("conditions") or () if each.get("type") in _CONDITIONS]
    for group in ("containerStatuses", "initContainerStatuses"):
        if status.get(group):
            kept[group] = [_picked(each, _TOLD) for each in status[group]]
    return kept


def _picked(found: Mapping[str, Any], names: Iterable[str]) -> Object:
    return {name: found[name] for name in names if name in found}


def other(found: Object) -> Other:
    """Unreadable requests count as none: the API server lets none in."""
    spec, status = found.get("spec") or {}, found.get("status") or {}
    try:
        taken_m = 0 if status.get("phase") in _ENDED else request_m(found)
    except (ParseError, AttributeError, TypeError, KeyError):
        taken_m = 0
    return Other(str(spec.get("nodeName") or ""), taken_m)


def request_m(found: Object, without: str = "") -> int:
    """CPU a pod reserves on its node, as the scheduler counts it (KEP-753, KEP-1287), but for one container.

    What is larger counts, the request or what the kubelet has allocated: a decrease under way still holds the rest.
    """
    spec, status = found.get("spec") or {}, found.get("status") or {}
    allocated = {
        each.get("name"): amounts.cpu_request_m({"resources": {"requests": each.get("allocatedResources")}})
        for group in ("containerStatuses", "initContainerStatuses")
        for each in status.get(group) or ()
    }

    def asks_m(container: Object) -> int:
        if container["name"] == without:
            return 0
        return max(amounts.cpu_request_m(container), allocated.get(container["name"], 0))

    sidecars_m = start_m = 0
    for container in spec.get("initContainers") or ():
        asked_m = asks_m(container)
        if container.get("restartPolicy") == "Always":
            sidecars_m += asked_m
        start_m = max(start_m, sidecars_m + (0 if container.get("restartPolicy") == "Always" else asked_m))
    running_m = sidecars_m + sum(map(asks_m, spec.get("containers") or ()))
    # Init containers that have ended count too: the scheduler keeps their room, and a restart needs it.
    overhead_m = amounts.cpu_request_m({"resources": {"requests": spec.get("overhead")}})
    pod_m = amounts.cpu_request_m(spec)  # as a pod (KEP-2837): at least what its containers ask for
    return max(running_m, start_m, pod_m) + overhead_m


def node(found: Object) -> Object:
    """Name, what pods may have of it, and its zone ("" where none is given)."""
    meta, status = found.get("metadata") or {}, found.get("status") or {}
    cpu = (status.get("allocatable") or {}).get("cpu")
    zone = (meta.get("labels") or {}).get(ZONE) or ""
    return {"metadata": _picked(meta, ("name", "resourceVersion")), "allocatable": cpu, "zone": zone}


def replica_set(found: Object) -> Object:
    """Name and who controls it."""
    meta = found.get("metadata") or {}
    owners = [owner for owner in meta.get("ownerReferences") or () if owner.get("controller")]
    kept = _picked(meta, _NAMES)
    return {"metadata": kept | {"ownerReferences": owners}}


def limit_range(found: Object) -> Object:
    """The rows for containers."""
    meta, spec = found.get("metadata") or {}, found.get("spec") or {}
    rows = [row for row in spec.get("limits") or () if row.get("type") == "Container"]
    return {"metadata": _picked(meta, _NAMES), "rows": rows}
