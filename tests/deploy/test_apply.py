"""kubectl apply and delete: twice, over what the injector wrote, and to the end."""

import pytest

from tests.deploy import cluster, manifests
from tests.support.kube import ApiServer, Cluster, namespace
from tests.support.kube.controllers import Controllers

pytestmark = pytest.mark.kube

RESENT = {f"poddisruptionbudget.policy/equilibrium-{name}" for name in ("injector", "coordinator")}
"""kubectl sends the selector of a budget every time, changed or not: its patch strategy is "replace"."""


def sent(said: str) -> set[str]:
    """What `kubectl apply` did not find unchanged."""
    return {line.partition(" ")[0] for line in said.splitlines() if not line.endswith(" unchanged")}


@pytest.mark.parametrize(
    "folder", ["base", "overlays/kubernetes-discovery", "overlays/kind", "coordinator", "example"]
)
async def test_applying_twice_changes_nothing_the_second_time(kube: Cluster, folder: str) -> None:
    objects = manifests.rendered(folder)
    if folder == manifests.COORDINATOR:
        await namespace(kube, cluster.NAMESPACE)
    first = await cluster.apply(kube, "-k", f"deploy/{folder}")
    assert [line.rpartition(" ")[2] for line in first.splitlines()] == ["created"] * len(objects)
    before = await cluster.stored(kube, objects)
    second = await cluster.apply(kube, "-k", f"deploy/{folder}")
    assert sent(second) <= RESENT
    assert await cluster.stored(kube, objects) == before


@pytest.mark.parametrize("folder", ["base", "example"])
async def test_applying_on_the_servers_side_twice_changes_nothing_either(kube: Cluster, folder: str) -> None:
    if isinstance(kube, ApiServer):
        pytest.skip("the double does no server-side apply: KUBEBUILDER_ASSETS names no real server")
    objects = manifests.rendered(folder)
    await cluster.apply(kube, "--server-side", "-k", f"deploy/{folder}")
    before = await cluster.stored(kube, objects)
    await cluster.apply(kube, "--server-side", "-k", f"deploy/{folder}")
    assert await cluster.stored(kube, objects) == before


async def test_the_server_knows_every_field(kube: Cluster) -> None:
    for each in (*manifests.installed(), *manifests.installed(manifests.COORDINATOR)):
        await kube.create(each, query="?fieldValidation=Strict")


async def test_applying_again_leaves_the_ca_bundle_alone(installed: ApiServer) -> None:
    async def bundles() -> set[str]:
        found = await installed.get(cluster.WEBHOOK, "", cluster.NAME)
        return {each["clientConfig"].get("caBundle", "") for each in found["webhooks"]}

    before = await bundles()
    assert len(before) == 1
    assert "" not in before
    said = await cluster.apply(installed, "-f", "deploy/install.yaml")
    assert sent(said) <= RESENT
    assert await bundles() == before


async def test_the_injectors_own_pods_start_while_there_is_no_injector(api: ApiServer) -> None:
    async with Controllers(api) as controllers:
        await cluster.apply(api, "-f", "deploy/install.yaml")
        await controllers.settled()
    running = [pod["status"]["phase"] for pod in await api.list("Pod", cluster.NAMESPACE)]
    assert running == ["Running", "Running"]


async def test_the_coordinator_needs_the_namespace_and_says_so(api: ApiServer) -> None:
    said = await cluster.kubectl(api, "apply", "-f", "deploy/coordinator.yaml")
    assert said.code == 1
    assert 'namespaces "equilibrium-system" not found' in said.err


async def test_taking_the_coordinator_away_leaves_the_injector(api: ApiServer) -> None:
    for file in manifests.RENDERED.values():
        await cluster.apply(api, "-f", f"deploy/{file}")
    said = await cluster.kubectl(api, "delete", "-f", "deploy/coordinator.yaml")
    assert said.code == 0, said.err
    assert await cluster.stored(api, manifests.installed())
    left = [each["metadata"]["name"] for each in await api.list("Deployment")]
    assert left == [cluster.NAME]


async def test_uninstalling_as_documented_leaves_nothing(api: ApiServer) -> None:
    await cluster.apply(api, "-f", "deploy/install.yaml")
    commands = cluster.documented("## Uninstalling")
    assert commands[0] == ["delete", "mutatingwebhookconfiguration", "equilibrium-injector"]
    for words in commands:
        said = await cluster.kubectl(api, *words)
        assert said.code == 0, said.err
    left = {
        kind: await api.list(kind)
        for kind in {each["kind"] for each in manifests.installed()} - {"Namespace"}
    }
    assert {kind: found for kind, found in left.items() if found} == {}
