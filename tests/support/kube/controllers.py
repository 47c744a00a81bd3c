"""The controllers of a cluster, as far as tests need them: Deployment → ReplicaSet → Pods, and EndpointSlices.

    async with ApiServer() as api, Controllers(api, Addresses(["127.0.0.2", "127.0.0.3"])) as controllers:
        await api.create(deployment)
        await controllers.settled()

Level-triggered: after every write they look at everything and do what is missing, until nothing is.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from sidecar import clock
from sidecar.supervise import Supervisor
from tests.support.kube import rollouts, slices
from tests.support.kube.cluster import until
from tests.support.kube.endpoints import Endpoints
from tests.support.kube.hands import Hands
from tests.support.kube.kubelet import Addresses, Kubelet
from tests.support.kube.lives import Lives
from tests.support.kube.resources import by_kind
from tests.support.kube.server import ApiServer
from tests.support.kube.status import Refusal

Object = dict[str, Any]

RETRY_S = 0.2
OWNED = ("ReplicaSet", "Pod", "EndpointSlice")


class Controllers:
    """Run inside `async with`. A failure of the kubelet a test gave is raised at the end."""

    def __init__(self, api: ApiServer, runner: Kubelet | None = None, *, nodes: Sequence[str] = ("node-a",)):
        self._store = api.store
        self._hands = Hands(api.store, api.verbs)
        self._endpoints = Endpoints(api.store, self._hands)
        self._failures: list[BaseException] = []
        self._supervisor = Supervisor(lambda name, error: self._failures.append(error))
        self._lives = Lives(self._store, runner or Addresses(), nodes, self._supervisor, lambda: self._seen)
        self._retry_at: dict[str, float] = {}
        self._seen = -1

    async def __aenter__(self) -> Self:
        self._supervisor.start("controllers", self._run)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._supervisor.stop()
        if self._failures:
            raise self._failures[0]

    async def settled(self) -> None:
        """Returns when there is nothing left to do: all pods run or have ended, all slices say so."""
        await until(lambda: bool(self._failures) or self._idle())
        if self._failures:
            raise self._failures[0]

    def _idle(self) -> bool:
        return self._seen == self._store.version and not self._lives.busy

    async def _run(self) -> None:
        while True:
            changed, version = self._store.changed, self._store.version
            try:
                await self._look()
            except Refusal:  # somebody wrote in between, or a webhook refuses: as in a cluster, try again
                self._retry_at["look"] = clock.now() + RETRY_S
            if self._store.version == version:
                self._seen = version
                await self._rest(changed)

    async def _rest(self, changed: asyncio.Event) -> None:
        """Until something is written, or something that was refused may be tried again."""
        seconds = min(self._retry_at.values(), default=float("inf")) - clock.now()
        try:
            async with asyncio.timeout(None if seconds == float("inf") else max(0.0, seconds)):
                await changed.wait()
        except TimeoutError:
            now = clock.now()
            self._retry_at = {what: at for what, at in self._retry_at.items() if at > now}

    async def _look(self) -> None:
        for name in OWNED:
            for obj in self._store.all(by_kind(name)):
                await self._collect(obj)
        for deployment in self._store.all(by_kind("Deployment")):
            await self._deployment(deployment)
        for replica_set in self._store.all(by_kind("ReplicaSet")):
            await self._replica_set(replica_set)
        for pod in self._store.all(by_kind("Pod")):
            self._lives.meet(pod)
        for service in self._store.all(by_kind("Service")):
            await self._endpoints.sync(service)

    async def _collect(self, obj: Object) -> None:
        """What a controller made goes when the owner has gone."""
        for reference in obj["metadata"].get("ownerReferences") or []:
            kind = by_kind(reference["kind"], reference["apiVersion"])
            found = self._store.get((kind, obj["metadata"]["namespace"], reference["name"]))
            gone = found is None or found["metadata"]["uid"] != reference["uid"]
            if gone and "deletionTimestamp" not in obj["metadata"]:
                await self._hands.delete(obj)

    async def _deployment(self, deployment: Object) -> None:
        sets = [
            each
            for each in self._hands.all("ReplicaSet", deployment)
            if rollouts.controlled(each, deployment)
        ]
        new = rollouts.current(deployment, sets)
        if new is None and not deployment["spec"].get("paused"):
            new = await self._hands.create(rollouts.new_set(deployment))
            sets.append(new)
        if new is not None:
            await self._number(deployment, new, sets)
            old = [each for each in sets if each is not new]
            for each in sets:
                await self._resize(each, rollouts.sizes(deployment, new, old)[each["metadata"]["name"]])
        self._hands.set_status(deployment, rollouts.status(deployment, sets, new))

    async def _number(self, deployment: Object, new: Object, sets: Sequence[Object]) -> None:
        """The newest template has the highest revision, also when it is an old one again."""
        others = max((rollouts.revision(each) for each in sets if each is not new), default=0)
        if rollouts.revision(new) <= others:
            new["metadata"].setdefault("annotations", {})[rollouts.REVISION] = str(others + 1)
            new |= await self._hands.update(new)
        self._hands.annotate(deployment, rollouts.REVISION, str(rollouts.revision(new)))

    async def _resize(self, replica_set: Object, size: int) -> None:
        if replica_set["spec"]["replicas"] != size:
            replica_set["spec"]["replicas"] = size
            replica_set |= await self._hands.update(replica_set)

    async def _replica_set(self, replica_set: Object) -> None:
        pods = [
            each for each in self._hands.all("Pod", replica_set) if rollouts.controlled(each, replica_set)
        ]
        active = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
        missing = replica_set["spec"]["replicas"] - len(active)
        for _ in range(missing):
            await self._create_pod(replica_set)
        for pod in sorted(active, key=slices.ready)[: max(0, -missing)]:  # those first that serve nobody
            await self._hands.delete(pod)
        ready = sum(map(slices.ready, active))
        counts = {"replicas": len(active), "observedGeneration": replica_set["metadata"]["generation"]}
        counts |= {"fullyLabeledReplicas": len(active)} if active else {}
        counts |= {"readyReplicas": ready, "availableReplicas": ready} if ready else {}
        self._hands.set_status(replica_set, counts)

    async def _create_pod(self, replica_set: Object) -> None:
        """A refusal is told by an event, as `kubectl describe replicaset` shows it, and tried again later."""
        metadata, template = replica_set["metadata"], replica_set["spec"]["template"]
        if self._retry_at.get(metadata["uid"], 0.0) > clock.now():
            return
        own = {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]}
        own |= {**template["metadata"], "ownerReferences": [rollouts.owner(replica_set)]}
        try:
            await self._hands.create(
                {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": template["spec"]}
            )
            self._retry_at.pop(metadata["uid"], None)
        except Refusal as refusal:
            self._retry_at[metadata["uid"]] = clock.now() + RETRY_S
            await self._hands.tell(replica_set, "FailedCreate", f"Error creating: {refusal.message}")
