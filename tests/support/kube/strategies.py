"""What the server decides about an object itself: identity, generation, addresses, who may write which part."""

import copy
import random
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sidecar import clock
from tests.support.kube import defaults, intree
from tests.support.kube.quantities import qos_class
from tests.support.kube.resources import Resource, Target
from tests.support.kube.status import bad_request, conflict, invalid

Object = dict[str, Any]

NO_GENERATION = (
    *("Service", "Lease", "Secret", "ConfigMap", "Namespace", "Node", "ServiceAccount", "Event", "Endpoints"),
    *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "LimitRange", "ResourceQuota"),
)
"""Kinds whose metadata carry no generation."""
CONDITIONAL = ("Lease", "PodDisruptionBudget", "MutatingWebhookConfiguration")
"""Kinds that are replaced only by somebody who says which version they saw."""
OWN = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Metadata no client sets."""
KEPT = (*OWN, "managedFields")
"""Metadata an update does not change."""


def stamp() -> str:
    """Now, as objects say it."""
    return datetime.fromtimestamp(clock.wall_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def prepare_create(target: Target, obj: Object, rng: random.Random, taken: Iterable[str]) -> None:
    """Identity, and a status as the server has it for new ones; in place, after admission."""
    resource, metadata = target.resource, obj["metadata"]
    if not metadata.get("name"):
        metadata["name"] = metadata["generateName"] + intree.suffix(rng)
    for name in (*KEPT, "resourceVersion"):
        metadata.pop(name, None)
    metadata |= {"uid": str(uuid.UUID(int=rng.getrandbits(128), version=4)), "creationTimestamp": stamp()}
    if resource.kind not in NO_GENERATION:
        metadata["generation"] = 1
    defaults.empty_status(resource, obj)
    if resource.kind == "Pod":
        obj["status"] |= {"phase": "Pending", "qosClass": qos_class(obj["spec"])}
    elif resource.kind == "Namespace":
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
        obj.setdefault("spec", {})["finalizers"] = ["kubernetes"]
        obj["status"] = {"phase": "Active"}
    elif resource.kind == "Service":
        _address(obj["spec"], rng, set(taken))


def _address(spec: Object, rng: random.Random, taken: set[str]) -> None:
    """A free cluster IP, unless it brings one, is headless, or is a name for something elsewhere."""
    if spec.get("type") == "ExternalName":
        return
    while not spec.get("clusterIP"):
        address = f"10.96.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        spec["clusterIP"] = "" if address in taken else address
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv6" if ":" in spec["clusterIP"] else "IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def prepare_update(target: Target, obj: Object, before: Object) -> None:
    """What an update may not touch is put back; 409 for who saw an older version; in place, before admission."""
    _guard(target, obj, before)
    metadata, old = obj["metadata"], before["metadata"]
    for name in KEPT:
        metadata.pop(name, None)
        if name in old:
            metadata[name] = old[name]
    metadata["resourceVersion"] = old["resourceVersion"]
    if target.subresource == "status":
        kept = {
            key: copy.deepcopy(value) for key, value in before.items() if key not in ("status", "metadata")
        }
        status = obj.get("status", {})
        obj.clear()
        obj.update(kept | {"metadata": copy.deepcopy(old), "status": status})
    elif "status" in before and target.resource.kind != "Node":
        obj["status"] = copy.deepcopy(before["status"])


def settle_generation(target: Target, obj: Object, before: Object) -> None:
    """The generation counts the changes of what is wanted; in place, after admission."""
    metadata = obj["metadata"]
    if "generation" in before["metadata"] and _wanted(obj) != _wanted(before):
        metadata["generation"] = before["metadata"]["generation"] + 1


def _wanted(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _guard(target: Target, obj: Object, before: Object) -> None:
    resource, metadata, old = target.resource, obj["metadata"], before["metadata"]
    if (metadata.setdefault("name", old["name"]) or "") != old["name"]:
        name = metadata["name"]
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({old['name']})"
        )
    if (metadata.get("namespace") or target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata |= {key: old[key] for key in ("namespace",) if key in old}
    uid = metadata.get("uid") or old["uid"]
    if uid != old["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['uid']}"
        raise conflict(resource, old["name"], why)
    if (metadata.get("resourceVersion") or old["resourceVersion"]) != old["resourceVersion"]:
        raise conflict(resource, old["name"])


def require_version(resource: Resource, obj: Object) -> None:
    """A PUT of some kinds has to say which version it replaces."""
    metadata = obj["metadata"]
    if resource.kind in CONDITIONAL and not metadata.get("resourceVersion"):
        why = "Invalid value: 0x0: must be specified for an update"
        raise invalid(resource, metadata["name"], [("FieldValueInvalid", why, "metadata.resourceVersion")])
