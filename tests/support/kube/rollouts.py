"""Deployments: which ReplicaSets they want and how large each may be now. Pure; rules of the real controller."""

import copy
import hashlib
import json
from collections.abc import Sequence
from math import ceil, floor
from typing import Any

Object = dict[str, Any]

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", REVISION)
LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def owner(obj: Object) -> Object:
    """The reference its controller is known by."""
    metadata = obj["metadata"]
    reference = {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}
    reference |= {"name": metadata["name"], "uid": metadata["uid"]}
    return reference | {"controller": True, "blockOwnerDeletion": True}


def controlled(obj: Object, by: Object) -> bool:
    references = obj["metadata"].get("ownerReferences") or []
    return any(each.get("controller") and each["uid"] == by["metadata"]["uid"] for each in references)


def template_hash(template: Object) -> str:
    """Ten letters that change with the template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:10])


def current(deployment: Object, sets: Sequence[Object]) -> Object | None:
    """The ReplicaSet that is of the template as it is now."""
    template = deployment["spec"]["template"]
    return next((each for each in sets if _bare(each["spec"]["template"]) == template), None)


def new_set(deployment: Object) -> Object:
    """A ReplicaSet of the template, with no pods yet. The annotations of the workload go to it, as in the real
    controller, and not to the pods."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    digest = template_hash(spec["template"])
    template = copy.deepcopy(spec["template"])
    labels = template["metadata"].setdefault("labels", {})
    labels[HASH] = digest
    selector = copy.deepcopy(spec["selector"])
    selector.setdefault("matchLabels", {})[HASH] = digest
    own = {"name": f"{metadata['name']}-{digest}", "namespace": metadata["namespace"], "labels": dict(labels)}
    own |= {"annotations": copied(deployment), "ownerReferences": [owner(deployment)]}
    body = {"replicas": 0, "selector": selector, "template": template}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": own, "spec": body}


def copied(deployment: Object) -> dict[str, str]:
    """The annotations its ReplicaSet gets."""
    annotations = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in NOT_COPIED}


def revision(obj: Object) -> int:
    """Of a ReplicaSet or a Deployment; 0 when it has none yet."""
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def sizes(deployment: Object, new: Object, old: Sequence[Object]) -> dict[str, int]:
    """ReplicaSet name → replicas it should have now."""
    replicas = deployment["spec"]["replicas"]
    if deployment["spec"]["strategy"]["type"] == "Recreate":
        wanted = {each["metadata"]["name"]: 0 for each in old}
        gone = all(not (each.get("status") or {}).get("replicas") for each in old)
        return wanted | {new["metadata"]["name"]: replicas if gone else new["spec"]["replicas"]}
    surge, unavailable = _slack(deployment, replicas)
    total = sum(each["spec"]["replicas"] for each in (new, *old))
    grown = new["spec"]["replicas"] + max(0, replicas + surge - total)
    size = min(replicas, grown) if new["spec"]["replicas"] < replicas else replicas
    wanted = {new["metadata"]["name"]: size}
    return wanted | _shrunk(new, old, replicas - unavailable)


def _shrunk(new: Object, old: Sequence[Object], at_least: int) -> dict[str, int]:
    """Old ReplicaSets give up what is not available, then what is not needed for `at_least` to be available."""
    available = {each["metadata"]["name"]: _available(each) for each in (new, *old)}
    total = sum(each["spec"]["replicas"] for each in (new, *old))
    spare = total - at_least - (new["spec"]["replicas"] - available[new["metadata"]["name"]])
    wanted = {}
    for each in old:  # first those that serve nobody
        name, size = each["metadata"]["name"], each["spec"]["replicas"]
        dead = min(max(0, spare), size - available[name])
        wanted[name] = size - dead
        spare -= dead
    spare = min(spare, sum(available.values()) - at_least)
    for name, size in wanted.items():
        wanted[name] = size - min(max(0, spare), size)
        spare -= size - wanted[name]
    return wanted


def _available(replica_set: Object) -> int:
    return int(
        min(replica_set["spec"]["replicas"], (replica_set.get("status") or {}).get("availableReplicas", 0))
    )


def _slack(deployment: Object, replicas: int) -> tuple[int, int]:
    """(pods there may be more, pods there may be fewer)."""
    rolling = deployment["spec"]["strategy"]["rollingUpdate"]
    surge = _share(rolling["maxSurge"], replicas, up=True)
    unavailable = _share(rolling["maxUnavailable"], replicas, up=False)
    return surge, unavailable if surge or unavailable else 1


def _share(value: int | str, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = int(value.rstrip("%")) * of / 100
    return ceil(exact) if up else floor(exact)


def _bare(template: Object) -> Object:
    bare = copy.deepcopy(template)
    bare["metadata"].get("labels", {}).pop(HASH, None)
    return bare


def status(deployment: Object, sets: Sequence[Object], new: Object | None) -> Object:
    """What `kubectl rollout status` reads."""
    counts = {
        "replicas": _total(sets, "replicas"),
        "updatedReplicas": _total([new] if new else [], "replicas"),
        "readyReplicas": _total(sets, "readyReplicas"),
        "availableReplicas": _total(sets, "availableReplicas"),
    }
    counts["unavailableReplicas"] = max(0, deployment["spec"]["replicas"] - counts["availableReplicas"])
    told = {name: count for name, count in counts.items() if count}
    return {"observedGeneration": deployment["metadata"]["generation"]} | told


def _total(sets: Sequence[Object], name: str) -> int:
    return sum((each.get("status") or {}).get(name, 0) for each in sets)
