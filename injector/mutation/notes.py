"""What the owner of a pod is told as a Kubernetes Event: `kubectl describe` of the workload shows it."""

from typing import Any, Literal

from sidecar.kube import owners
from sidecar.kube.notes import Note, shorten

Json = dict[str, Any]
Reason = Literal["Injected", "InjectionSkipped", "InjectionDenied"]


def about_pod(
    pod: Json,
    namespace: str,
    reason: Reason,
    message: str,
) -> Note:
    """About whatever made the pod, which outlives it and is what people look at; else about the pod."""
    metadata = pod.get("metadata") or {}
    involved = owners.controller(metadata) or {
        "kind": "Pod",
        "apiVersion": "v1",
        "name": metadata.get("name") or metadata.get("generateName"),
    }
    return Note(
        kind=involved.get("kind") or "",
        api_version=involved.get("apiVersion") or "",
        name=involved.get("name") or "",
        namespace=namespace,
        uid=involved.get("uid") or "",
        type="Normal" if reason == "Injected" else "Warning",
        reason=reason,
        message=shorten(message),
    )


def about_workload(workload: Json, namespace: str, message: str) -> Note | None:
    """That it was refused; None for one that does not exist yet."""
    metadata = workload.get("metadata") or {}
    if not metadata.get("uid"):
        return None
    return Note(
        kind=workload.get("kind") or "",
        api_version=workload.get("apiVersion") or "",
        name=metadata.get("name") or "",
        namespace=namespace,
        uid=metadata["uid"],
        type="Warning",
        reason="InjectionDenied",
        message=shorten(message),
    )
