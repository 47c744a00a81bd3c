"""What the server fills in of a pod, and of the pod template of a workload."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.support.kube.quantities import canonical, implied_requests

Object = dict[str, Any]

POD_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
VOLUME_MODES = ("configMap", "secret", "downwardAPI", "projected")


def pod(spec: Object) -> None:
    """The spec of a pod."""
    template(spec)
    spec.setdefault("enableServiceLinks", True)
    for container in containers(spec):
        implied_requests(container["resources"])
        for side in ("limits", "requests"):
            amounts = container["resources"].get(side) or {}
            amounts |= {name: canonical(amount) for name, amount in amounts.items()}


def template(spec: Object) -> None:
    """The pod spec inside a template: without what only a pod itself gets."""
    for name, value in POD_SPEC.items():
        spec.setdefault(name, copy.deepcopy(value))
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in containers(spec):
        _container(container)
    for volume in spec.get("volumes") or []:
        _volume(volume)


def containers(spec: Object) -> Iterator[Object]:
    """Every container of a pod spec, init containers first."""
    for name in ("initContainers", "containers"):
        yield from spec.get(name) or []


def _container(container: Object) -> None:
    for name, value in CONTAINER.items():
        container.setdefault(name, value)
    container.setdefault("resources", {})
    image = container.get("image", "")
    if image:
        tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
        latest = tag == "latest" or (not tag and "@" not in image)
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for env in container.get("env") or []:
        if "fieldRef" in (env.get("valueFrom") or {}):
            env["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])


def _probe(probe: Object) -> None:
    for name, value in PROBE.items():
        probe[name] = probe.get(name) or value
    if "httpGet" in probe:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _volume(volume: Object) -> None:
    for kind in VOLUME_MODES:
        if kind in volume:
            volume[kind].setdefault("defaultMode", 420)
    for source in (volume.get("projected") or {}).get("sources") or []:
        if "serviceAccountToken" in source:
            source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        for item in (source.get("downwardAPI") or {}).get("items") or []:
            if "fieldRef" in item:
                item["fieldRef"].setdefault("apiVersion", "v1")
