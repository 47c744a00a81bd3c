"""What a kubelet does with a resize: admits or defers it, says so, writes the control groups, says that it is done.

The order of statuses, their conditions and words are those of `transcripts/kubelet-*.json`.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from loadtest.mesh.node import amounts, objects
from loadtest.mesh.node.amounts import CPU, MEMORY
from loadtest.mesh.node.answers import Object, Refused
from loadtest.mesh.node.enclosure import Enclosure
from loadtest.mesh.node.store import Event, Store

IN_PROGRESS: Final = "PodResizeInProgress"
PENDING: Final = "PodResizePending"
WORK_S: Final = 0.03
"""Between saying that it is at it and having done it; the real one took 20 to 60 ms."""
RETRY_S: Final = 3.0
"""Until what failed is tried again."""
Key = tuple[str, str]
"""Namespace and name."""


class Kubelet:
    """Of one node. `run` follows the store until cancelled."""

    def __init__(self, store: Store, allocatable: dict[str, int]) -> None:
        self.allocatable = allocatable
        self.enclosures: dict[Key, Enclosure] = {}
        self._store = store
        self._due: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        store.listeners.append(self._hear)

    def _hear(self, event: Event) -> None:
        if event.collection != objects.PODS:
            return
        meta = event.found["metadata"]
        key = (meta["namespace"], meta["name"])
        if event.kind == "DELETED":
            self._waiting.discard(key)
            self._again()
        elif meta["generation"] > event.found["status"]["observedGeneration"]:
            self._due.put_nowait(key)

    def _again(self) -> None:
        for key in self._waiting:
            self._due.put_nowait(key)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(RETRY_S):
                    key = await self._due.get()
            except TimeoutError:
                self._again()
                continue
            try:
                await self._sync(key)
            except Refused:  # the pod has gone meanwhile
                self._waiting.discard(key)

    def start(self, key: Key) -> None:
        """Its processes run: the limits hold from here on."""
        pod = self._store.get(objects.PODS, *key)
        self._enforce(pod)
        status = pod["status"]
        generation = pod["metadata"]["generation"]
        status |= {"phase": "Running", "startTime": objects.stamp(), "observedGeneration": generation}
        status["conditions"] = [
            objects.condition(kind, generation)
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ]
        state = {"running": {"startedAt": objects.stamp()}}
        container: Object = {"name": objects.CONTAINER, "image": "local", "imageID": "", "state": state}
        container |= {"restartCount": 0, "ready": True, "started": True}
        container |= {"allocatedResources": dict(_spec(pod)["requests"]), "resources": self._actual(pod)}
        status["containerStatuses"] = [container]
        self._store.put(objects.PODS, pod)

    async def _sync(self, key: Key) -> None:
        pod = self._store.get(objects.PODS, *key)
        if "containerStatuses" not in pod["status"]:
            return
        generation = pod["metadata"]["generation"]
        if shortage := self._shortage(pod):
            self._waiting.add(key)
            self._say(key, generation, (PENDING, "Deferred", shortage))
            return
        self._waiting.discard(key)
        self._say(key, generation, (IN_PROGRESS, "", ""))
        await asyncio.sleep(WORK_S)
        pod = self._store.get(objects.PODS, *key)
        error = self._below_use(pod)
        if not error:
            error = self._enforce(pod)
        if error:
            self._waiting.add(key)
            self._say(key, generation, (IN_PROGRESS, "Error", error))
        else:
            self._say(key, generation, None)
            self._again()

    def _shortage(self, pod: Object) -> str:
        """Why its requests cannot be granted now; empty when they can. What does not grow is always granted."""
        uid = pod["metadata"]["uid"]
        others = [each for each in self._store.all(objects.PODS) if each["metadata"]["uid"] != uid]
        for name in (CPU, MEMORY):
            asked = amounts.total(pod["spec"]["containers"], "requests", name)
            used = sum(_allocated(each, name) for each in others)
            if asked > _allocated(pod, name) and used + asked > self.allocatable[name]:
                return (
                    f"Node didn't have enough resource: {name}, requested: {asked}, used: {used}, "
                    f"capacity: {self.allocatable[name]}"
                )
        return ""

    def _below_use(self, pod: Object) -> str:
        """Memory limits that would kill are not written."""
        enclosure = self.enclosures[_key(pod)]
        limit, used = amounts.of(pod["spec"]["containers"][0], "limits", MEMORY), enclosure.used_bytes()
        if limit is None or used is None or limit >= used:
            return ""
        return (
            f'cannot decrease memory limits: attempting to set container "{objects.CONTAINER}" '
            f"memory limit ({limit}) below current usage ({used})"
        )

    def _enforce(self, pod: Object) -> str:
        container, enclosure = pod["spec"]["containers"][0], self.enclosures[_key(pod)]
        try:
            enclosure.set_memory(amounts.of(container, "limits", MEMORY))
            enclosure.set_cpu(
                amounts.of(container, "limits", CPU), amounts.of(container, "requests", CPU) or 0
            )
        except OSError as error:
            return f"failed to update control groups: {error}"
        return ""

    def _say(self, key: Key, generation: int, told: tuple[str, str, str] | None) -> None:
        """Write the status; None: done."""
        pod = self._store.get(objects.PODS, *key)
        status, container = pod["status"], pod["status"]["containerStatuses"][0]
        before = {each["type"]: each for each in status["conditions"]}
        rest = [each for each in status["conditions"] if each["type"] not in (PENDING, IN_PROGRESS)]
        status["observedGeneration"] = generation
        for each in rest:
            each["observedGeneration"] = generation
        if told is not None:
            fresh = objects.condition(told[0], generation, told[1], told[2], probed=objects.stamp())
            if told[0] in before:
                fresh["lastTransitionTime"] = before[told[0]]["lastTransitionTime"]
            rest = [fresh, *rest]
        status["conditions"] = rest
        if told is None or told[0] == IN_PROGRESS:
            container["allocatedResources"] = dict(_spec(pod)["requests"])
        if told is None:
            container["resources"] = self._actual(pod)
        self._store.put(objects.PODS, pod)

    def _actual(self, pod: Object) -> Object:
        """What is enforced: the CPU limit as the kernel has it."""
        spec = _spec(pod)
        found: Object = {kind: dict(spec[kind]) for kind in ("limits", "requests") if kind in spec}
        held_m = self.enclosures[_key(pod)].cpu_m()
        if held_m is not None and CPU in found.get("limits", {}):
            wanted_m = amounts.number(found["limits"][CPU], CPU)
            found["limits"][CPU] = amounts.cpu_text(max(held_m, wanted_m))  # never less: the node is the rest
        return found


def _spec(pod: Object) -> Object:
    found: Object = pod["spec"]["containers"][0]["resources"]
    return found


def _key(pod: Object) -> Key:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _allocated(pod: Object, name: str) -> int:
    told: Iterable[Object] = pod["status"].get("containerStatuses") or pod["spec"]["containers"]
    found = [each.get("allocatedResources") or each["resources"]["requests"] for each in told]
    return sum(amounts.number(each[name], name) for each in found if name in each)
