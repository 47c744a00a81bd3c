"""Objects of a cluster at its largest, each as large as a real one: environment, conditions, managed fields. Pure."""

from typing import Any, Final

Json = dict[str, Any]

NAMESPACE: Final = "shop"
NODE_CPU: Final = "16"
PODS_EACH: Final = 10
"""Of one workload."""


def node(number: int) -> Json:
    """With nothing taken."""
    meta = {"name": f"node-{number}", "resourceVersion": "1"}
    return {"metadata": meta, "status": {"allocatable": {"cpu": NODE_CPU, "memory": "64Gi"}}}


def replica_set(pod: Json) -> Json:
    """The one that made it, itself made by a Deployment."""
    name = pod["metadata"]["ownerReferences"][0]["name"]
    above = {"kind": "Deployment", "name": name.rpartition("-")[0], "controller": True}
    return {"metadata": {"name": name, "namespace": NAMESPACE, "ownerReferences": [above]}}


def pod(number: int, on: int, admin_port: int, budget: int | None) -> Json:
    """Running on node `on`. `budget`: it opted in, and its sidecar answers at `admin_port`; None: neither."""
    workload = f"service-{number // PODS_EACH}"
    filler = [{"name": f"VARIABLE_{each}", "value": "x" * 60} for each in range(20)]
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}
    return {
        "metadata": {
            "name": f"{workload}-7d9f-{number}",
            "namespace": NAMESPACE,
            "uid": f"00000000-0000-0000-0000-{number:012d}",
            "resourceVersion": "1",
            "generation": 1,
            "labels": {"app": workload} | ({} if budget is None else {"equilibrium.io/injected": "true"}),
            "annotations": {} if budget is None else _annotations(admin_port, budget),
            "ownerReferences": [_owner(f"{workload}-7d9f")],
            "managedFields": [{"manager": "kubelet", "fieldsV1": {f"f:{each}": {} for each in range(100)}}],
        },
        "spec": {
            "nodeName": f"node-{on}",
            "containers": [
                {"name": "app", "image": "app:1", "env": filler, "resources": resources},
                {"name": "equilibrium-sidecar", "resources": {"requests": {"cpu": "50m"}}},
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "observedGeneration": 1,
            "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "Initialized")],
            "containerStatuses": [
                {"name": "app", "restartCount": 0, "resources": resources, "state": {"running": {}}}
            ],
        },
    }


def _annotations(admin_port: int, budget: int) -> Json:
    return {
        "equilibrium.io/resize": "true",
        "equilibrium.io/budget": str(budget),
        "equilibrium.io/status": f'{{"version":1,"admin":{admin_port}}}',
    }


def _owner(name: str) -> Json:
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": "u", "controller": True}
