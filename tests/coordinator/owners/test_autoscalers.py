"""HPAs and VPAs followed on a server: found by target, forgotten when gone, and none where there is no such kind."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from coordinator.kube.autoscalers import HPAS, VPAS, Autoscalers
from sidecar.kube.client import Access, Client
from sidecar.kube.errors import ApiError
from tests.coordinator.owners.objects import hpa, resource, vpa
from tests.support.kube import ApiServer, until

CHAIN = (("ReplicaSet", "web-6f7"), ("Deployment", "web"))


class Scripted:
    """A client for lists and watches that a test fills. `known`: the kinds there are."""

    def __init__(self) -> None:
        self.objects: dict[str, list] = {HPAS: [], VPAS: []}
        self.known = {HPAS, VPAS}
        self.failing: set[str] = set()
        self.lists: list[str] = []
        self.events: asyncio.Queue = asyncio.Queue()

    async def pages(self, path: str, **_: str) -> AsyncIterator:
        yield await self.list(path)

    async def list(self, path: str) -> tuple[list, str]:
        self.lists.append(path)
        await asyncio.sleep(0)
        if path in self.failing:
            raise ApiError(503, "ServiceUnavailable", "the test wants it")
        if path not in self.known:
            raise ApiError(404, "NotFound", "404 page not found")
        return [dict(each) for each in self.objects[path]], "1"

    async def watch(self, path: str, *_: object, **__: object) -> AsyncIterator:
        if path == HPAS:
            while True:
                yield await self.events.get()
        await asyncio.Event().wait()
        yield


def names(owners) -> tuple[list[str], list[str]]:
    return [each.name for each in owners.hpas], [each.name for each in owners.vpas]


async def listed(client: Scripted, failed=lambda _: None) -> Autoscalers:
    made = Autoscalers(client, failed)
    await made.once()
    return made


async def test_they_are_found_by_any_controller_of_the_pod():
    client = Scripted()
    client.objects[HPAS] = [
        hpa(resource(), name="by-deployment"),
        hpa(resource(), name="other", target={"kind": "Deployment", "name": "api"}),
        hpa(resource(), name="elsewhere", namespace="db"),
    ]
    client.objects[VPAS] = [vpa("Auto", name="by-set", target={"kind": "ReplicaSet", "name": "web-6f7"})]
    made = await listed(client)
    assert made.synced
    assert names(made.of("shop", CHAIN)) == (["by-deployment"], ["by-set"])
    assert names(made.of("shop", ())) == ([], [])
    assert names(made.of("shop", (("StatefulSet", "web"),))) == ([], [])


async def test_one_that_cannot_be_read_owns_the_namespace_and_is_named():
    client = Scripted()
    client.objects[VPAS] = [vpa("Auto", name="odd", target=7)]
    made = await listed(client)
    assert names(made.of("shop", (("StatefulSet", "any"),))) == ([], ["odd"])
    assert names(made.of("db", (("StatefulSet", "any"),))) == ([], [])
    assert made.flawed() == {"VerticalPodAutoscaler shop/odd": "spec.targetRef: not an object"}


async def test_a_cluster_without_vpas_has_none():
    client = Scripted()
    client.known = {HPAS}
    told: list[ApiError] = []
    made = await listed(client, told.append)
    assert made.synced
    assert names(made.of("shop", CHAIN)) == ([], [])
    assert told == []


async def test_a_cluster_that_does_not_answer_is_not_one_without():
    client = Scripted()
    client.failing = {VPAS}
    made = Autoscalers(client)
    with pytest.raises(ApiError, match="503"):
        await made.once()
    assert not made.synced


async def test_hpas_are_not_optional():
    client = Scripted()
    client.known = {VPAS}
    with pytest.raises(ApiError, match="404"):
        await Autoscalers(client).once()


async def test_vpas_that_are_installed_later_are_found(monkeypatch):
    monkeypatch.setattr("sidecar.kube.watch.REFUSED_S", 0.01)
    client = Scripted()
    client.known = {HPAS}
    made = Autoscalers(client)
    running = asyncio.get_running_loop().create_task(made.run())
    try:
        await until(lambda: made.synced)
        client.objects[VPAS] = [vpa("Auto")]
        client.known.add(VPAS)
        await until(lambda: names(made.of("shop", CHAIN)) == ([], ["web"]))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_known_stays_while_the_server_is_away_and_changes_are_followed():
    client = Scripted()
    client.objects[HPAS] = [hpa(resource())]
    made = Autoscalers(client)
    running = asyncio.get_running_loop().create_task(made.run())
    try:
        await until(lambda: made.synced)
        await client.events.put(("ADDED", hpa(resource(), name="second")))
        await until(lambda: names(made.of("shop", CHAIN))[0] == ["web", "second"])
        await client.events.put(("DELETED", hpa(resource())))
        await until(lambda: names(made.of("shop", CHAIN))[0] == ["second"])
        assert made.synced
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_on_a_server_hpas_come_and_go():
    async with ApiServer() as api:
        await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        client = Client(Access(api.url, ca_file=str(api.ca_file), token=api.token))
        made = Autoscalers(client)
        running = asyncio.get_running_loop().create_task(made.run())
        try:
            await until(lambda: made.synced)
            utilisation = {"type": "Utilization", "averageUtilization": 80}
            metric = {"type": "Resource", "resource": {"name": "cpu", "target": utilisation}}
            target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
            found = hpa(metric, target=target) | {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
            }
            found["metadata"] = {"name": "web", "namespace": "shop"}
            found["spec"]["maxReplicas"] = 3
            await api.create(found)
            await until(lambda: names(made.of("shop", CHAIN)) == (["web"], []))
            assert made.of("shop", CHAIN).hpas[0].divides_by("app")
            await api.delete("HorizontalPodAutoscaler", "shop", "web")
            await until(lambda: names(made.of("shop", CHAIN)) == ([], []))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await client.close()
        assert [url for _, _, url in api.requests if re.search("verticalpod", url)]
