"""Whose pod it is: the controller that made it, and the name of the workload people know. Pure."""

from typing import Any

Json = dict[str, Any]


def controller(metadata: Json) -> Json | None:
    """The one owner reference that says it controls the object."""
    owners = metadata.get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller") is True), None)


def workload(metadata: Json, namespace: str) -> str:
    """`namespace/name`, as EQUILIBRIUM_WORKLOAD has it.

    A ReplicaSet of a Deployment is named after it and the hash of the pod template, which the pod carries as a label.
    """
    owner = controller(metadata)
    if owner is None:
        name = metadata.get("name") or (metadata.get("generateName") or "").rstrip("-.") or "unknown"
        return f"{namespace}/{name}"
    name = owner.get("name") or "unknown"
    template_hash = (metadata.get("labels") or {}).get("pod-template-hash")
    if owner.get("kind") == "ReplicaSet" and template_hash:
        name = name.removesuffix(f"-{template_hash}")
    return f"{namespace}/{name}"
