"""What `check` is asked about (`deployment/gateway`, `pod gateway-5f6-x`, a name), and what its pods show. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from injector.command import offline
from injector.mutation import workload
from sidecar import contract, parsing
from sidecar.parsing import unfit

Json = dict[str, Any]

_KINDS: Final = {
    "Deployment": ("/apis/apps/v1", "deployments", "deploy"),
    "Pod": ("/api/v1", "pods", "po"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", "sts"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", "ds"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets", "rs"),
    "CronJob": ("/apis/batch/v1", "cronjobs", "cj"),
    "Job": ("/apis/batch/v1", "jobs", "jobs"),
}
"""In the order in which a bare name is looked for."""
_WORDS: Final = {
    word: kind for kind, (_, plural, short) in _KINDS.items() for word in (kind.lower(), plural, short)
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that is, or has, a pod template."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"

    def path(self, namespace: str) -> str:
        """On the API server."""
        root, plural, _ = _KINDS[self.kind]
        return f"{root}/namespaces/{namespace}/{plural}/{self.name}"

    @property
    def template(self) -> tuple[str, ...]:
        """Path to its pod template; empty for a pod."""
        group = _KINDS[self.kind][0].removeprefix("/apis/").removeprefix("/api/").rpartition("/")[0]
        return () if self.kind == "Pod" else offline.TEMPLATES[group, self.kind]


def parse(words: Sequence[str]) -> list[Subject]:
    """One candidate, or for a bare name one of each kind. Raises ParseError."""
    if len(words) > 2:
        raise unfit(f"{len(words)} words", "one object: NAME, KIND/NAME or KIND NAME")
    kind, slash, name = words[0].partition("/") if len(words) == 1 else (words[0], "/", words[1])
    if not slash:
        return [Subject(each, kind) for each in _KINDS]
    known = _WORDS.get(kind.lower().partition(".")[0])
    if known is None or not name:
        near = parsing.suggestion(kind, _WORDS)
        raise unfit(
            f"{'/'.join(words)!r} names nothing that has pods{near}",
            f"NAME, or KIND/NAME of {', '.join(_KINDS)}",
        )
    return [Subject(known, name)]


def owner(obj: Json) -> Subject | None:
    """Its controller, where that is one of the kinds we know."""
    references = (obj.get("metadata") or {}).get("ownerReferences") or ()
    found = next((each for each in references if each.get("controller") is True), None)
    return Subject(found["kind"], found["name"]) if found and found.get("kind") in _KINDS else None


def as_pod(obj: Json, path: tuple[str, ...]) -> Json:
    """The pod, or one of the workload's template as it stands."""
    return workload.as_pod(obj, path) if path else obj


def is_injected(pod: Json) -> bool:
    """Has our status and our container."""
    spec, annotations = pod.get("spec") or {}, (pod.get("metadata") or {}).get("annotations") or {}
    names = {each.get("name") for part in ("initContainers", "containers") for each in spec.get(part) or ()}
    return contract.STATUS in annotations and contract.SIDECAR_CONTAINER in names


def ailments(pod: Json) -> Iterator[str]:
    """What is wrong with our containers of an injected pod, as the kubelet has it."""
    status = pod.get("status") or {}
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if each.get("name") not in (contract.SIDECAR_CONTAINER, contract.INIT_CONTAINER):
            continue
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            ended = (each.get("lastState") or {}).get("terminated") or {}
            why = ended.get("message") or waiting.get("message") or ""
            yield f"{each['name']} waits: {waiting['reason']} {why}".strip()
