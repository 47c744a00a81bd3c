"""Deployments become pods, and pods the endpoints of services, as in a cluster."""

import pytest

from tests.kube.objects import deployment, path, pod, service
from tests.support.kube import Addresses, Controllers, Hook, set_ready, until
from tests.support.kube.hook import denied
from tests.support.kube.resources import by_kind

pytestmark = pytest.mark.kube

SERVICE_NAME = "kubernetes.io/service-name"


def key(found) -> tuple:
    return by_kind("Pod"), "default", found["metadata"]["name"]


async def addresses(api) -> list[str]:
    (found,) = await api.list("EndpointSlice", "default")
    return [address for each in found["endpoints"] or () for address in each["addresses"]]


async def test_a_deployment_becomes_ready_pods_with_the_addresses_given(double):
    async with Controllers(double, Addresses(["127.0.0.2", "127.0.0.3"])) as controllers:
        await double.create(deployment(replicas=2))
        await controllers.settled()
        pods = await double.list("Pod", "default")
        (replica_set,) = await double.list("ReplicaSet", "default")
    assert {found["status"]["podIP"] for found in pods} == {"127.0.0.2", "127.0.0.3"}
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    for found in pods:
        metadata = found["metadata"]
        assert metadata["labels"] == {"app": "gateway", "pod-template-hash": digest}
        assert metadata["name"].startswith(f"gateway-{digest}-")
        assert metadata["ownerReferences"][0]["uid"] == replica_set["metadata"]["uid"]
        assert found["status"]["phase"] == "Running"


async def test_annotations_of_a_deployment_do_not_reach_its_pods(double):
    """Only those of its template do: why there is a webhook for workloads."""
    async with Controllers(double) as controllers:
        await double.create(deployment(annotations={"equilibrium.io/inject": "true"}))
        await controllers.settled()
        (found,) = await double.list("Pod", "default")
        (replica_set,) = await double.list("ReplicaSet", "default")
    assert "annotations" not in found["metadata"]
    revision = {"deployment.kubernetes.io/revision": "1"}
    assert replica_set["metadata"]["annotations"] == {"equilibrium.io/inject": "true"} | revision


class Watching(Addresses):
    """Remembers how many pods served whenever one was stopped."""

    def __init__(self, api):
        super().__init__()
        self._api = api
        self.serving = []

    async def stop(self, pod):
        found = await self._api.list("Pod", "default")
        alive = [each for each in found if "deletionTimestamp" not in each["metadata"]]
        self.serving.append(sum(each["status"].get("phase") == "Running" for each in alive))


async def test_a_new_template_replaces_the_pods_a_few_at_a_time(double):
    runner = Watching(double)
    async with Controllers(double, runner) as controllers:
        await double.create(deployment(replicas=4))
        await controllers.settled()
        before = {found["metadata"]["name"] for found in await double.list("Pod", "default")}
        change = {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}
        await double.patch("Deployment", "default", "gateway", change)
        await controllers.settled()
        after = await double.list("Pod", "default")
    assert len(runner.serving) == 4
    assert min(runner.serving) >= 3  # maxUnavailable 25 %
    assert not before & {found["metadata"]["name"] for found in after}
    assert all(found["metadata"]["annotations"] == {"a": "b"} for found in after)


async def test_scaling_down_ends_pods_and_deleting_ends_all(double):
    async with Controllers(double) as controllers:
        await double.create(deployment(replicas=3))
        await controllers.settled()
        await double.patch("Deployment", "default", "gateway", {"spec": {"replicas": 1}})
        await controllers.settled()
        assert len(await double.list("Pod", "default")) == 1
        await double.delete("Deployment", "default", "gateway")
        await controllers.settled()
        assert await double.list("Pod", "default") == await double.list("ReplicaSet", "default") == []


async def test_a_paused_deployment_does_not_roll(double):
    async with Controllers(double) as controllers:
        await double.create(deployment())
        await controllers.settled()
        change = {"spec": {"paused": True, "template": {"metadata": {"annotations": {"a": "b"}}}}}
        await double.patch("Deployment", "default", "gateway", change)
        await controllers.settled()
        (found,) = await double.list("Pod", "default")
    assert "annotations" not in found["metadata"]


async def test_pods_that_are_refused_are_told_of_and_tried_again(double):
    async with Hook(lambda request: denied("not today")) as hook, Controllers(double) as controllers:
        await double.create(hook.configuration())
        await double.create(deployment())
        await until(lambda: bool(double.store.all(by_kind("Event"))))
        events = await double.list("Event", "default")
        assert events[0]["reason"] == "FailedCreate"
        assert "denied the request: not today" in events[0]["message"]
        assert events[0]["involvedObject"]["kind"] == "ReplicaSet"
        await double.delete("MutatingWebhookConfiguration", "", "eq")
        await until(lambda: bool(double.store.all(by_kind("Pod"))))
        await controllers.settled()


async def test_endpoints_follow_the_pods(double):
    async with Controllers(double) as controllers:
        await double.create(service())
        await controllers.settled()
        (empty,) = await double.list("EndpointSlice", "default")
        assert (empty["endpoints"], empty["ports"]) == (None, None)
        assert empty["metadata"]["labels"][SERVICE_NAME] == "gateway"
        await double.create(deployment(replicas=2))
        await controllers.settled()
        assert await addresses(double) == ["10.1.0.1", "10.1.0.2"]
        (full,) = await double.list("EndpointSlice", "default")
        assert full["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
        first = (await double.list("Pod", "default"))[0]
        set_ready(double.store, key(first), False)
        await controllers.settled()
        (after,) = await double.list("EndpointSlice", "default")
        conditions = {each["targetRef"]["name"]: each["conditions"]["ready"] for each in after["endpoints"]}
        assert conditions.pop(first["metadata"]["name"]) is False
        assert list(conditions.values()) == [True]


async def test_a_named_port_is_found_in_a_native_sidecar(double):
    """Where the injector moved it, so that the service reaches the sidecar."""
    given = pod("one", labels={"app": "gateway"})
    port = {"name": "http", "containerPort": 15406}
    sidecar = {"name": "sidecar", "image": "s:1", "restartPolicy": "Always", "ports": [port]}
    given["spec"]["initContainers"] = [sidecar]
    async with Controllers(double) as controllers:
        await double.create(service())
        await double.create(given)
        await controllers.settled()
        (found,) = await double.list("EndpointSlice", "default")
    assert [each["port"] for each in found["ports"]] == [15406]


async def test_pods_whose_port_is_another_number_are_in_another_slice(double):
    async with Controllers(double) as controllers:
        await double.create(service())
        for number in (8080, 9090, 8080):
            given = pod("", labels={"app": "gateway"})
            given["metadata"] = {"generateName": "p-", "labels": {"app": "gateway"}}
            given["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": number}]
            await double.create(given)
        await controllers.settled()
        found = await double.list("EndpointSlice", "default")
    assert {each["ports"][0]["port"]: len(each["endpoints"]) for each in found} == {8080: 2, 9090: 1}


async def test_the_zone_of_a_node_is_the_zone_of_its_endpoints(double):
    labels = {"topology.kubernetes.io/zone": "a"}
    await double.create(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a", "labels": labels}}
    )
    async with Controllers(double, nodes=["node-a", "node-b"]) as controllers:
        await double.create(service())
        await double.create(deployment(replicas=2))
        await controllers.settled()
        (found,) = await double.list("EndpointSlice", "default")
    assert {each["nodeName"]: each.get("zone") for each in found["endpoints"]} == {
        "node-a": "a",
        "node-b": None,
    }


async def test_a_service_that_goes_takes_its_slices_along(double):
    async with Controllers(double) as controllers:
        await double.create(service())
        await controllers.settled()
        await double.delete("Service", "default", "gateway")
        await controllers.settled()
        assert await double.list("EndpointSlice", "default") == []


async def test_a_failing_kubelet_fails_the_test(double):
    class Broken(Addresses):
        async def start(self, pod):
            raise OSError("no such image")

    controllers = Controllers(double, Broken())
    await controllers.__aenter__()
    await double.create(deployment())
    with pytest.raises(OSError, match="no such image"):
        await controllers.settled()
    with pytest.raises(OSError, match="no such image"):
        await controllers.__aexit__()


async def test_a_watch_sees_a_terminating_pod_before_it_is_gone(double):
    async with Controllers(double) as controllers:
        await double.create(service())
        await double.create(deployment())
        await controllers.settled()
        where = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        since = (await double.request("GET", where)).body["metadata"]["resourceVersion"]
        async with double.watch(f"{where}?watch=1&resourceVersion={since}") as events:
            (found,) = await double.list("Pod", "default")
            await double.request("DELETE", path("pods", found["metadata"]["name"]))
            seen = []
            while not seen or len(seen[-1]) != 1 or seen[-1][0]["terminating"]:
                event = await anext(events)
                seen.append([each["conditions"] for each in event["object"]["endpoints"] or ()])
    terminating = {"ready": False, "serving": True, "terminating": True}
    assert any(terminating in conditions for conditions in seen)
