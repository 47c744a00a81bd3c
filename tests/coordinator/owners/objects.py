"""Pods, HPAs and VPAs for tests, as an API server has them."""

from typing import Any

Object = dict[str, Any]

OURS, THEIRS = "equilibrium-coordinator", "updater"
RESOURCES = {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m"}}


def resize(manager: str, time: str, container: str = "app", *, subresource: str = "resize") -> Object:
    """An entry of managedFields, as transcripts/resize-requests-ok.json has it."""
    fields = {"f:resources": {"f:limits": {"f:cpu": {}}, "f:requests": {"f:cpu": {}}}}
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:containers": {f'k:{{"name":"{container}"}}': fields}}},
        "subresource": subresource,
    }


def pod(*fields: Object, annotations: dict[str, str] | None = None, **resources: Any) -> Object:
    metadata = {
        "name": "web-1",
        "namespace": "shop",
        "uid": "u-1",
        "annotations": annotations or {},
        "managedFields": list(fields),
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "web-6f7",
                "uid": "r-1",
                "controller": True,
            }
        ],
    }
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "app", "resources": {**RESOURCES, **resources}}]},
    }


def hpa(*metrics: Object, name: str = "web", target: object = None, namespace: str = "shop") -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"} if target is None else target
    spec = {"scaleTargetRef": target, "metrics": list(metrics)}
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": "1"}, "spec": spec}


def resource(name: str = "cpu", kind: str = "Utilization") -> Object:
    return {"type": "Resource", "resource": {"name": name, "target": {"type": kind}}}


def of_container(container: str, kind: str = "Utilization") -> Object:
    source = {"name": "cpu", "container": container, "target": {"type": kind}}
    return {"type": "ContainerResource", "containerResource": source}


def vpa(mode: str | None = None, *policies: Object, name: str = "web", target: object = None) -> Object:
    spec: Object = {"targetRef": {"kind": "Deployment", "name": "web"} if target is None else target}
    if mode is not None:
        spec["updatePolicy"] = {"updateMode": mode}
    if policies:
        spec["resourcePolicy"] = {"containerPolicies": list(policies)}
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": "1"}, "spec": spec}
