"""A Lease (coordination.k8s.io/v1) as the API server has it: read into a record, and written from a step. Pure."""

from datetime import UTC, datetime

from coordinator.policy.steps import Record, Write
from sidecar.kube.bodies import Object
from sidecar.kube.errors import UNREADABLE, ApiError


def written(found: Object, step: Write, namespace: str, name: str, wall_s: float) -> Object:
    """`found` (empty: there is none), for what others keep in it, with our part of the spec."""
    stamp = _micro_time(wall_s)
    spec = dict(_part(found, "spec"))
    spec["holderIdentity"] = step.holder
    spec["leaseDurationSeconds"] = step.duration_s
    spec["leaseTransitions"] = step.transitions
    spec["renewTime"] = stamp
    if step.acquired or "acquireTime" not in spec:
        spec["acquireTime"] = stamp
    metadata: Object = {"name": name, "namespace": namespace}
    if step.version is not None:
        metadata = {**found["metadata"], "resourceVersion": step.version}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def record(found: Object) -> Record:
    """Lenient with what is not said; raise `ApiError` for what no API server would say."""
    metadata, spec = _part(found, "metadata"), _part(found, "spec")
    if not (metadata.get("resourceVersion") and metadata.get("uid")):
        raise ApiError(0, UNREADABLE, "a Lease without resourceVersion and uid")
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    return Record(
        holder=str(spec.get("holderIdentity") or ""),
        version=str(metadata["resourceVersion"]),
        uid=str(metadata["uid"]),
        duration_s=duration if isinstance(duration, int) and duration > 0 else None,
        transitions=transitions if isinstance(transitions, int) else 0,
    )


def _part(found: Object, name: str) -> Object:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _micro_time(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
