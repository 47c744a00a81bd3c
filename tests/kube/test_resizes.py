"""Resizes on whichever server there is: its refusals, and what the actuator makes of them.

There is no kubelet here: what one would say is written to the pod's status by the test.
"""

import asyncio
import random

import pytest

from coordinator.kube.resize import Expect, apply_scaling, judge, permitted, supported
from coordinator.policy.subject import Amounts
from tests.coordinator.resize.scene import MEBI, Between, Sleeps, client_of, container, pod, resources
from tests.kube import scenes
from tests.kube.recorded import same, send, transcript
from tests.support.kube import StatusError
from tests.support.kube.patches import APPLY

pytestmark = pytest.mark.kube

READ = Amounts(100, 500, 64 * MEBI, 256 * MEBI)
RESIZE = "/api/v1/namespaces/default/pods/resize-me/resize"


@pytest.fixture
async def client(kube):
    await scenes.node(kube)
    made = client_of(kube)
    yield Between(made)
    await made.close()


async def resize(client, cpu="600m", memory=None, policy="limits", name="bus", **how):
    how = {"rng": random.Random(7), "sleep": Sleeps()} | how
    return await apply_scaling(client, name, "default", "app", cpu, memory, policy, **how)


async def says(kube, conditions=(), *, enforced=None, observed=None, restarts=0, resources_known=True):
    """What a kubelet would write."""
    found = await kube.get("Pod", "default", "bus")
    given = found["spec"]["containers"][0]["resources"]
    told = {"name": "app", "image": "x", "imageID": "x", "ready": True, "restartCount": restarts}
    told |= {"started": True, "state": {"running": {"startedAt": "2026-11-20T00:00:00Z"}}}
    if resources_known:
        told |= {"resources": enforced or given, "allocatedResources": given["requests"]}
    status = {
        "phase": "Running",
        "containerStatuses": [told],
        "conditions": [{"$patch": "replace"}, *conditions],
    }
    status["observedGeneration"] = observed or found["metadata"]["generation"]
    return await kube.patch("Pod", "default", "bus", {"status": status}, subresource="status")


def condition(kind, reason, message=""):
    found = {"type": kind, "status": "True", "reason": reason, "message": message}
    return found | {"lastTransitionTime": "2026-11-20T00:00:00Z"}


@pytest.mark.parametrize(
    "name",
    [
        "resize-bad-quantity-422",
        "resize-conflict-409",
        "resize-json-patch-test-failed-422",
        "resize-merge-patch-replaces-list-422",
        "resize-negative-422",
        "resize-pod-not-found-404",
        "resize-qos-change-422",
        "resize-request-above-limit-422",
        "resize-unknown-container-422",
        "resize-unsupported-media-type-415",
    ],
)
async def test_a_resize_is_refused_in_the_recorded_words(kube, name):
    await scenes.resized(kube, before="resize-json-patch-ok")
    recorded = transcript(name)
    same(await send(kube, recorded), recorded)


async def test_the_server_has_it_and_lets_us(client):
    assert await supported(client)
    assert await permitted(client, "default")


async def test_a_resize_is_taken(kube, client):
    await kube.create(pod())
    outcome = await resize(client, "600m", "512Mi")
    assert (outcome.kind, outcome.attempts) == ("applied", 1)
    assert (outcome.before, outcome.after) == (READ, Amounts(100, 600, 64 * MEBI, 512 * MEBI))
    found = await kube.get("Pod", "default", "bus")
    assert found["metadata"]["generation"] == outcome.generation
    (entry,) = [each for each in found["metadata"]["managedFields"] if each.get("subresource") == "resize"]
    assert entry["manager"] == "equilibrium-coordinator"


@pytest.mark.parametrize("given", [resources(("100m", None)), resources(("100m", None), ("64Mi", None))])
async def test_a_limit_that_was_not_there_is_added(kube, client, given):
    await kube.create(pod(container(given=given)))
    outcome = await resize(client)
    assert outcome.kind == "applied"
    assert outcome.after is not None
    assert outcome.after.cpu_limit_m == 600


async def test_a_limit_that_appeared_since_is_not_overwritten(kube, client):
    await kube.create(pod(container(given=resources(("100m", None), ("64Mi", None)))))

    async def before(method, path):
        if method == "PATCH":
            change = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "800m"}}}]}}
            await kube.patch("Pod", "default", "bus", change, subresource="resize")

    client.before = before
    outcome = await resize(client, expect=Expect(amounts=Amounts(100, None, 64 * MEBI, None)))
    assert (outcome.kind, outcome.attempts) == ("conflict", 1)


async def test_a_dry_run_stores_nothing(kube, client):
    before = await kube.create(pod())
    outcome = await resize(client, dry_run=True)
    assert (outcome.kind, outcome.reason) == ("applied", "dry-run")
    assert await kube.get("Pod", "default", "bus") == before


async def test_a_native_sidecar_is_resized(kube, client):
    proxy = container("proxy", restartPolicy="Always")
    await kube.create(pod(container(), initContainers=[proxy]))
    outcome = await apply_scaling(client, "bus", "default", "proxy", "300m", None, "limits")
    assert outcome.kind == "applied"


async def test_guaranteed_pods_take_both_and_nothing_else(kube, client):
    await kube.create(pod(container(given=resources(("500m", "500m"), ("256Mi", "256Mi")))))
    assert (await resize(client)).reason == "guaranteed"
    outcome = await resize(client, policy="both")
    assert (outcome.kind, outcome.after) == ("applied", Amounts(600, 600, 256 * MEBI, 256 * MEBI))


async def test_more_than_the_node_has_is_infeasible(kube, client):
    await kube.create(pod())
    outcome = await resize(client, "9", policy="both")
    assert (outcome.kind, outcome.reason) == ("infeasible", "node-capacity")
    assert "cpu, requested: 9000, allocatable: 4000" in outcome.message


async def test_a_node_nobody_knows_is_said(kube, client):
    await kube.create(pod(node="node-of-nobody"))
    outcome = await resize(client)
    assert (outcome.kind, outcome.reason) == ("forbidden", "node-not-found")


@pytest.mark.parametrize(
    ("limit", "cpu", "words"),
    [
        ({"max": {"cpu": "700m"}}, "800m", "maximum cpu usage per Container is 700m, but limit is 800m"),
        (
            {"maxLimitRequestRatio": {"cpu": "5"}},
            "600m",
            "cpu max limit to request ratio per Container is 5, but provided ratio is 6.000000",
        ),
    ],
)
async def test_a_limit_range_forbids(kube, client, limit, cpu, words):
    await kube.create(pod())
    spec = {"limits": [{"type": "Container", **limit}]}
    await kube.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "most"}, "spec": spec})
    outcome = await resize(client, cpu)
    assert (outcome.kind, outcome.reason) == ("forbidden", "limit-range")
    assert words in outcome.message


async def test_a_kubelet_that_knows_no_resize_is_found_out_by_both(kube, client):
    await kube.create(pod())
    await says(kube, resources_known=False)
    assert (await resize(client)).reason == "old-kubelet"
    change = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "600m"}}}]}}
    with pytest.raises(StatusError, match="Pod running on node without support for resize"):
        await kube.patch("Pod", "default", "bus", change, subresource="resize")


async def test_the_kubelets_word_confirms_it(kube, client):
    await kube.create(pod())
    await says(kube)
    outcome = await resize(client)
    found = await kube.get("Pod", "default", "bus")
    assert judge(found, "app", outcome).reason == "in-progress"
    assert judge(await says(kube), "app", outcome, restarts=0).confirmed
    assert judge(await says(kube, restarts=1), "app", outcome, restarts=0).restarted


async def test_waiting_ends_with_the_kubelets_word(kube, client):
    await kube.create(pod())
    await says(kube)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(resize(client, wait_s=30.0, sleep=asyncio.sleep))
        async with asyncio.timeout(60):
            while (await kube.get("Pod", "default", "bus"))["metadata"]["generation"] == 1:
                await asyncio.sleep(0.01)
        await says(kube, [condition("PodResizeInProgress", "")])
        await says(kube)
    assert (waiting.result().kind, waiting.result().confirmed) == ("applied", True)


@pytest.mark.parametrize(
    ("kind", "reason", "expected"),
    [
        ("PodResizePending", "Deferred", ("deferred", "no-room")),
        ("PodResizePending", "Infeasible", ("infeasible", "kubelet")),
        ("PodResizeInProgress", "Error", ("infeasible", "error")),
    ],
)
async def test_what_a_kubelet_can_not_do_is_told(kube, client, kind, reason, expected):
    await kube.create(pod())
    given = (await says(kube))["spec"]["containers"][0]["resources"]
    outcome = await resize(client)
    found = await says(kube, [condition(kind, reason, "why")], enforced=given)
    said = judge(found, "app", outcome)
    assert ((said.kind, said.reason), said.message) == (expected, "why")


async def test_apply_without_force_overwrites_nobody(kube):
    await scenes.resized(kube, before="resize-server-side-apply-ok")
    recorded = transcript("resize-server-side-apply-ok")["request"]
    path = f"{RESIZE}?fieldManager=equilibrium-coordinator"
    reply = await kube.request("PATCH", path, recorded["body"], recorded["contentType"])
    assert (reply.status, reply.body["reason"]) == (409, "Conflict")
    (cause,) = reply.body["details"]["causes"]
    assert cause["reason"] == "FieldManagerConflict"
    assert cause["field"] == '.spec.containers[name="app"].resources.limits.cpu'
    assert cause["message"] == 'conflict with "Python" with subresource "resize" using v1'
    assert recorded["contentType"] == APPLY
