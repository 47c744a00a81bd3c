"""Annotations of a workload, copied to its pod template: what makes `kubectl annotate deployment` enough.

Kubernetes itself never carries them to pods. A function of the object alone, so that doing it again changes nothing;
what was copied is remembered on the template (`inject-from`, `inject-copied`), so that exactly that goes again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Literal

from injector.mutation import annotations, opt_in
from injector.mutation.annotations import ALIASES, COPIED, KEYS
from sidecar import contract
from sidecar.kube import owners

Json = dict[str, Any]

TEMPLATES: Final = {
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind keeps its pod template."""
_FROM: Final = "workload"
_SETTINGS: Final = KEYS | ALIASES.keys()


@dataclass(frozen=True, slots=True)
class Copy:
    """What becomes of a workload."""

    outcome: Literal["copied", "removed", "unchanged"]
    workload: Json
    """The same object when nothing changes."""
    warnings: tuple[str, ...] = ()


def is_managed(workload: Json) -> bool:
    """Made by another controller, which would undo whatever we do, for ever; or going away."""
    metadata = workload.get("metadata") or {}
    return owners.controller(metadata) is not None or bool(metadata.get("deletionTimestamp"))


def template(workload: Json, path: tuple[str, ...]) -> Json:
    """Its pod template."""
    found: Json = reduce(lambda part, key: part.get(key) or {}, path, workload)
    return found


def copy(workload: Json, path: tuple[str, ...]) -> Copy:
    """Its annotations brought down to its pod template, or taken away again."""
    metadata = workload.get("metadata") or {}
    stated: Json = metadata.get("annotations") or {}
    given = {key: stated[key] for key in stated if key in _SETTINGS}
    pods = template(workload, path)
    theirs: Json = (pods.get("metadata") or {}).get("annotations") or {}
    mine = theirs.get(contract.INJECT_FROM) == _FROM
    wanted = contract.INJECT in given or opt_in.ALIAS in given
    if not wanted and not mine:
        return Copy("unchanged", workload, tuple(_ineffective(given)))
    if not mine and _decides_itself(pods):
        said = _labels(pods) | theirs
        return Copy("unchanged", workload, (*_overruled(given, said), *_unheard(given, said)))
    own = _own(theirs) if mine else theirs
    taken = {key: value for key, value in given.items() if key not in own} if wanted else {}
    ours = {contract.INJECT_FROM: _FROM, COPIED: ",".join(sorted(taken))} if wanted else {}
    if (annotated := own | taken | ours) == theirs:
        return Copy("unchanged", workload)
    warnings = tuple(_overruled(given, own)) if wanted else ()
    return Copy("copied" if wanted else "removed", _with(workload, path, annotated), warnings)


def _decides_itself(pods: Json) -> bool:
    """An explicit template wins."""
    metadata = pods.get("metadata") or {}
    stated = opt_in.explicit(metadata.get("annotations") or {}, _labels(pods))
    return stated.answer != "absent" or bool(stated.mistakes)


def _labels(pods: Json) -> Json:
    return (pods.get("metadata") or {}).get("labels") or {}


def _own(theirs: Json) -> Json:
    """What the template's author wrote: all but our marks and what they say was copied."""
    copied = (theirs.get(COPIED) or contract.INJECT).split(",")
    return {key: value for key, value in theirs.items() if key not in (contract.INJECT_FROM, COPIED, *copied)}


def _with(workload: Json, path: tuple[str, ...], annotated: Json) -> Json:
    """Copies only what lies on the way to the annotations."""
    if path:
        inner = workload.get(path[0]) or {}
        return workload | {path[0]: _with(inner, path[1:], annotated)}
    metadata = dict(workload.get("metadata") or {})
    metadata.pop("annotations", None)
    return workload | {"metadata": metadata | ({"annotations": annotated} if annotated else {})}


def _ineffective(given: Json) -> Iterator[str]:
    if given:
        yield f"{', '.join(sorted(given))}: no effect on a workload without {contract.INJECT} beside it"


def _overruled(given: Json, own: Json) -> Iterator[str]:
    """Where the template's author says otherwise."""
    for key, value in given.items():
        if own.get(key, value) != value:
            yield f"{key}={value!r} is not copied: the pod template says {own[key]!r} itself"


def _unheard(given: Json, own: Json) -> Iterator[str]:
    """What a template that decides for itself does not get."""
    missing = sorted(key for key in given if key not in own)
    if missing:
        yield f"{', '.join(missing)}: not copied, since the pod template has {contract.INJECT} itself"


def mistakes(workload: Json) -> tuple[str, ...]:
    """Of its own annotations, whether or not they can be copied; none where it does not ask for anything."""
    stated = (workload.get("metadata") or {}).get("annotations") or {}
    if contract.INJECT not in stated and opt_in.ALIAS not in stated:
        return ()
    return (*opt_in.explicit(stated, {}).mistakes, *annotations.read(stated).mistakes)


def as_pod(workload: Json, path: tuple[str, ...]) -> Json:
    """A pod of it, as far as can be told before there is one."""
    pods = template(workload, path)
    kind = "Job" if workload.get("kind") == "CronJob" else workload.get("kind")
    name = (workload.get("metadata") or {}).get("name")
    made_by = [{"kind": kind, "name": name, "controller": True}]
    metadata = (pods.get("metadata") or {}) | {"ownerReferences": made_by}
    return {"metadata": metadata, "spec": pods.get("spec") or {}}


def strangers(workload: Json) -> list[str]:
    """Warnings about the workload's own annotations; those of the template are read with the pod."""
    metadata = workload.get("metadata") or {}
    return annotations.read(metadata.get("annotations") or {}).warnings
