"""What the API server would say to an object, by the OpenAPI documents it published (fixtures/kubernetes/openapi).

Stricter than the documents, as the server is with `fieldValidation=Strict`: unknown fields are refused, quantities must
be quantities, 32-bit numbers must fit. And as lenient as its decoder: a null is an absent field, or an empty list where
the field is required. Not checked: what only the server's code knows (unique names, values out of range).
"""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

FOLDER = Path(__file__).parents[1] / "fixtures" / "kubernetes" / "openapi"
POD_TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"

_SCHEMAS = "#/components/schemas/"
_QUANTITY = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
# The documents say oneOf, of which no message tells what is wrong.
_REPLACED: Mapping[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"], "pattern": _QUANTITY},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "type": ["integer", "string"],
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
    },
}
_FORMATS: Mapping[str, dict[str, Any]] = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"minimum": -(2**63), "maximum": 2**63 - 1},
    "byte": {"pattern": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"},
    "date-time": {"format": "date-time"},
}


def violations(obj: object, schema: str | None = None) -> list[str]:
    """What is wrong, as `spec.containers[0].name: …`; empty when nothing is.

    The schema is that of the object's apiVersion and kind, or the one of this name: `POD_TEMPLATE` for a part of a
    pod, or of kinds whose group is not recorded (Job, CronJob).
    """
    if schema is None:
        if not isinstance(obj, dict):
            return ["not an object"]
        kind = _kind(obj)
        schema = _names().get(kind)
        if schema is None:
            return [f"no schema is recorded for apiVersion {kind[0]!r}, kind {kind[1]!r}"]
    errors = _validator(schema).iter_errors(obj)
    return sorted({f"{_path(error.instance_path)}: {error.message}" for error in errors})


def recorded(obj: Mapping[str, Any]) -> bool:
    """Whether there is a schema for an object of this apiVersion and kind."""
    return _kind(obj) in _names()


def _kind(obj: Mapping[str, Any]) -> tuple[str, str]:
    return str(obj.get("apiVersion", "")), str(obj.get("kind", ""))


@functools.cache
def components() -> dict[str, dict[str, Any]]:
    """Every schema by its name, as published; where two documents disagree, those of the core group win."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.json"), reverse=True):  # api_v1.json sorts first and is read last
        found |= json.loads(path.read_text())["components"]["schemas"]
    return found


@functools.cache
def _names() -> dict[tuple[str, str], str]:
    names = {}
    for name, schema in components().items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(filter(None, (kind["group"], kind["version"])))
            names.setdefault((version, kind["kind"]), name)
    return names


@functools.cache
def _validator(name: str) -> "jsonschema_rs.Draft202012Validator":
    strict = {each: _strict(each) for each in _reachable(name)}
    document = {"$ref": _SCHEMAS + name, "components": {"schemas": strict}}
    return jsonschema_rs.Draft202012Validator(document, validate_formats=True)


def _reachable(name: str) -> set[str]:
    seen: set[str] = set()
    todo = [name]
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            todo += [ref.removeprefix(_SCHEMAS) for ref in _refs(components()[each])]
    return seen


def _refs(part: object) -> Iterable[str]:
    if isinstance(part, dict):
        if isinstance(ref := part.get("$ref"), str):
            yield ref
        for value in part.values():
            yield from _refs(value)
    elif isinstance(part, list):
        for value in part:
            yield from _refs(value)


def _strict(name: str) -> dict[str, Any]:
    return _REPLACED.get(name) or _translate(components()[name])


def _translate(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One schema of the documents, as JSON schema with the strictness described above."""
    out: dict[str, Any] = {key: schema[key] for key in ("$ref", "type", "enum", "required") if key in schema}
    out |= _FORMATS.get(schema.get("format", ""), {})
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            out[key] = [_translate(part) for part in schema[key]]
    if "items" in schema:
        out["items"] = _translate(schema["items"])
    if "properties" in schema:
        required = set(schema.get("required", ()))
        out["properties"] = {
            name: _translate(part) if name in required and part.get("type") != "array" else _or_null(part)
            for name, part in schema["properties"].items()
        }
        out["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = _or_null(schema["additionalProperties"])
    return out


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Not `anyOf`: its message would be that nothing fits, instead of what does not."""
    return {"if": {"type": "null"}, "else": _translate(schema)}


def _path(parts: Iterable[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".") or "(the object)"
