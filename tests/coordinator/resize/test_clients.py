"""The same library through both clients, and every way in which a server does not answer."""

import asyncio
import random
import sys
from contextlib import asynccontextmanager

import kubernetes_asyncio.client as generated
import pytest
from aiohttp import web

from coordinator.kube.clients import Generated, api
from coordinator.kube.resize import apply_scaling, permitted, supported
from sidecar.kube.client import Access, Client
from sidecar.kube.errors import ApiError
from tests.coordinator.resize.scene import Sleeps, client_of, plain, pod
from tests.kube import scenes
from tests.support.kube import ApiServer, ResizingKubelet

pytestmark = pytest.mark.kube


@asynccontextmanager
async def ours(url, token="", ca_file=None):
    client = Client(Access(url, token=token or None, ca_file=ca_file))
    yield client
    await client.close()


@asynccontextmanager
async def theirs(url, token="", ca_file=None):
    configuration = generated.Configuration(host=url)
    configuration.ssl_ca_cert = ca_file
    configuration.api_key = {"BearerToken": f"Bearer {token}"}
    async with generated.ApiClient(configuration) as client:
        yield client


@asynccontextmanager
async def core(url, token="", ca_file=None):
    async with theirs(url, token, ca_file) as client:
        yield generated.CoreV1Api(client)


CLIENTS = pytest.mark.parametrize("kind", [ours, theirs, core])


def to(double, kind, token=None):
    return kind(double.url, token or double.token, str(double.ca_file))


async def resize(client, cpu="600m", policy="limits", **how):
    how = {"rng": random.Random(7), "sleep": Sleeps()} | how
    return await apply_scaling(client, "bus", "default", "app", cpu, None, policy, **how)


@CLIENTS
async def test_a_resize_is_confirmed_through_either_client(double, kind):
    async with ResizingKubelet(double, node_cpu="2") as kubelet, to(double, kind) as client:
        await double.create(pod())
        await kubelet.settled()
        outcome = await resize(client, wait_s=20.0, sleep=asyncio.sleep)
    assert (outcome.kind, outcome.confirmed, outcome.attempts) == ("applied", True, 1)


@CLIENTS
async def test_who_wrote_is_the_field_manager_whatever_the_client_calls_itself(double, kind):
    await scenes.node(double)
    await double.create(pod())
    async with to(double, kind) as client:
        await resize(client, field_manager="equilibrium-test")
    (entry,) = (await double.get("Pod", "default", "bus"))["metadata"]["managedFields"]
    assert (entry["manager"], entry["subresource"]) == ("equilibrium-test", "resize")


@CLIENTS
async def test_refusals_of_the_server_read_the_same(double, kind):
    await scenes.node(double)
    async with to(double, kind) as client:
        assert (await resize(client)).reason == "gone"
        await double.create(pod())
        assert (await resize(client, "9", "both")).reason == "node-capacity"
    async with to(double, kind, token="of-nobody") as client:
        outcome = await resize(client)
        assert (outcome.kind, outcome.reason) == ("forbidden", "unauthorized")
    weak = double.allow([{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}])
    async with to(double, kind, token=weak) as client:
        outcome = await resize(client)
        assert (outcome.kind, outcome.reason, outcome.attempts) == ("forbidden", "rbac", 1)


@CLIENTS
@pytest.mark.parametrize("minor", [31, 36])
async def test_support_and_permission_are_asked_of_the_server(kind, minor):
    async with ApiServer(minor=minor) as double:
        async with to(double, kind) as client:
            assert await supported(client) == (minor == 36)
            assert await permitted(client)
        patching = {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]}
        inside = double.allow([], inside={"default": [patching]})
        async with to(double, kind, token=inside) as client:
            assert await permitted(client, "default")
            assert not await permitted(client, "kube-system")
            assert not await permitted(client)


@CLIENTS
async def test_a_yes_is_remembered_of_a_client_and_a_no_is_not(kind):
    async with ApiServer(minor=31) as double, to(double, kind) as client:
        assert not await supported(client)
        assert not await supported(client)
        assert [path for _, _, path in double.requests].count("/api/v1") == 2
    async with ApiServer() as double, to(double, kind) as client:
        for _ in range(3):
            assert await supported(client)
        assert [path for _, _, path in double.requests].count("/api/v1") == 1


@CLIENTS
async def test_a_token_that_was_replaced_is_read_again(double, kind, tmp_path):
    await scenes.node(double)
    await double.create(pod())
    if kind is ours:
        client = client_of(double)
        context = None
    else:
        context = to(double, kind)
        client = await context.__aenter__()
        own = getattr(client, "api_client", client).configuration

        async def refresh(configuration):
            configuration.api_key = {"BearerToken": f"Bearer {double.token}"}

        own.refresh_api_key_hook = refresh
    double.expire_token()

    async def sleep(_):
        double.renew_token()

    outcome = await resize(client, sleep=sleep)
    assert (outcome.kind, outcome.attempts) == ("applied", 1)
    await (client.close() if context is None else context.__aexit__(None, None, None))


@CLIENTS
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again_as_it_says(double, kind, status):
    await scenes.node(double)
    await double.create(pod())
    double.faults.answer(status, times=2, retry_after_s=2)
    sleeps = Sleeps()
    async with to(double, kind) as client:
        assert (await resize(client, sleep=sleeps)).kind == "applied"
    assert sleeps.seconds == [2.0, 2.0]


@CLIENTS
async def test_a_server_that_is_gone_fails_and_one_that_returns_does_not(double, kind):
    await scenes.node(double)
    await double.create(pod())
    async with to(double, kind) as client:
        assert (await resize(client)).kind == "applied"
        async with double.gone():
            sleeps = Sleeps()
            outcome = await resize(client, "700m", sleep=sleeps)
            assert (outcome.kind, outcome.reason, len(sleeps.seconds)) == ("failed", "unreachable", 4)
        assert (await resize(client, "700m")).kind == "applied"


async def hang(request):
    await asyncio.Event().wait()
    return web.Response()


async def garbage(request):
    return web.Response(body=b'{"kind": "Pod", ', content_type="application/json")


async def no_object(request):
    return web.json_response(["no object"])


async def reset(request):
    request.transport.abort()
    return web.Response()


async def page(request):
    return web.Response(status=502, text="<html>bad gateway</html>")


async def other(request):
    return web.json_response({"kind": "Status", "code": "x", "message": 7, "details": []}, status=500)


@CLIENTS
@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        (garbage, "unreadable"),
        (no_object, "unreadable"),
        (reset, "unreachable"),
        (page, "502"),
        (other, "500"),
    ],
)
async def test_nonsense_from_a_server_fails_with_its_name(kind, handle, reason):
    async with plain(handle) as url, kind(url) as client:
        outcome = await resize(client)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("failed", reason, 0)


@CLIENTS
async def test_a_server_that_hangs_costs_no_more_than_the_lease(kind):
    async with plain(hang) as url, kind(url) as client:
        outcome = await resize(client, guard=lambda: 0.05)
    assert (outcome.kind, outcome.attempts) == ("failed", 0)
    assert outcome.reason in ("lease-lost", "unreachable")


@CLIENTS
async def test_whoever_is_cancelled_while_the_server_hangs_leaves_nothing_open(kind):
    asked = asyncio.Event()

    async def hanging(request):
        asked.set()
        return await hang(request)

    async with plain(hanging) as url, kind(url) as client:
        task = asyncio.get_running_loop().create_task(resize(client))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@CLIENTS
async def test_a_pod_that_is_half_an_object_is_no_crash(kind):
    async def half(request):
        if request.path == "/api/v1":
            return web.json_response({"resources": [{"name": "pods/resize", "verbs": ["patch"]}]})
        return web.json_response({"spec": {"containers": [{"name": "app", "resources": "?"}]}, "status": []})

    async with plain(half) as url, kind(url) as client:
        outcome = await resize(client)
    assert (outcome.kind, outcome.reason) == ("infeasible", "best-effort")


def test_what_is_no_client_is_named():
    with pytest.raises(TypeError, match="int: not a client"):
        api(3)


async def test_an_adapter_shows_where_it_speaks_to(double):
    async with to(double, theirs) as client:
        assert repr(Generated(client)) == f"Generated({double.url})"
        with pytest.raises(ApiError) as caught:
            await api(client).request("GET", "/api/v1/namespaces/default/pods/x")
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")


def test_the_package_is_not_needed_to_use_the_library():
    import subprocess

    code = "import sys, coordinator.kube.resize; print('kubernetes_asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
