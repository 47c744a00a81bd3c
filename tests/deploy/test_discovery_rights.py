"""What overlays/kubernetes-discovery grants is what a sidecar's discovery needs, and only to that namespace."""

import asyncio
from pathlib import Path

import pytest

from sidecar.discovery.kubernetes import KubernetesSource
from sidecar.errors import DiscoveryError
from sidecar.kube.access import Access
from sidecar.kube.client import Client
from sidecar.policy.endpoints import EndpointsChanged, Event
from tests.deploy import cluster
from tests.support.kube import ApiServer
from tests.support.kube.controllers import Controllers

pytestmark = pytest.mark.kube


async def told(api: ApiServer, token: Path, host: str, port: int) -> EndpointsChanged:
    """The first thing a sidecar in urbanmove learns of a service, with that token."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    errors: list[DiscoveryError] = []
    access = Access(api.url, str(token), str(api.ca_file))
    source = KubernetesSource(Client(access), "urbanmove", errors.append)
    async with asyncio.timeout(cluster.PATIENCE_S), asyncio.TaskGroup() as group:
        running = group.create_task(source.run(events.put_nowait))
        source.seek(host, port)
        while not isinstance(event := await events.get(), EndpointsChanged) or event.host != host:
            pass
        running.cancel()
    return event


async def test_a_sidecar_of_the_namespace_sees_the_pods_and_one_of_another_does_not(
    api: ApiServer, tmp_path: Path
) -> None:
    for folder in ("overlays/kubernetes-discovery", "example"):
        await cluster.apply(api, "-k", f"deploy/{folder}")
    # Nobody answers for the webhook here, and it is not what this is about
    assert (await cluster.kubectl(api, "delete", "mutatingwebhookconfiguration", cluster.NAME)).code == 0
    async with Controllers(api) as controllers:
        await controllers.settled()
        token = tmp_path / "token"
        token.write_text(api.service_account("urbanmove", "default"))
        seen = await told(api, token, "trajet-service", 8082)
        assert seen.endpoints is not None
        # The pods' port, not the Service's
        assert [each.address.rpartition(":")[2] for each in seen.endpoints] == ["8081"] * 3
        token.write_text(api.service_account("default", "default"))
        assert (await told(api, token, "trajet-service", 8082)).endpoints is None
