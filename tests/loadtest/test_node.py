"""The node itself: real control groups, and the API as the programs' own client speaks to it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from loadtest import controlgroups
from loadtest.mesh.node import Enclosure, Missing, Node, Wanted, missing, node
from loadtest.mesh.node.answers import Refused
from loadtest.mesh.node.capacity import room
from sidecar import clock
from sidecar.kube.client import Access, ApiError, Client

TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "kubernetes" / "transcripts"
PATIENCE_S = 60.0
MIB = 1 << 20
RESIZE = "/api/v1/namespaces/default/pods/bus-0/resize"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
JSON_PATCH = "application/json-patch+json"
BUSY = "while True: pass"
IDLE = "import time; time.sleep(60)"


def exchange(name: str) -> Any:
    return json.loads((TRANSCRIPTS / f"{name}.json").read_text())


def wanted(name: str = "bus-0", **more: Any) -> Wanted:
    given = {"request_m": 100, "limit_m": 200, "memory_limit_bytes": 64 * MIB, **more}
    return Wanted(name=name, namespace="default", workload="bus", ip="127.9.9.9", **given)


@pytest.fixture
def there() -> Iterator[Node]:
    if (why := missing()) is not None:
        pytest.skip(f"no CPU groups here: {why}")
    with node(800) as made:
        yield made


@pytest.fixture
async def client(there: Node) -> Any:
    made = Client(Access(there.url))
    yield made
    await made.close()


def limit(value: str, expected: str | None = None) -> list[dict[str, str]]:
    path = "/spec/containers/0/resources/limits/cpu"
    guard = [] if expected is None else [{"op": "test", "path": path, "value": expected}]
    return [*guard, {"op": "replace", "path": path, "value": value}]


async def resize(client: Client, operations: Any, **query: str) -> Any:
    return await client.request("PATCH", RESIZE, body=operations, content_type=JSON_PATCH, query=query)


def until(there: Node, holds: Callable[[Any], bool], promise: str, name: str = "bus-0") -> Any:
    deadline = clock.now() + PATIENCE_S
    while not holds(pod := there.pod("default", name)):
        assert clock.now() < deadline, f"{promise}: {pod['status']}"
        time.sleep(0.02)
    return pod


def settled(pod: Any) -> bool:
    kinds = {each["type"] for each in pod["status"]["conditions"]}
    done = pod["status"]["observedGeneration"] == pod["metadata"]["generation"]
    return done and not kinds & {"PodResizePending", "PodResizeInProgress"}


# -- speed


def python(enclosure: Enclosure, program: str) -> subprocess.Popen[bytes]:
    argv = enclosure.wrap([sys.executable, "-c", program])
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def used_s(enclosure: Enclosure, over_s: float) -> float:
    before, began_s = enclosure.cpu_s(), clock.now()
    time.sleep(over_s)
    return float((enclosure.cpu_s() - before) / (clock.now() - began_s))


async def test_a_resize_changes_speed_and_throttling_by_the_kernels_own_account(
    there: Node, client: Client
) -> None:
    enclosure = there.admit(wanted())
    with python(enclosure, BUSY) as process:
        there.started("default", "bus-0")
        slow = used_s(enclosure, 1.0)
        until(there, lambda _: enclosure.throttling().throttled, "200m are not enough for a loop")
        await resize(client, limit("700m", "200m"))
        until(there, settled, "the kubelet takes it")
        until(there, lambda _: used_s(enclosure, 1.0) > 1.5 * slow, "700m are more than 200m")
        process.kill()
    assert slow < 0.3
    with python(enclosure, IDLE) as process:
        before = enclosure.throttling()
        used_s(enclosure, 0.5)
        assert enclosure.throttling().since(before).throttled <= 2, (
            "who sleeps is not held back (but for its start)"
        )
        process.kill()
    there.remove("default", "bus-0")


def test_pods_together_never_use_more_than_the_node_has() -> None:
    if (why := missing()) is not None:
        pytest.skip(f"no CPU groups here: {why}")
    with room(200) as small:
        two = [small.enclosure(f"app{n}") for n in range(2)]
        for each in two:
            each.set_cpu(
                900, 100
            )  # more than the node: version 1 would refuse a child's quota above its parent's
        running = [python(each, BUSY) for each in two]
        together = used_s(small.around(), 1.0)
        for process in running:
            process.kill()
            process.communicate()  # closes the pipes too
    assert 0.02 < together < 0.3


def test_groups_go_with_the_node_and_leftovers_of_the_dead_are_swept() -> None:
    if (why := missing()) is not None:
        pytest.skip(f"no CPU groups here: {why}")
    with room(200) as small:
        directory = small.around().directories["cpu"]
        inner = small.enclosure("app").directories["cpu"]
        assert inner.exists()
        gone = int(Path("/proc/sys/kernel/pid_max").read_text())
        left = directory.parent / f"{controlgroups.PREFIX}node-{gone}-1"
        (left / "app.0").mkdir(parents=True)
        with room(200):
            assert not left.exists(), "its run is dead"
        assert inner.exists(), "ours lives"
    assert not directory.exists()


def test_without_a_place_for_groups_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controlgroups, "PROC", tmp_path / "nothing")
    assert "no /proc" in (missing() or "")
    with pytest.raises(Missing), room(200):
        pass


# -- the kubelet's words


async def test_a_watch_shows_what_the_recorded_kubelet_showed(there: Node, client: Client) -> None:
    recorded = [told(event["object"]) for event in exchange("kubelet-resize-up-applied")["watch"]]
    there.admit(wanted(limit_m=250))
    there.started("default", "bus-0")
    _, version = await client.list("/api/v1/pods")
    await resize(client, limit("700m"), fieldManager="equilibrium-coordinator")
    shown = []
    async with aclosing(client.watch("/api/v1/pods", version)) as events:
        async for kind, pod in events:
            shown.append(told(pod))
            if kind == "MODIFIED" and settled(pod):
                break
    assert shown == recorded
    assert pod["metadata"]["managedFields"][0]["manager"] == "equilibrium-coordinator"


def told(pod: Any) -> Any:
    """What a resize is about: generations, counting from the pod's own, conditions, limits wanted and enforced."""
    status, container = pod["status"], pod["status"]["containerStatuses"][0]
    behind = pod["metadata"]["generation"] - status["observedGeneration"]
    conditions = [each["type"] for each in status["conditions"] if each["type"].startswith("PodResize")]
    spec = pod["spec"]["containers"][0]["resources"]["limits"]["cpu"]
    return behind, conditions, spec, container["resources"]["limits"]["cpu"], container["restartCount"]


def condition(pod: Any) -> Any:
    first = next(each for each in pod["status"]["conditions"] if each["type"].startswith("PodResize"))
    return {name: first.get(name) for name in ("type", "status", "reason", "message")}


async def test_requests_beyond_what_is_left_are_deferred_in_the_kubelets_words_until_there_is_room(
    there: Node, client: Client
) -> None:
    for name, request_m in (("bus-0", 100), ("big-0", 100)):
        there.admit(wanted(name, request_m=request_m, limit_m=780))
        there.started("default", name)
    operations = [{"op": "replace", "path": "/spec/containers/0/resources/requests/cpu", "value": "750m"}]
    await resize(client, operations)
    pod = until(there, lambda pod: pod["status"]["observedGeneration"] == 2, "the kubelet answers")
    recorded = condition(exchange("kubelet-resize-deferred")["watch"][-1]["object"])
    numbers = str.maketrans("", "", "0123456789")
    assert condition(pod)["message"].translate(numbers) == recorded["message"].translate(numbers)
    assert condition(pod) | {"message": ""} == recorded | {"message": ""}
    assert "requested: 750, used: 100, capacity: 800" in condition(pod)["message"]
    there.remove("default", "big-0")
    until(there, settled, "room was made")


async def test_memory_below_what_is_used_is_an_error_and_the_process_lives(
    there: Node, client: Client
) -> None:
    enclosure = there.admit(wanted())
    hold = f"held = b'x' * {32 * MIB}; print(flush=True); input()"
    with python(enclosure, hold) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if enclosure.used_bytes() is None:
            pytest.skip("no memory groups here")
        there.started("default", "bus-0")
        operations = [
            {"op": "replace", "path": "/spec/containers/0/resources/limits/memory", "value": "34Mi"}
        ]
        operations += [
            {"op": "replace", "path": "/spec/containers/0/resources/requests/memory", "value": "8Mi"}
        ]
        await resize(client, operations)
        pod = until(there, lambda pod: not settled(pod) and condition(pod)["reason"] == "Error", "an error")
        assert "below current usage" in condition(pod)["message"]
        assert pod["status"]["containerStatuses"][0]["resources"]["limits"]["memory"] == "64Mi"
        assert (process.poll(), enclosure.kills()) == (None, 0)
        process.communicate(b"\n")
    there.remove("default", "bus-0")


# -- the server


async def test_a_failed_test_a_dry_run_and_a_stale_version_change_nothing(
    there: Node, client: Client
) -> None:
    there.admit(wanted())
    there.started("default", "bus-0")
    before = there.pod("default", "bus-0")
    with pytest.raises(ApiError) as failed:
        await resize(client, limit("300m", "999m"))
    tried = await resize(client, limit("300m", "200m"), dryRun="All")
    stale = [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}, *limit("300m")]
    with pytest.raises(ApiError) as conflict:
        await resize(client, stale)
    assert (failed.value.status, conflict.value.status) == (422, 409)
    assert tried["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "300m"
    assert there.pod("default", "bus-0") == before


async def test_leases_are_created_once_and_conflict_when_stale(client: Client) -> None:
    asked = exchange("lease-create")["request"]["body"]
    made = await client.request("POST", LEASES, body=asked)
    assert made["spec"] == exchange("lease-create")["response"]["body"]["spec"]
    with pytest.raises(ApiError) as twice:
        await client.request("POST", LEASES, body=asked)
    path = f"{LEASES}/equilibrium-coordinator"
    await client.request("PUT", path, body={**made, "spec": {**made["spec"], "holderIdentity": "b"}})
    with pytest.raises(ApiError) as stale:
        await client.request("PUT", path, body=made)
    for error, name in ((twice, "lease-create-already-exists-409"), (stale, "lease-update-stale-409")):
        body = exchange(name)["response"]["body"]
        assert (error.value.status, error.value.reason) == (409, body["reason"])
        assert body["message"] in str(error.value)


async def test_it_says_what_it_can_do_as_the_recorded_server_does(client: Client) -> None:
    recorded = exchange("discovery-api-v1")["response"]["body"]["resources"]
    told = (await client.get("/api/v1"))["resources"]
    verbs = {each["name"]: each["verbs"] for each in told}
    assert verbs["pods/resize"] == next(each["verbs"] for each in recorded if each["name"] == "pods/resize")
    assert (await client.get("/version"))["minor"] == "36"
    review = {"spec": {"resourceAttributes": {"verb": "patch", "resource": "pods", "subresource": "resize"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await client.request("POST", path, body=review))["status"]["allowed"]
    with pytest.raises(ApiError) as none:
        await client.list("/apis/autoscaling.k8s.io/v1/verticalpodautoscalers")
    assert none.value.status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/apis/apps/v1/replicasets",
        "/apis/autoscaling/v2/horizontalpodautoscalers",
        "/api/v1/limitranges",
        "/api/v1/nodes",
    ],
)
async def test_collections_a_coordinator_follows_can_be_listed(
    there: Node, client: Client, path: str
) -> None:
    found, version = await client.list(path)
    assert int(version) > 0
    assert [each["metadata"]["name"] for each in found] == (["local-node"] if path.endswith("nodes") else [])


async def test_selectors_let_through_what_they_name(there: Node, client: Client) -> None:
    there.admit(wanted())
    there.admit(wanted("bare-0", sidecar=False))
    found = {}
    for text in ("equilibrium.io/injected=true", "!equilibrium.io/injected", "app=bus", "app!=bus"):
        pods, _ = await client.list("/api/v1/pods", labelSelector=text)
        found[text] = [each["metadata"]["name"] for each in pods]
    assert list(found.values()) == [["bus-0"], ["bare-0"], ["bare-0", "bus-0"], []]
    pods, _ = await client.list("/api/v1/pods", fieldSelector="metadata.name=bus-0")
    assert len(pods) == 1


async def test_a_watch_from_a_version_nobody_remembers_is_told_so(there: Node, client: Client) -> None:
    for _ in range(1100):
        made = await client.request(
            "POST", "/api/v1/namespaces/default/events", body={"metadata": {"generateName": "e"}}
        )
        await client.request("DELETE", f"/api/v1/namespaces/default/events/{made['metadata']['name']}")
    with pytest.raises(ApiError) as gone:
        async with aclosing(client.watch("/api/v1/pods", "1")) as events:
            await anext(events)
    assert gone.value.status == 410


async def test_annotations_can_be_changed_and_a_spec_cannot(there: Node, client: Client) -> None:
    there.admit(wanted())
    path, merge = "/api/v1/namespaces/default/pods/bus-0", "application/merge-patch+json"
    body = {"metadata": {"annotations": {"equilibrium.io/budget": "7"}}}
    changed = await client.request("PATCH", path, body=body, content_type=merge)
    assert changed["metadata"]["annotations"] == {"equilibrium.io/budget": "7"}
    with pytest.raises(ApiError) as refused:
        await client.request("PATCH", path, body={"spec": {"nodeName": "other"}}, content_type=merge)
    assert refused.value.status == 422


async def test_its_metrics_have_cadvisors_names(there: Node, client: Client) -> None:
    there.admit(wanted())
    async with aiohttp.ClientSession() as session, session.get(f"{there.url}/metrics/cadvisor") as answer:
        text = await answer.text()
    labels = '{namespace="default",pod="bus-0",container="app"}'
    for name in ("container_cpu_usage_seconds_total", "container_cpu_cfs_throttled_periods_total"):
        assert f"{name}{labels} " in text


def test_a_pod_nobody_knows_is_not_found(there: Node) -> None:
    with pytest.raises(Refused) as refused:
        there.pod("default", "nobody")
    assert refused.value.code == 404
