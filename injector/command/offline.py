"""The objects of a manifest, injected or uninjected without a cluster. Pure.

What is decided is decided by the webhook's own modules, so that a cluster would have done the same.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from injector.command import shape
from injector.mutation import decision, mutate, workload
from injector.mutation import uninject as undo
from injector.mutation.decision import Decision
from injector.mutation.foresight import Foresight
from injector.template import Template
from sidecar.kube import owners

Json = dict[str, Any]
Outcome = Literal["injected", "removed", "skipped", "refused"]

TEMPLATES: Final = {
    **workload.TEMPLATES,
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("", "ReplicationController"): ("spec", "template"),
}
"""Those a webhook is asked about, and those that others make as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What to do with what is found."""

    template: Template
    namespace: str = "default"
    """Of objects that name none."""
    flags: frozenset[str] = frozenset()
    """As the webhook gets them: `decision.NAMESPACE`, `plan.RESTRICTED`."""
    remove: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one object, for people."""

    name: str
    """`deployment/gateway`."""
    outcome: Outcome
    why: str = ""
    warnings: tuple[str, ...] = ()


Result = tuple[Json, Outcome, str, tuple[str, ...]]
"""The object, which is the very same when nothing changes; what became of it, why, and warnings."""


def convert(value: Any, choices: Choices) -> tuple[Any, list[Told]]:
    """A document's value, the very same when nothing changes, and what became of each pod and workload in it."""
    if not isinstance(value, dict):
        return value, []
    if str(value.get("kind")).endswith("List") and isinstance(value.get("items"), list):
        return _list(value, choices)
    path = _path(value)
    if path is None:
        return value, []
    new, outcome, why, warnings = _object(value, path, choices)
    return new, [Told(_name(value), outcome, why, warnings)]


def _list(value: Json, choices: Choices) -> tuple[Json, list[Told]]:
    old = value["items"]
    converted = [convert(item, choices) for item in old]
    new = [item for item, _ in converted]
    same = all(a is b for a, b in zip(new, old, strict=True))
    return value if same else value | {"items": new}, [told for _, several in converted for told in several]


def _path(value: Json) -> tuple[str, ...] | None:
    """To the pod's metadata and spec; None when there are none."""
    group = str(value.get("apiVersion")).rpartition("/")[0]
    kind = group, str(value.get("kind"))
    return () if kind == ("", "Pod") else TEMPLATES.get(kind)


def _name(value: Json) -> str:
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return f"{value['kind'].lower()}/{metadata.get('name') or metadata.get('generateName') or '(no name)'}"


def _object(value: Json, path: tuple[str, ...], choices: Choices) -> Result:
    if mistakes := list(shape.mistakes(value, path)):
        return value, "refused", "\n".join(mistakes), ()
    try:
        if choices.remove:
            return _removed(value, path)
        return _workload(value, path, choices) if path else _pod(value, choices)
    except (TypeError, AttributeError, LookupError, ValueError) as error:
        return value, "refused", f"nothing Kubernetes would take: {type(error).__name__}: {error}", ()


def _pod(pod: Json, choices: Choices) -> Result:
    namespace = _namespace(pod, choices)
    decided = decision.decide(pod, namespace, choices.flags, choices.template)
    if decided.plan is None:
        return _left(pod, decided, ())
    done = mutate.inject(pod, namespace, decided.plan, choices.template)
    return done.pod, "injected", f"as {owners.workload(pod.get('metadata') or {}, namespace)}", done.warnings


def _workload(obj: Json, path: tuple[str, ...], choices: Choices) -> Result:
    if workload.is_managed(obj):
        return obj, "skipped", "managed: another object made it; inject that one", ()
    namespace = _namespace(obj, choices)
    decided = Foresight(path, namespace, choices.flags, choices.template).decide(obj)
    copied = workload.copy(obj, path)
    warnings = (*copied.warnings, *workload.strangers(obj))
    if decided.plan is None:
        return _left(obj, decided, warnings)
    pod = workload.as_pod(copied.workload, path)
    done = mutate.inject(pod, namespace, decided.plan, choices.template)
    new = _with_pod(copied.workload, path, done.pod)
    return new, "injected", f"as {owners.workload(pod['metadata'], namespace)}", (*warnings, *done.warnings)


def _left(obj: Json, decided: Decision, warnings: tuple[str, ...]) -> Result:
    if decided.verdict == "refuse":
        return obj, "refused", decided.message.strip(), warnings
    return obj, "skipped", ": ".join(filter(None, (decided.reason, decided.message))), warnings


def _removed(obj: Json, path: tuple[str, ...]) -> Result:
    pod = workload.as_pod(obj, path) if path else obj
    bare = undo.uninject(pod)
    if bare is pod:
        return obj, "skipped", "not-injected", ()
    if not path:
        return bare, "removed", "", ()
    restored = _with_pod(obj, path, bare)
    # What was copied down goes as well, as it would if the workload said nothing.
    silent = restored | {
        "metadata": {key: value for key, value in obj["metadata"].items() if key != "annotations"}
    }
    return workload.copy(silent, path).workload | {"metadata": obj["metadata"]}, "removed", "", ()


def _with_pod(obj: Json, path: tuple[str, ...], pod: Json) -> Json:
    """With the pod's metadata and spec for those of its template."""
    if path:
        return obj | {path[0]: _with_pod(obj[path[0]], path[1:], pod)}
    metadata = {key: value for key, value in pod["metadata"].items() if key != "ownerReferences"}
    return obj | ({"metadata": metadata} if metadata or "metadata" in obj else {}) | {"spec": pod["spec"]}


def _namespace(obj: Json, choices: Choices) -> str:
    return (obj.get("metadata") or {}).get("namespace") or choices.namespace
