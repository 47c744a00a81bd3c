"""What there is: pods, nodes, LimitRanges and owners, followed by list and watch, or listed once.

Every pod of the cluster is followed, because every one of them takes something from its node; of those that are not
in the market two values are kept. Which take part is a question of annotations, and of `namespaces` where given.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from coordinator.kube import kept
from coordinator.kube.identities import Identity
from coordinator.kube.kept import Other
from coordinator.policy import pods
from coordinator.policy.config import Bounds, Node
from coordinator.policy.limitranges import merged
from coordinator.policy.pods import Rules
from coordinator.policy.subject import Skipped, Subject
from sidecar import clock
from sidecar.kube.client import Client, Object
from sidecar.kube.errors import ApiError
from sidecar.kube.watch import Reflector
from sidecar.parsing import ParseError
from sidecar.policy import quantities

Key = tuple[str, str]
"""Namespace (empty for nodes) and name."""
Chain = tuple[tuple[str, str], ...]
"""(kind, name) of a pod's controllers, the nearest first."""

Heard = Callable[[str, Key | None], None]
"""Collection, and which of its objects may have changed; None: any."""

DEEPEST: Final = 4
PATHS: Final = {
    "pods": ("/api/v1/pods", kept.pod),
    "nodes": ("/api/v1/nodes", kept.node),
    "limitranges": ("/api/v1/limitranges", kept.limit_range),
    "replicasets": ("/apis/apps/v1/replicasets", kept.replica_set),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is at one moment."""

    subjects: tuple[Subject, ...]
    """Sorted by namespace and name."""
    skipped: tuple[Skipped, ...]
    bounds: Mapping[str, Bounds]
    pods: Mapping[str, Object]
    """The subjects' pods, reduced, by uid."""
    chains: Mapping[str, Chain]
    """The subjects' controllers, by uid."""


class Inventory:
    """Follows the API server. `failed(collection, error)` is told once per kind of mishap."""

    def __init__(
        self,
        client: Client,
        rules: Rules,
        *,
        reserve: float,
        namespaces: Sequence[str] = (),
        failed: Callable[[str, ApiError], None] = lambda *_: None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._rules = rules
        self._reserve = reserve
        self._namespaces = frozenset(namespaces)
        self._now = now
        self._heard: list[Heard] = []
        self._objects: dict[str, dict[Key, Object]] = {name: {} for name in PATHS}
        self._reflectors = {
            name: Reflector(
                client,
                path,
                partial(self._replaced, name),
                partial(self._changed, name),
                failed=partial(failed, name),
                keep=partial(_kept, keep),
                now=now,
            )
            for name, (path, keep) in PATHS.items()
        }

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(objects)} {name}" for name, objects in self._objects.items())
        return f"Inventory({sizes})"

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors.values():
                group.create_task(reflector.run())

    async def once(self) -> None:
        """List everything and follow nothing. Raises `ApiError`."""
        for reflector in self._reflectors.values():
            await reflector.once()

    def missing(self) -> str:
        """Collections that have never been listed; empty when all have."""
        return ", ".join(name for name, each in self._reflectors.items() if not each.synced)

    def stale(self, after_s: float) -> str:
        """Collections the server has said nothing of for so long; empty when there are none."""
        now = self._now()
        return ", ".join(
            f"{name} for {now - (each.heard_at or now):.0f} s"
            for name, each in self._reflectors.items()
            if each.heard_at is not None and now - each.heard_at > after_s
        )

    def hear(self, heard: Heard) -> None:
        """Call this whenever something may have changed."""
        self._heard.append(heard)

    def knows(self, *names: str) -> bool:
        """Whether these collections have been listed."""
        return all(self._reflectors[name].synced for name in names)

    def identity(self, key: Key) -> Identity | None:
        """Of a pod, whether or not it is in the market."""
        found: Identity | None = self._objects["pods"].get(key, {}).get("identity")
        return found

    def identities(self) -> Iterator[tuple[Key, Identity]]:
        """Of all pods."""
        for key, pod in self._objects["pods"].items():
            if "identity" in pod:
                yield key, pod["identity"]

    def zones(self) -> dict[str, str]:
        """Of nodes that say where they are."""
        return {name: each["zone"] for (_, name), each in self._objects["nodes"].items() if each.get("zone")}

    def look(self) -> Found:
        """Everything as it is now. Never raises for what an object says: such a pod is skipped."""
        read = [self._read(pod) for pod in self._taking_part()]
        subjects = [(subject, pod) for subject, pod in read if isinstance(subject, Subject)]
        skipped = tuple(subject for subject, _ in read if isinstance(subject, Skipped))
        return Found(
            subjects=tuple(subject for subject, _ in subjects),
            skipped=skipped,
            bounds=merged(self._objects["limitranges"].values()),
            pods={subject.uid: pod for subject, pod in subjects},
            chains={subject.uid: self.chain(pod) for subject, pod in subjects},
        )

    def nodes(self, market: Iterable[Subject]) -> tuple[Node, ...]:
        """Their nodes, and what there is to hand out among them; all other containers take what they ask for."""
        return tuple(self._nodes({subject.uid: subject for subject in market}))

    def chain(self, pod: Object) -> Chain:
        """Its controllers: `(("ReplicaSet", "a-1"), ("Deployment", "a"))`."""
        found: list[tuple[str, str]] = []
        at: Object | None = pod
        namespace = (pod.get("metadata") or {}).get("namespace", "")
        while at is not None and len(found) < DEEPEST:
            owner = next(iter((at.get("metadata") or {}).get("ownerReferences") or ()), None)
            if not isinstance(owner, dict):
                break
            found.append((str(owner.get("kind")), str(owner.get("name"))))
            replica_set = owner.get("kind") == "ReplicaSet"
            at = (
                self._objects["replicasets"].get((namespace, str(owner.get("name")))) if replica_set else None
            )
        return tuple(found)

    # -- reading

    def _taking_part(self) -> Iterator[Object]:
        for (namespace, _), pod in sorted(self._objects["pods"].items()):
            if "other" not in pod and (not self._namespaces or namespace in self._namespaces):
                yield pod

    def _read(self, pod: Object) -> tuple[Subject | Skipped, Object]:
        chain = self.chain(pod)
        name = (pod.get("metadata") or {}).get("name", "")
        workload = "/".join(chain[-1]) if chain else f"Pod/{name}"
        node = (pod.get("spec") or {}).get("nodeName") or ""
        return pods.subject(pod, workload, self._allocatable_m(node), self._rules), pod

    def _allocatable_m(self, node: str) -> int | None:
        text = (self._objects["nodes"].get(("", node)) or {}).get("allocatable")
        try:
            return None if text is None else quantities.parse_quantity(str(text), 1000)
        except ParseError:
            return None

    def _nodes(self, subjects: Mapping[str, Subject]) -> Iterator[Node]:
        """What is left for the market: allocatable, but for the reserve and what those outside it ask for."""
        taken: dict[str, int] = {}
        for pod in self._objects["pods"].values():
            outside = self._outside(pod, subjects)
            taken[outside.node] = taken.get(outside.node, 0) + outside.request_m
        for name in sorted({subject.node for subject in subjects.values()}):
            allocatable_m = self._allocatable_m(name)
            if allocatable_m is None:  # gone since its pods were looked at: they are left as they are
                continue
            free_m = int(allocatable_m * (1 - self._reserve)) - taken.get(name, 0)
            yield Node(name=name, capacity_m=max(0, free_m))

    def _outside(self, pod: Object, subjects: Mapping[str, Subject]) -> Other:
        if "other" in pod:
            found: Other = pod["other"]
            return found
        subject = subjects.get((pod.get("metadata") or {}).get("uid", ""))
        if subject is None:
            return kept.other(pod)
        return Other(subject.node, kept.request_m(pod, without=subject.container))

    # -- being told

    def _replaced(self, name: str, objects: list[Object]) -> None:
        self._objects[name] = {_key(found): found for found in objects}
        for heard in self._heard:
            heard(name, None)

    def _changed(self, name: str, kind: str, found: Object) -> None:
        if kind == "DELETED":
            self._objects[name].pop(_key(found), None)
        else:
            self._objects[name][_key(found)] = found
        for heard in self._heard:
            heard(name, _key(found))


def _kept(keep: Callable[[Object], Object], found: Object) -> Object:
    """What no API server lets in must not end the watch of everything else: only its name is kept."""
    try:
        return keep(found)
    except (AttributeError, KeyError, TypeError, ValueError):
        meta = found.get("metadata")
        return {"metadata": meta if isinstance(meta, dict) else {}, "other": Other("", 0)}


def _key(found: Mapping[str, Any]) -> Key:
    meta = found.get("metadata") or {}
    return str(meta.get("namespace") or ""), str(meta.get("name") or "")
