"""HPAs and VPAs of the cluster, followed by list and watch, found by whom they scale.

VPAs are a CustomResourceDefinition that a cluster may not have: 404 says that there are none, and is asked again.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from coordinator.policy.autoscaling import ANY, Hpa, Vpa, hpa, vpa
from coordinator.policy.ownership import Owners
from sidecar.kube.client import ApiError, Client, Object
from sidecar.kube.watch import Reflector

HPAS: Final = "/apis/autoscaling/v2/horizontalpodautoscalers"
VPAS: Final = "/apis/autoscaling.k8s.io/v1/verticalpodautoscalers"
_MISSING: Final = 404

Failed = Callable[[ApiError], None]


Scaler = TypeVar("Scaler", Hpa, Vpa)


class Collection(Generic[Scaler]):
    """One kind, by target. `optional`: a server may not know it, which counts as synced and empty."""

    def __init__(
        self, client: Client, path: str, read: Callable[[Object], Scaler], failed: Failed, *, optional: bool
    ) -> None:
        self._client = client
        self._path = path
        self._read: Callable[[Object], Scaler] = read
        self._failed = failed
        self._optional = optional
        self._by_name: dict[tuple[str, str], Scaler] = {}
        self._by_target: dict[tuple[str, tuple[str, str]], list[Scaler]] = {}
        self._absent = False
        self._reflector = Reflector(client, path, self._replaced, self._changed, failed=self._failing)

    @property
    def synced(self) -> bool:
        """What it says is what there is, or was when the server was last heard."""
        return self._reflector.synced or self._absent

    async def run(self) -> None:
        """Until cancelled."""
        await self._reflector.run()

    async def once(self) -> None:
        """List, and follow nothing. Raises `ApiError`."""
        try:
            found, _ = await self._client.list(self._path)
        except ApiError as error:
            self._failing(error)
            if not self._absent:
                raise
        else:
            self._replaced(found)
            self._absent = True

    def of(self, namespace: str, targets: Sequence[tuple[str, str]]) -> Iterator[Scaler]:
        """Those that scale one of these, or may."""
        for target in (*targets, ANY):
            yield from self._by_target.get((namespace, target), ())

    def flawed(self) -> Iterator[Scaler]:
        """Those that could not be read."""
        return (each for each in self._by_name.values() if each.flaw)

    def _replaced(self, objects: list[Object]) -> None:
        self._absent = False
        read = [self._read(found) for found in objects]
        self._by_name = {(each.namespace, each.name): each for each in read}
        self._index()

    def _changed(self, kind: str, found: Object) -> None:
        each = self._read(found)
        if kind == "DELETED":
            self._by_name.pop((each.namespace, each.name), None)
        else:
            self._by_name[each.namespace, each.name] = each
        self._index()

    def _index(self) -> None:
        self._by_target = {}
        for each in self._by_name.values():
            self._by_target.setdefault((each.namespace, each.target), []).append(each)

    def _failing(self, error: ApiError) -> None:
        if self._optional and error.status == _MISSING:
            self._replaced([])
            self._absent = True
        else:
            self._failed(error)


class Autoscalers:
    """Who else scales a workload. `failed` is told once per kind of mishap.

    What was known stays in force while the server cannot be reached. Before `synced` nothing is known, and nobody is
    free to be sized.
    """

    def __init__(self, client: Client, failed: Failed = lambda _: None) -> None:
        self._hpas: Collection[Hpa] = Collection(client, HPAS, hpa, failed, optional=False)
        self._vpas: Collection[Vpa] = Collection(client, VPAS, vpa, failed, optional=True)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hpas.run())
            group.create_task(self._vpas.run())

    async def once(self) -> None:
        """List both kinds, and follow nothing. Raises `ApiError`."""
        await self._hpas.once()
        await self._vpas.once()

    @property
    def synced(self) -> bool:
        """Both kinds have been listed, or are known not to be there."""
        return self._hpas.synced and self._vpas.synced

    def of(self, namespace: str, chain: Sequence[tuple[str, str]]) -> Owners:
        """Those of a pod's controllers, each (kind, name), from the nearest to the topmost."""
        return Owners(tuple(self._hpas.of(namespace, chain)), tuple(self._vpas.of(namespace, chain)))

    def flawed(self) -> dict[str, str]:
        """What could not be read, and why: it counts as owning what it points at."""
        hpas = {
            f"HorizontalPodAutoscaler {each.namespace}/{each.name}": each.flaw for each in self._hpas.flawed()
        }
        vpas = {
            f"VerticalPodAutoscaler {each.namespace}/{each.name}": each.flaw for each in self._vpas.flawed()
        }
        return hpas | vpas
