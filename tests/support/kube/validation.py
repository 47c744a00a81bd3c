"""Whether an object is valid: the checks whose words were recorded, then the recorded OpenAPI documents."""

import re
from collections.abc import Iterator
from typing import Any

from tests.support import openapi
from tests.support.kube import amounts, conditions
from tests.support.kube.resources import Resource
from tests.support.kube.schema import LOOSE
from tests.support.kube.status import Cause, invalid

Object = dict[str, Any]

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
POD_UPDATE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
SIDE_EFFECTS = "must specify one of None, NoneOnDryRun"
REVIEW_VERSIONS = "must specify one of v1, v1beta1"


def mistakes(resource: Resource, obj: Object) -> list[Cause]:
    """Those of which the server's own words were recorded."""
    return [*_named(resource, obj), *_CHECKS.get(resource.kind, _nothing)(obj)]


def check(resource: Resource, obj: Object) -> None:
    """422 with every mistake found."""
    causes = mistakes(resource, obj)
    causes = causes or [("FieldValueInvalid", why, field) for field, why in _by_schema(obj)]
    if causes:
        raise invalid(resource, obj["metadata"].get("name", ""), causes)


def check_update(resource: Resource, obj: Object, before: Object) -> None:
    """What may not change once it is there."""
    if resource.kind == "Pod" and _frozen(obj["spec"]) != _frozen(before["spec"]):
        raise invalid(
            resource, obj["metadata"]["name"], [("FieldValueForbidden", f"Forbidden: {POD_UPDATE}", "spec")]
        )
    if resource.group == "apps" and obj["spec"].get("selector") != before["spec"].get("selector"):
        why = "Invalid value: field is immutable"
        raise invalid(resource, obj["metadata"]["name"], [("FieldValueInvalid", why, "spec.selector")])


def _by_schema(obj: Object) -> Iterator[tuple[str, str]]:
    if openapi.recorded(obj):
        found = openapi.violations(obj)
    elif (obj["apiVersion"], obj["kind"]) in LOOSE:
        spec = obj.get("spec") or {}
        inside = (spec.get("jobTemplate") or {}).get("spec") or {} if obj["kind"] == "CronJob" else spec
        found = openapi.violations(inside.get("template"), openapi.POD_TEMPLATE)
    else:
        found = []
    for violation in found:
        field, _, why = violation.partition(": ")
        yield field, f"Invalid value: {why}"


def _named(resource: Resource, obj: Object) -> Iterator[Cause]:
    name = obj["metadata"].get("name", "")
    if not name and not obj["metadata"].get("generateName"):
        yield "FieldValueRequired", "Required value: name or generateName is required", "metadata.name"
    elif name and resource.group != "rbac.authorization.k8s.io" and not SUBDOMAIN.fullmatch(name):
        yield "FieldValueInvalid", f'Invalid value: "{name}": {SUBDOMAIN_RULE}', "metadata.name"


def _pod(obj: Object) -> Iterator[Cause]:
    yield from _pod_spec(obj.get("spec") or {}, "spec")


def _pod_spec(spec: Object, path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or []):
            yield from _container(container, f"{path}.{kind}[{index}]", seen)
    if not spec.get("containers"):
        yield "FieldValueRequired", "Required value", f"{path}.containers"


def _container(container: Object, path: str, seen: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    if not name:
        yield "FieldValueRequired", "Required value", f"{path}.name"
    elif not LABEL.fullmatch(name):
        yield "FieldValueInvalid", f'Invalid value: "{name}": {LABEL_RULE}', f"{path}.name"
    elif name in seen:
        yield "FieldValueDuplicate", f'Duplicate value: "{name}"', f"{path}.name"
    seen.add(name)
    if not container.get("image"):
        yield "FieldValueRequired", "Required value", f"{path}.image"
    yield from amounts.mistakes(container.get("resources") or {}, f"{path}.resources")


def _workload(obj: Object) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if "selector" not in spec:
        yield "FieldValueRequired", "Required value", "spec.selector"
        return
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec["selector"].get("matchLabels") or {}).items()):
        why = "Invalid value: `selector` does not match template `labels`"
        yield "FieldValueInvalid", why, "spec.template.metadata.labels"
    yield from _pod_spec((spec.get("template") or {}).get("spec") or {}, "spec.template.spec")


def _webhooks(obj: Object) -> Iterator[Cause]:
    for index, webhook in enumerate(obj.get("webhooks") or []):
        path = f"webhooks[{index}]"
        if webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            yield "FieldValueRequired", f"Required value: {SIDE_EFFECTS}", f"{path}.sideEffects"
        if not webhook.get("admissionReviewVersions"):
            yield (
                "FieldValueRequired",
                f"Required value: {REVIEW_VERSIONS}",
                f"{path}.admissionReviewVersions",
            )
        yield from _client_config(webhook.get("clientConfig") or {}, f"{path}.clientConfig")
        for number, condition in enumerate(webhook.get("matchConditions") or []):
            try:
                conditions.compiled(condition.get("expression", ""))
            except conditions.UnsupportedError as error:
                where = f"{path}.matchConditions[{number}].expression"
                yield (
                    "FieldValueInvalid",
                    f'Invalid value: "{condition.get("expression", "")}": {error}',
                    where,
                )


def _client_config(config: Object, path: str) -> Iterator[Cause]:
    if ("url" in config) == ("service" in config):
        yield "FieldValueRequired", "Required value: exactly one of url or service is required", path
    wanted = (config.get("service") or {}).get("path") or ""
    segments = wanted.strip("/").split("/") if wanted.strip("/") else []
    for number, segment in enumerate(segments):
        if not SUBDOMAIN.fullmatch(segment):
            why = f'Invalid value: "{wanted}": segment[{number}]: {SUBDOMAIN_RULE}'
            yield "FieldValueInvalid", why, f"{path}.service.path"


def _nothing(obj: Object) -> Iterator[Cause]:
    return iter(())


def _frozen(spec: Object) -> Object:
    """What of a pod's spec may not change."""
    free = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    kept = {name: value for name, value in spec.items() if name not in free}
    for kind in ("initContainers", "containers"):
        if kind in kept:
            kept[kind] = [{**container, "image": ""} for container in kept[kind]]
    return kept


_CHECKS = {
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "MutatingWebhookConfiguration": _webhooks,
}
