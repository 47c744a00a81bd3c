"""What the recorded OpenAPI documents say about a place in an object: its fields, defaults and merge keys.

Jobs and CronJobs were not recorded; of them only the pod template inside is known.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.support.kube import quantities
from tests.support.kube.resources import FIXTURES, Resource

META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
LOOSE: dict[tuple[str, str], dict[str, Any]] = {
    ("batch/v1", "Job"): {"spec": {"template": TEMPLATE}},
    ("batch/v1", "CronJob"): {"spec": {"jobTemplate": {"metadata": META, "spec": {"template": TEMPLATE}}}},
}
"""Of kinds without a document: where the known parts are."""


TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


class Place:
    """A place in objects of some kind: what may stand there, as far as is known."""

    def __init__(self, node: dict[str, Any]):
        self._node = _resolved(node)
        self.is_quantity = self._node is _schemas().get(QUANTITY)

    @property
    def fields(self) -> dict[str, Any] | None:
        """The fields an object may have here; None where any may."""
        if self._node.get("x-loose"):
            return None
        return self._node.get("properties")

    @property
    def type(self) -> str:
        """ "object", "array", "string", …; empty when nothing is known or several are allowed."""
        return str(self._node.get("type", ""))

    def field(self, name: str) -> "Place":
        found = self._node.get("properties", {}).get(name) or self._node.get("additionalProperties")
        return Place(found if isinstance(found, dict) else {})

    @property
    def items(self) -> "Place":
        return Place(self._node.get("items", {}))

    def merges(self, name: str) -> tuple[bool, str]:
        """Whether a strategic patch merges the list in this field, and by which key (empty: by value)."""
        found = self._node.get("properties", {}).get(name, {})
        strategy = found.get("x-kubernetes-patch-strategy", "")
        return "merge" in strategy.split(","), found.get("x-kubernetes-patch-merge-key", "")


def place(resource: Resource) -> Place:
    """The root of objects of a resource; an unknown place for kinds nothing is known of."""
    name = _kinds().get((resource.api_version, resource.kind))
    if name:
        return Place({"$ref": f"#/components/schemas/{name}"})
    inside = LOOSE.get((resource.api_version, resource.kind), {})
    return Place(_loose({"metadata": META} | inside))


def unknown_fields(value: Any, where: Place, path: str = "") -> Iterator[str]:
    """The fields that mean nothing to the server, e.g. `spec.containers[0].imag`; they are taken out."""
    if isinstance(value, dict):
        for name in list(value):
            inside = f"{path}.{name}" if path else name
            if where.fields is not None and name not in where.fields:
                del value[name]
                yield inside
            else:
                yield from unknown_fields(value[name], where.field(name), inside)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_fields(item, where.items, f"{path}[{index}]")


def unreadable(value: Any, where: Place, path: str) -> Iterator[str]:
    """What the server's decoder stumbles over: values of a wrong type, and quantities that are none."""
    found = TYPES.get(type(value), "")
    if where.is_quantity:
        if found not in ("string", "integer", "number") or not quantities.FORM.match(str(value)):
            yield f"quantities must match the regular expression '{quantities.RULE}'"
    elif where.type and found and where.type != found and (where.type, found) != ("number", "integer"):
        yield f"json: cannot unmarshal {found} into Go struct field {path} of type {where.type}"
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield from unreadable(inside, where.field(name), f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unreadable(item, where.items, f"{path}[{index}]")


def _loose(fields: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(fields, str):
        return {"$ref": f"#/components/schemas/{fields}"}
    inside = {name: _loose(field) for name, field in fields.items()}
    return {"type": "object", "x-loose": True, "properties": inside}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """References followed; a field of a referenced type has the one reference inside `allOf`."""
    while "$ref" in node or len(node.get("allOf", ())) == 1:
        reference = node.get("$ref") or node["allOf"][0]["$ref"]
        node = _schemas()[reference.rpartition("/")[2]]
    return node


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = {}
    for file in sorted((FIXTURES / "openapi").glob("*.json")):
        schemas |= json.loads(file.read_text())["components"]["schemas"]
    return schemas


@cache
def _kinds() -> dict[tuple[str, str], str]:
    found = {}
    for name, schema in _schemas().items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        if len(kinds) == 1:  # DeleteOptions and the like belong to every group
            kind = kinds[0]
            found["/".join(filter(None, (kind["group"], kind["version"]))), kind["kind"]] = name
    return found
