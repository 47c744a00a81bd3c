"""What an API server would have refused before we are asked, as far as we read it: manifests come straight from people.

Pure.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def mistakes(obj: Json, path: tuple[str, ...]) -> Iterator[str]:
    """Of a pod (empty path), or a workload and the pod template at `path`; each with its place."""
    part: Any = obj
    for depth, key in enumerate(("", *path)):
        place = ".".join(path[:depth])
        part = part.get(key) if key else part
        if not isinstance(part, dict):
            yield f"{place}: {_shown(part)} is not an object"
            return
        if key != "spec":
            yield from _metadata(part.get("metadata"), f"{place}.metadata".lstrip("."))
    yield from _containers(part.get("spec"), ".".join((*path, "spec")))


def _metadata(metadata: Any, place: str) -> Iterator[str]:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        yield f"{place}: {_shown(metadata)} is not an object"
        return
    for field in ("annotations", "labels"):
        texts = metadata.get(field)
        if texts is not None and not isinstance(texts, dict):
            yield f"{place}.{field}: {_shown(texts)} is not an object"
        for key, value in texts.items() if isinstance(texts, dict) else ():
            if not isinstance(key, str) or not isinstance(value, str):
                yield f'{place}.{field}: {key}: {_shown(value)} is not a text; allowed: one in quotes, such as "true"'


def _containers(spec: Any, place: str) -> Iterator[str]:
    if not isinstance(spec, dict):
        yield f"{place}: {_shown(spec)} is not an object"
        return
    for field in ("containers", "initContainers"):
        found = spec.get(field)
        if found is None and field == "initContainers":
            continue
        if not isinstance(found, list) or not all(_has_name(each) for each in found):
            yield f"{place}.{field}: not a list of containers, each with a name"


def _has_name(container: Any) -> bool:
    return isinstance(container, dict) and isinstance(container.get("name"), str)


def _shown(value: object) -> str:
    """As YAML has it."""
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    return repr(value)[:60]
