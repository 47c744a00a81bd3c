"""Which object or collection a URL of the API names. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.mesh.node import answers
from loadtest.mesh.node.answers import Object
from loadtest.mesh.node.objects import COLLECTIONS
from loadtest.mesh.node.store import Collection


@dataclass(frozen=True, slots=True)
class Named:
    """`name` empty: the collection; `namespace` empty: of all namespaces."""

    collection: Collection
    namespace: str
    name: str
    subresource: str


def parse(path: str) -> Named:
    """`/api/v1/namespaces/NS/pods/NAME/resize` and its kin. Raises Refused (404)."""
    steps = path.strip("/").split("/")
    group, version, rest = _group(steps)
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    for each in COLLECTIONS:
        if rest and (each.group, each.version, each.resource) == (group, version, rest[0]):
            return Named(each, namespace, *_padded(rest[1:]))
    raise answers.no_such_resource()


def _group(steps: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    if steps[0] == "api" and len(steps) > 1:
        return "", steps[1], steps[2:]
    if steps[0] == "apis" and len(steps) > 2:
        return steps[1], steps[2], steps[3:]
    raise answers.no_such_resource()


def _padded(steps: Sequence[str]) -> tuple[str, str]:
    if len(steps) > 2:
        raise answers.no_such_resource()
    return (*steps, "", "")[:2]  # type: ignore[return-value]


def selected(found: Object, query: Mapping[str, str]) -> bool:
    """Whether field and label selectors let it through: equality, inequality, existence."""
    labels = found["metadata"].get("labels") or {}
    return all(_holds(term, labels) for term in _terms(query.get("labelSelector", ""))) and all(
        _holds(term, _fields(found)) for term in _terms(query.get("fieldSelector", ""))
    )


def _terms(text: str) -> list[str]:
    return [term.strip() for term in text.split(",") if term.strip()]


def _holds(term: str, values: Mapping[str, str]) -> bool:
    name, unequal, value = term.partition("!=")
    if unequal:
        return values.get(name.strip()) != value.strip()
    name, equal, value = term.partition("=")
    if equal:
        return values.get(name.strip()) == value.lstrip("=").strip()
    return term[1:].strip() not in values if term.startswith("!") else term in values


def _fields(found: Object) -> dict[str, str]:
    meta, spec, status = found["metadata"], found.get("spec") or {}, found.get("status") or {}
    return {
        "metadata.name": meta["name"],
        "metadata.namespace": meta.get("namespace", ""),
        "spec.nodeName": str(spec.get("nodeName", "")),
        "status.phase": str(status.get("phase", "")),
    }
