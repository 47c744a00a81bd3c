"""A pod without us again: the inverse of `injector.mutation.mutate`, by what the status annotation remembers."""

from collections.abc import Iterable
from typing import Any

from injector.mutation import probes, status
from injector.mutation.status import Status
from sidecar import contract

Json = dict[str, Any]


def uninject(pod: Json) -> Json:
    """The pod as its owner wrote it; the same object when it was not injected. `pod` is not changed.

    What somebody changed since stays changed, save for probes that still ask the sidecar.
    """
    metadata = pod.get("metadata") or {}
    text = (metadata.get("annotations") or {}).get(contract.STATUS)
    done = status.load(text) if text is not None else None
    if done is None:
        return pod
    spec = dict(pod["spec"])
    for part, names in (
        ("initContainers", done.initContainers),
        ("containers", done.containers),
        ("volumes", done.volumes),
    ):
        _put(spec, part, [each for each in spec.get(part) or () if each.get("name") not in names])
    for part in ("initContainers", "containers"):
        _put(spec, part, [_restored(each, done) for each in spec.get(part) or ()])
    if done.resources is not None:
        spec["resources"] = done.resources
    return pod | {"metadata": _metadata(metadata, done), "spec": spec}


def _restored(container: Json, done: Status) -> Json:
    name, restored = container["name"], dict(container)
    for field, word in probes.FIELDS.items():
        handler, probe = done.probes.get(f"{name}/{word}"), container.get(field)
        if handler and probe and _asks_us(probe, f"{name}/{word}"):
            restored[field] = probes.without_handler(probe) | handler
    if ours := done.env.get(name):
        _put(restored, "env", [each for each in container.get("env") or () if each.get("name") not in ours])
    if done.port and done.port["container"] == name:
        restored["ports"] = list(_named(container.get("ports") or (), done.port))
    return restored


def _asks_us(probe: Json, key: str) -> bool:
    return bool((probe.get("httpGet") or {}).get("path") == contract.APP_HEALTH + key)


def _named(ports: Iterable[Json], moved: Json) -> Iterable[Json]:
    for index, port in enumerate(ports):
        ours = index == moved["index"] and port.get("containerPort") == moved["number"] and "name" not in port
        yield port | {"name": moved["name"]} if ours else port


def _put(holder: Json, key: str, items: list[Any]) -> None:
    """An empty list is left out."""
    if items:
        holder[key] = items
    else:
        holder.pop(key, None)


def _metadata(metadata: Json, done: Status) -> Json:
    added = {"annotations": [*done.annotations, contract.STATUS], "labels": done.labels}
    restored = dict(metadata)
    for part, keys in added.items():
        kept = {key: value for key, value in (metadata.get(part) or {}).items() if key not in keys}
        if kept:
            restored[part] = kept
        else:
            restored.pop(part, None)
    return restored
