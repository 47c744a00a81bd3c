"""What the server fills in, as its recorded answers show it; and what it leaves out because it is empty."""

import base64
import copy
from typing import Any

from tests.support.kube.pod_defaults import pod, template
from tests.support.kube.resources import Resource

Object = dict[str, Any]

ROLLING = {"maxUnavailable": "25%", "maxSurge": "25%"}
JOB = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
}
WEBHOOK = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
    "reinvocationPolicy": "Never",
}
EMPTY_STATUS: dict[str, Any] = {
    "Pod": {},
    "Deployment": {},
    "ReplicaSet": {"replicas": 0},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
    "Service": {"loadBalancer": {}},
    "Job": {},
    "CronJob": {},
}
EMPTY_LISTS = {"EndpointSlice": ("endpoints", "ports")}
"""Lists that are written as null when they are empty; all others are left out."""
WRITTEN_EMPTY = ("containers", "rules", "values")


def fill(resource: Resource, obj: Object) -> None:
    """Defaults, in place; running it again changes nothing."""
    _tidy(obj)
    for name in EMPTY_LISTS.get(resource.kind, ()):
        obj[name] = obj.get(name) or None
    if resource.kind in _FILLERS:
        _FILLERS[resource.kind](obj.setdefault("spec", {}))
    if resource.kind == "MutatingWebhookConfiguration":
        for webhook in obj.get("webhooks") or []:
            _webhook(webhook)
    if resource.kind == "Secret":
        _secret(obj)
    if resource.kind == "Pod":
        _pod_status(obj.get("status") or {})


def empty_status(resource: Resource, obj: Object) -> None:
    """What a new object's status is, whatever the request said."""
    if resource.kind in EMPTY_STATUS:
        obj["status"] = copy.deepcopy(EMPTY_STATUS[resource.kind])


def _tidy(obj: Object) -> None:
    """Nulls, and empty maps and lists of the metadata, are not written."""
    _without_nulls(obj)
    metadata = obj.setdefault("metadata", {})
    for name in (
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
        "name",
        "generateName",
        "namespace",
    ):
        if name in metadata and not metadata[name]:
            del metadata[name]


def _without_nulls(value: Any) -> None:
    if isinstance(value, dict):
        for name in [name for name, inside in value.items() if _unwritten(name, inside)]:
            del value[name]
        for inside in value.values():
            _without_nulls(inside)
    elif isinstance(value, list):
        value[:] = [item for item in value if item is not None]
        for item in value:
            _without_nulls(item)


def _unwritten(name: str, value: Any) -> bool:
    return (value is None and name != "lastProbeTime") or (value == [] and name not in WRITTEN_EMPTY)


def _secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")
    texts = obj.pop("stringData", {})
    if texts:  # a way to write only: it is never read
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        obj["data"] = obj.get("data", {}) | encoded


def _pod_status(status: Object) -> None:
    """What is written even when it is empty."""
    for condition in status.get("conditions") or []:
        condition.setdefault("lastProbeTime", None)
    for kind in ("containerStatuses", "initContainerStatuses"):
        for told in status.get(kind) or []:
            told.setdefault("state", {})
            told.setdefault("lastState", {})


def _templated(spec: Object) -> None:
    inside = spec.setdefault("template", {})
    inside.setdefault("metadata", {})
    if isinstance(inside.get("spec"), dict):
        template(inside["spec"])


def _deployment(spec: Object) -> None:
    spec.setdefault("replicas", 1)
    _templated(spec)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = ROLLING | strategy.get("rollingUpdate", {})
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _replica_set(spec: Object) -> None:
    spec.setdefault("replicas", 1)
    _templated(spec)


def _stateful_set(spec: Object) -> None:
    _replica_set(spec)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})


def _daemon_set(spec: Object) -> None:
    _templated(spec)
    rolling = {"maxUnavailable": 1, "maxSurge": 0}
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
    spec.setdefault("revisionHistoryLimit", 10)


def _job(spec: Object) -> None:
    _templated(spec)
    for name, value in JOB.items():
        spec.setdefault(name, value)


def _cron_job(spec: Object) -> None:
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    _templated(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))


def _service(spec: Object) -> None:
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")


def _webhook(webhook: Object) -> None:
    for name, value in WEBHOOK.items():
        webhook.setdefault(name, copy.deepcopy(value))
    for rule in webhook.get("rules") or []:
        rule.setdefault("scope", "*")
    if "service" in (webhook.get("clientConfig") or {}):
        webhook["clientConfig"]["service"].setdefault("port", 443)


_FILLERS = {
    "Pod": pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
}
