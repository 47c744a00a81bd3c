"""Services, slices and pods as the API server has them."""

from typing import Any

Object = dict[str, Any]


def service(name: str = "bus", namespace: str = "default", **spec: Any) -> Object:
    fields = {"ports": [{"name": "http", "port": 8080, "targetPort": 8080, "protocol": "TCP"}], **spec}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": fields}


def endpoint(ip: str, name: str = "", **conditions: bool) -> Object:
    said = {"ready": True, "serving": True, "terminating": False, **conditions}
    found: Object = {"addresses": [ip], "conditions": said}
    if name:
        found["targetRef"] = {"kind": "Pod", "namespace": "default", "name": name}
    return found


def a_slice(
    *endpoints: Object, name: str = "bus-1", of: str = "bus", namespace: str = "default", port: int = 8080
) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": of}},
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }


def pod(
    name: str, workload: str, *, namespace: str = "default", node: str = "n1", **annotations: str
) -> Object:
    """Injected: its sidecar is told which workload it is."""
    env = [{"name": "EQUILIBRIUM_WORKLOAD", "value": f"{namespace}/{workload}"}]
    containers = [
        {"name": "app", "image": "app:1"},
        {"name": "equilibrium-sidecar", "image": "s:1", "env": env},
    ]
    meta: Object = {"name": name, "namespace": namespace, "labels": {"equilibrium.io/injected": "true"}}
    meta["annotations"] = {f"equilibrium.io/{key}": value for key, value in annotations.items()}
    spec = {"nodeName": node, "containers": containers}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def at(made: Object, ip: str, phase: str = "Running") -> Object:
    """A pod that has got an address."""
    return made | {"status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]}}
