"""Objects the tests of the double are about, as small as they can be."""

from typing import Any

Object = dict[str, Any]


def config(name: str = "one", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str = "one", **metadata: Any) -> Object:
    spec = {"containers": [{"name": "app", "image": "app:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def deployment(name: str = "gateway", *, replicas: int = 1, **metadata: Any) -> Object:
    labels = {"app": name}
    containers = [{"name": "app", "image": "app:1", "ports": [{"name": "http", "containerPort": 8080}]}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def service(name: str = "gateway", target: int | str = "http", **spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": target}]
    fields = {"selector": {"app": name}, "ports": ports, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": fields}


def path(kind: str, name: str = "") -> str:
    """Of ConfigMaps and Pods in the default namespace."""
    return f"/api/v1/namespaces/default/{kind}" + (f"/{name}" if name else "")
