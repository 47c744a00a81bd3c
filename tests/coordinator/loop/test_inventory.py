"""What there is: followed, listed once, and reduced to what is decided upon."""

import asyncio

import pytest

from coordinator.kube import kept
from coordinator.kube.inventory import Inventory
from coordinator.policy.pods import Rules
from coordinator.policy.subject import Amounts, Subject
from coordinator.telemetry.sidecars import Sidecars
from sidecar.kube.client import Client
from tests.coordinator.loop.sidecars import HANG, Sidecar
from tests.coordinator.loop.world import container, pod, world


def deployed(made, replica_set):
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": replica_set,
        "uid": "r",
        "controller": True,
    }
    made["metadata"]["ownerReferences"] = [owner]
    return made


def replica_set(name, deployment):
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": deployment,
        "uid": "d",
        "controller": True,
    }
    meta = {"name": name, "namespace": "shop", "ownerReferences": [owner], "labels": {"app": "a"}}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container()]}}
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template, "replicas": 0}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}


async def listed(w, reserve=0.0, namespaces=()):
    client = Client(w.access())
    inventory = Inventory(client, Rules(), reserve=reserve, namespaces=namespaces)
    try:
        await inventory.once()
        requests = [path for _, _, path in w.api.requests if "watch" in path]
    finally:
        await client.close()
    assert not requests  # nothing is followed
    return inventory


async def test_listed_once_it_knows_pods_by_their_owners():
    async with world() as w:
        await w.api.create(replica_set("a-1", "a"))
        await w.add(deployed(pod("a-1-x"), "a-1"))
        await w.add(deployed(pod("b-1-x"), "b-1"))
        await w.add(pod("alone"))
        inventory = await listed(w)
        found = inventory.look()
        assert {subject.name: subject.workload for subject in found.subjects} == {
            "a-1-x": "Deployment/a",
            "b-1-x": "ReplicaSet/b-1",
            "alone": "Pod/alone",
        }
        uid = next(subject.uid for subject in found.subjects if subject.name == "a-1-x")
        assert found.chains[uid] == (("ReplicaSet", "a-1"), ("Deployment", "a"))
        assert not inventory.missing()
        assert not inventory.stale(60.0)


async def test_a_node_hands_out_what_is_left_by_the_reserve_and_by_everybody_else():
    async with world(node_cpu="2") as w:
        await w.add(pod("a", containers=[container(), container("helper", request="150m")]))
        await w.add(pod("b"))
        await w.add(pod("stranger", {}, containers=[container(request="300m")]), None)
        inventory = await listed(w, reserve=0.1)
        subjects = inventory.look().subjects
        assert [node.capacity_m for node in inventory.nodes(subjects)] == [1800 - 150 - 300]
        # one of them is somebody else's: it takes what it asks for
        left = [subject for subject in subjects if subject.name == "a"]
        assert [node.capacity_m for node in inventory.nodes(left)] == [1800 - 150 - 300 - 100]


async def test_a_kept_pod_is_a_fraction_of_it_and_has_all_that_is_decided_upon():
    async with world() as w:
        made = pod("a", {"equilibrium.io/resize": "true", "note": "x" * 5000})
        made["spec"]["containers"][0]["env"] = [{"name": f"V{n}", "value": "x" * 50} for n in range(50)]
        stored = await w.add(made)
        body = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "700m"}}}]}}
        await w.api.patch("Pod", "shop", "a", body, subresource="resize", query="?fieldManager=kubectl")
        stored = await w.api.get("Pod", "shop", "a")
        small = kept.pod(stored)
        assert len(str(small)) < len(str(stored)) / 3
        assert [entry["manager"] for entry in small["metadata"]["managedFields"]] == ["kubectl"]
        assert small["spec"]["containers"][0]["resources"] == stored["spec"]["containers"][0]["resources"]


def subject(number, at):
    return Subject(
        namespace="shop",
        name="a",
        uid=str(number),
        node="n",
        container="app",
        workload="Pod/a",
        budget=1.0,
        floor_m=100,
        cap_m=4000,
        policy="limits",
        spec=Amounts(100, 500),
        actual=Amounts(100, 500),
        generation=1,
        settled=True,
        sidecar=at,
    )


async def test_however_many_sidecars_hang_all_questions_have_an_answer():
    async with Sidecar("a", "127.0.0.1") as silent:
        silent.demand = lambda: (200, HANG)
        sidecars = Sidecars(None, "x/y", demand_s=0.1, at_once=4)
        try:
            said = await sidecars.demands([subject(n, f"127.0.0.1:{silent.port}") for n in range(40)])
        finally:
            await sidecars.close()
        assert len(said) == 40
        assert {answer.word for answer in said.values()} == {"timeout"}
        assert silent.asked < 40  # those at the end were not waited for


async def test_questions_that_are_given_up_leave_no_connection():
    async with Sidecar("a", "127.0.0.1") as silent:
        silent.demand = lambda: (200, HANG)
        sidecars = Sidecars(None, "x/y", demand_s=30.0)
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await sidecars.demands([subject(1, f"127.0.0.1:{silent.port}")])
            assert sidecars._pool is not None
            assert not sidecars._pool.connector._acquired
        finally:
            await sidecars.close()


async def test_an_address_that_is_none_is_an_answer_too():
    sidecars = Sidecars(None, "x/y")
    try:
        said = await sidecars.demands([subject(1, "no such host:1"), subject(2, "127.0.0.1:1")])
    finally:
        await sidecars.close()
    assert {answer.word for answer in said.values()} == {"unreachable"}
