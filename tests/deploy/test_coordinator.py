"""deploy/coordinator.yaml: the coordinator accepts what it is told there, and can do its work with what it may do."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from coordinator import settings
from coordinator.variables import PREFIX, VARIABLES
from sidecar import contract
from tests.coordinator.loop.world import World, pod
from tests.deploy import cluster, manifests, rights
from tests.support.kube import ApiServer, ResizingKubelet, namespace, until

pytestmark = pytest.mark.kube

NAME = "equilibrium-coordinator"
ACCOUNT = ("ServiceAccount", NAME)
USER = f"system:serviceaccount:{cluster.NAMESPACE}:{NAME}"


def container() -> manifests.Object:
    deployment = manifests.one(manifests.installed(manifests.COORDINATOR), "Deployment")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def environ() -> dict[str, str]:
    """As in a pod, the cluster's words filled in."""
    found = manifests.environment(container())
    assert found[f"{PREFIX}NAMESPACE"] == "metadata.namespace"
    assert found[f"{PREFIX}IDENTITY"] == "metadata.name"
    named = {f"{PREFIX}NAMESPACE": cluster.NAMESPACE, f"{PREFIX}IDENTITY": f"{NAME}-6f7-x2k4p"}
    return found | named


def test_the_coordinator_accepts_its_environment() -> None:
    parsed = settings.from_env(environ())
    assert {each["name"] for each in container()["env"]} <= {variable.name for variable in VARIABLES}
    assert parsed.api == "in-cluster"
    assert parsed.name == f"{NAME}-6f7-x2k4p"
    assert parsed.listen[1] == contract.COORDINATOR_PORT


def test_its_role_names_the_lease_it_asks_for() -> None:
    role = manifests.one(manifests.installed(manifests.COORDINATOR), "Role")
    names = [name for rule in role["rules"] for name in rule.get("resourceNames", ())]
    assert names == [settings.from_env({}).lease]


def test_it_is_scraped_where_it_has_its_metrics() -> None:
    deployment = manifests.one(manifests.installed(manifests.COORDINATOR), "Deployment")
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(contract.COORDINATOR_PORT),
        "prometheus.io/path": "/metrics",
    }


def test_there_is_time_to_end_a_cycle_and_to_give_the_lease_back() -> None:
    deployment = manifests.one(manifests.installed(manifests.COORDINATOR), "Deployment")
    grace_s = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert settings.from_env({}).drain_s + 10 < grace_s


@contextlib.asynccontextmanager
async def running(api: ApiServer, folder: Path) -> AsyncIterator[Path]:
    """The program as the Deployment starts it, with its own account's token; yields its log."""
    token, log = folder / "token", folder / "coordinator.log"
    token.write_text(api.service_account(cluster.NAMESPACE, NAME))
    own = {
        "API": api.url,
        "API_TOKEN_FILE": str(token),
        "API_CA_FILE": str(api.ca_file),
        "LISTEN": "127.0.0.1:0",
        "CYCLE": "500ms",
        "LEASE_DURATION": "1s",
    }
    given = environ() | {f"{PREFIX}{name}": text for name, text in own.items()}
    del given["EQUILIBRIUM_MESH_KEY"]  # the Secret is optional, and is not there
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "coordinator",
            cwd=manifests.ROOT,
            env=given | {"PATH": os.environ["PATH"]},
            stderr=sink,
        )
    try:
        yield log
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0, log.read_text()


async def told(api: ApiServer, log: str) -> int:
    """The status with which the feed answers a pod that shows its token."""
    token = api.tokens.issue("shop", "wants", audience=contract.TOKEN_AUDIENCE)
    at = log.partition("ready at=")[2].splitlines()[0]
    body = {"namespace": "shop", "services": ["wants.shop:80"]}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.post(f"http://{at}/v1/endpoints", json=body) as answer,
    ):
        return answer.status


async def test_with_its_own_account_it_resizes_tells_and_is_refused_nothing(
    api: ApiServer, tmp_path: Path
) -> None:
    await namespace(api, cluster.NAMESPACE)
    await namespace(api, "shop")
    await cluster.apply(api, "-f", "deploy/coordinator.yaml")
    async with contextlib.AsyncExitStack() as stack:
        kubelet = await stack.enter_async_context(ResizingKubelet(api, node_cpu="2"))
        world = World(api, kubelet, stack)
        await world.add(pod("wants", {"equilibrium.io/resize": "true"}), demand=1.0)
        await world.add(pod("foreign", {"equilibrium.io/resize": "true"}))
        patch = [{"op": "replace", "path": "/spec/containers/0/resources/limits/cpu", "value": "450m"}]
        path = "/api/v1/namespaces/shop/pods/foreign/resize?fieldManager=updater"
        assert (await api.request("PATCH", path, patch, "application/json-patch+json")).status == 200
        log = await stack.enter_async_context(running(api, tmp_path))

        def did(method: str, what: str) -> bool:
            return any(user == USER and verb == method and what in url for user, verb, url in api.requests)

        await until(lambda: did("PATCH", "/pods/wants/resize"))
        assert await told(api, log.read_text()) == 200
        await until(lambda: did("POST", "/events"))
        assert "403 Forbidden" not in log.read_text()
    granted = rights.grants(manifests.installed(manifests.COORDINATOR), ACCOUNT)
    asked = [(method, url) for user, method, url in api.requests if user == USER and "selfsubject" not in url]
    # The double has no VPAs, as many clusters: asked for in vain
    vpas = [url for _, url in asked if "/autoscaling.k8s.io/" in url]
    assert vpas
    used = {
        rights.used(method, url)
        for method, url in asked
        if url not in vpas and url.startswith(("/api/v1/", "/apis/"))
    }
    assert [each for each in used if not rights.allowed(each, granted)] == []
    resources = {each[1:4] for each in used}
    unused = {each[1:4] for each in granted if each[1:4] not in resources and "verticalpod" not in each[2]}
    assert unused <= {("", "events", "patch")}, "granted, and of no use"
