"""Label and field selectors, as strings of a query and as the objects of a webhook or a workload."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.kube.status import bad_request

Test = Callable[[dict[str, Any]], bool]
Labels = Mapping[str, str]

NAME = r"[A-Za-z0-9./_-]+"
SET = re.compile(rf"^({NAME})\s+(in|notin)\s*\(([^)]*)\)$")
EQUAL = re.compile(rf"^({NAME})\s*(==|=|!=)\s*([A-Za-z0-9._-]*)$")
EXISTS = re.compile(rf"^(!?)\s*({NAME})$")

FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP", "spec.type"),
    "ReplicaSet": ("status.replicas",),
    "Job": ("status.successful",),
}
"""What a field selector may name besides metadata.name and metadata.namespace."""


def of_labels(text: str) -> Callable[[Labels], bool]:
    """`a=b,c!=d,e in (f,g),h notin (i),j,!k`."""
    tests = [_requirement(part.strip()) for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    return lambda labels: all(test(labels) for test in tests)


def _requirement(text: str) -> Callable[[Labels], bool]:
    if found := SET.match(text):
        key, operator, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := EQUAL.match(text):
        key, operator, value = found.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := EXISTS.match(text):
        absent, key = found.groups()
        return lambda labels: (key in labels) != bool(absent)
    raise bad_request(f'unable to parse requirement: found "{text}"')


def of_object(selector: Mapping[str, Any] | None) -> Callable[[Labels], bool]:
    """A LabelSelector; an empty one selects everything, none at all selects nothing."""
    if selector is None:
        return lambda labels: False
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    return lambda labels: (
        all(labels.get(key) == value for key, value in wanted.items())
        and all(_holds(expression, labels) for expression in expressions)
    )


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise bad_request(f'"{expression["operator"]}" is not a valid label selector operator')


def of_fields(text: str, kind: str) -> Test:
    """`metadata.name=a,status.phase!=Running`; a field the kind cannot be selected by is a 400."""
    tests = []
    for part in filter(None, text.split(",")):
        found = EQUAL.match(part.strip())
        path = found.group(1) if found else part
        if found is None or path not in ("metadata.name", "metadata.namespace", *FIELDS.get(kind, ())):
            raise bad_request(f"field label not supported: {path}")
        tests.append(_field(path.split("."), found.group(2), found.group(3)))
    return lambda obj: all(test(obj) for test in tests)


def _field(path: list[str], operator: str, value: str) -> Test:
    def test(obj: dict[str, Any]) -> bool:
        found: Any = obj
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return (_text(found) == value) != (operator == "!=")

    return test


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def labels_of(obj: Mapping[str, Any] | None) -> Labels:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}
