"""What the kubelet makes of it, waited for: by a watch, by reading where there is none, and never for ever."""

import asyncio
import random

import pytest

from coordinator.kube.resize import apply_scaling, judge, revert, waiting
from sidecar.kube.errors import UNREACHABLE, ApiError
from tests.coordinator.resize.scene import Sleeps, client_of, container, pod, resources
from tests.support.kube import ApiServer, ResizingKubelet, until

pytestmark = pytest.mark.kube

LONG_S = 20.0
SHORT_S = 0.2


async def resize(client, cpu="600m", memory=None, policy="limits", **how):
    how = {"rng": random.Random(7), "wait_s": LONG_S} | how
    return await apply_scaling(client, "bus", "default", "app", cpu, memory, policy, **how)


@pytest.fixture
async def bus(double, kubelet):
    made = await double.create(pod())
    await kubelet.settled()
    return made


async def test_it_is_confirmed_once_the_kubelet_enforces_it(double, bus, kubelet, between):
    outcome = await resize(between, "600m", "512Mi")
    assert (outcome.kind, outcome.reason, outcome.confirmed) == ("applied", "", True)
    assert (outcome.restarted, outcome.attempts, outcome.generation) == (False, 1, 2)
    assert [method for method, _, _ in between.sent].count("WATCH") == 1
    found = await double.get("Pod", "default", "bus")
    assert found["status"]["containerStatuses"][0]["resources"] == found["spec"]["containers"][0]["resources"]


async def test_a_native_sidecar_is_resized_and_confirmed(double, kubelet, between):
    proxy = container("proxy", restartPolicy="Always")
    await double.create(pod(container(), initContainers=[container("setup"), proxy]))
    await kubelet.settled()
    outcome = await apply_scaling(between, "bus", "default", "proxy", "300m", None, "limits", wait_s=LONG_S)
    assert (outcome.kind, outcome.confirmed) == ("applied", True)


async def test_odd_millicores_are_confirmed_whatever_the_driver_makes_of_them(between, double):
    async with ResizingKubelet(double, step_m=10) as kubelet:
        await double.create(pod())
        await kubelet.settled()
        outcome = await resize(between, 417, policy="requests")
        assert outcome.confirmed
        # somebody else's odd limit: the kubelet reports 420m of the 417m asked for
        change = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "417m"}}}]}}
        patched = await double.patch("Pod", "default", "bus", change, subresource="resize")
        await kubelet.settled()
        found = await double.get("Pod", "default", "bus")
        assert found["status"]["containerStatuses"][0]["resources"]["limits"]["cpu"] == "420m"
        assert (await resize(between, None, "512Mi")).confirmed
        assert patched["metadata"]["generation"] == 3


async def test_no_room_is_deferred_and_can_be_taken_back(double, bus, kubelet, between):
    await double.create(pod(container(given=resources(("1500m", "2"))), name="big"))
    await kubelet.settled()
    outcome = await settled(double, kubelet, await resize(between, "600m", policy="both", wait_s=None))
    assert (outcome.kind, outcome.reason, outcome.confirmed) == ("deferred", "no-room", False)
    assert (
        outcome.message == "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000"
    )
    back = await revert(between, "bus", "default", "app", outcome, uid=bus["metadata"]["uid"], wait_s=LONG_S)
    assert (back.kind, back.confirmed) == ("applied", True)
    assert back.after == outcome.before


async def test_room_that_does_not_appear_is_not_waited_for_for_ever(double, bus, kubelet, between):
    await double.create(pod(container(given=resources(("1500m", "2"))), name="big"))
    await kubelet.settled()
    await settled(double, kubelet, await resize(between, "600m", policy="both", wait_s=None))
    outcome = await resize(between, "600m", policy="both", wait_s=SHORT_S)
    assert (outcome.kind, outcome.reason, outcome.attempts) == ("deferred", "no-room", 0)


async def test_a_deferred_one_is_done_as_soon_as_a_seller_makes_room(double, bus, kubelet, between):
    await double.create(pod(container(given=resources(("1500m", "2"))), name="big"))
    await kubelet.settled()
    outcome = await settled(double, kubelet, await resize(between, "600m", policy="both", wait_s=None))
    assert outcome.kind == "deferred"
    sold = await apply_scaling(between, "big", "default", "app", "1", None, "requests", wait_s=LONG_S)
    assert sold.confirmed
    later = await settled(double, kubelet, outcome)
    assert (later.kind, later.confirmed) == ("applied", True)


async def test_waiting_through_a_deferral_ends_with_the_room_that_appears(double, bus, kubelet, between):
    await double.create(pod(container(given=resources(("1500m", "2"))), name="big"))
    await kubelet.settled()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(resize(between, "600m", policy="both"))
        await _condition(double, "PodResizePending")
        await double.delete("Pod", "default", "big", grace_s=0)
    assert (waiting.result().kind, waiting.result().confirmed) == ("applied", True)


async def test_what_was_overwritten_since_is_not_taken_back(double, bus, kubelet, between):
    outcome = await resize(between)
    await resize(between, "800m")
    back = await revert(between, "bus", "default", "app", outcome)
    assert (back.kind, back.attempts) == ("conflict", 0)


async def test_an_outcome_that_changed_nothing_has_nothing_to_take_back(bus, between):
    refused = await resize(between, "1m")
    assert (await revert(between, "bus", "default", "app", refused)).reason == "nothing-done"


async def test_memory_below_what_is_used_is_infeasible_and_said_so(double, bus, kubelet, between):
    kubelet.usage_bytes["bus"] = 150 * 2**20
    outcome = await resize(between, None, "100Mi")
    assert (outcome.kind, outcome.reason) == ("infeasible", "error")
    assert "below current usage (157286400)" in outcome.message


async def test_an_older_kubelet_says_infeasible_where_a_newer_server_does():
    async with ApiServer(minor=35) as api, ResizingKubelet(api, node_cpu="2") as kubelet:
        await api.create(pod())
        await kubelet.settled()
        client = client_of(api)
        outcome = await resize(client, "9", policy="both")
        await client.close()
    assert (outcome.kind, outcome.reason) == ("infeasible", "kubelet")
    assert outcome.message == "Node didn't have enough capacity: cpu, requested: 9000, capacity: 2000"


async def test_on_1_33_there_is_no_generation_and_no_lower_memory_limit():
    async with ApiServer(minor=33) as api, ResizingKubelet(api) as kubelet:
        await api.create(pod())
        await kubelet.settled()
        client = client_of(api)
        assert (await resize(client, "700m")).confirmed
        assert "observedGeneration" not in (await api.get("Pod", "default", "bus"))["status"]
        lower = await resize(client, None, "128Mi")
        await client.close()
    assert (lower.kind, lower.reason, lower.attempts) == ("infeasible", "memory-decrease", 0)


async def test_on_1_33_what_was_said_of_the_last_resize_says_nothing_of_this_one():
    async with ApiServer(minor=33) as api, ResizingKubelet(api, node_cpu="2", delay_s=0.05) as kubelet:
        await api.create(pod())
        await kubelet.settled()
        client = client_of(api)
        assert (await resize(client, "9", policy="both")).reason == "kubelet"
        outcome = await resize(client, "600m", policy="both")
        await client.close()
    assert (outcome.kind, outcome.confirmed) == ("applied", True)


async def test_a_restart_on_the_way_is_told(double, kubelet, between):
    restarting = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    await double.create(pod(container(resizePolicy=restarting)))
    await kubelet.settled()
    refused = await resize(between, None, "512Mi")
    assert (refused.kind, refused.reason, refused.attempts) == ("infeasible", "restart-required", 0)
    outcome = await resize(between, None, "512Mi", allow_restart=True)
    assert (outcome.kind, outcome.reason) == ("applied", "restarted")
    assert (outcome.restarted, outcome.confirmed) == (True, False)


async def test_a_kubelet_that_does_nothing_is_not_waited_for_for_ever(bus, kubelet, between):
    kubelet.paused = True
    outcome = await resize(between, wait_s=SHORT_S)
    assert (outcome.kind, outcome.reason, outcome.confirmed) == ("deferred", "timeout", False)


async def test_nothing_to_change_is_confirmed_without_a_patch(bus, kubelet, between):
    outcome = await resize(between, "500m")
    assert (outcome.kind, outcome.confirmed, between.patches) == ("applied", True, [])


@pytest.mark.parametrize("reset", [False, True])
async def test_a_watch_that_breaks_is_begun_again(double, bus, kubelet, between, reset):
    kubelet.paused = True
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(resize(between, sleep=Sleeps()))
        await _watching(double, between, 1)
        double.break_watches(reset=reset)
        await _watching(double, between, 2)
        kubelet.paused = False
        kubelet.retry()
    assert waiting.result().confirmed


async def test_without_a_right_to_watch_the_pod_is_read(double, bus, kubelet):
    reading = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    patching = {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]}
    (double.directory / "weak").write_text(double.allow([reading, patching]))
    client = client_of(double, str(double.directory / "weak"))
    kubelet.paused = True
    sleeps = Sleeps()

    async def sleep(seconds):
        kubelet.paused = False
        kubelet.retry()
        await kubelet.settled()
        await sleeps(seconds)

    outcome = await resize(client, sleep=sleep)
    await client.close()
    assert outcome.confirmed
    assert sleeps.seconds == [1.0]


async def test_readings_come_less_and_less_often(bus, kubelet, between):
    kubelet.paused = True

    async def before(method, path):
        if method == "GET" and path.endswith("/bus") and len(sleeps.seconds):
            raise ApiError(0, UNREACHABLE, "refused")

    clock = {"s": 0.0}
    sleeps = Sleeps()

    async def sleep(seconds):
        clock["s"] += seconds
        await sleeps(seconds)

    def watch(*_, **__):
        async def none():
            raise ApiError(403, "Forbidden", "no watch")
            yield

        return none()

    between.before = before
    between.watch = watch
    outcome = await resize(between, sleep=sleep, now=lambda: clock["s"], wait_s=18.0)
    assert (outcome.kind, outcome.reason) == ("deferred", "timeout")
    assert sleeps.seconds == [1.0, 2.0, 4.0, 5.0, 5.0, 1.0]


@pytest.mark.parametrize("how", ["deleted", "terminating", "overwritten"])
async def test_what_others_do_while_we_wait_ends_it(double, bus, kubelet, between, how):
    kubelet.paused = True
    sleeps = Sleeps()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(resize(between, sleep=sleeps))
        await _watching(double, between, 1)
        if how == "terminating":
            await double.delete("Pod", "default", "bus")
        elif how == "overwritten":
            change = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "900m"}}}]}}
            await double.patch("Pod", "default", "bus", change, subresource="resize")
        else:
            await double.delete("Pod", "default", "bus", grace_s=0)
    expected = {"deleted": "gone"}.get(how, how)
    assert (waiting.result().kind, waiting.result().reason) == ("superseded", expected)
    assert sleeps.seconds == []  # the watch itself told


@pytest.mark.parametrize("as_status", [False, True])
async def test_a_version_the_server_has_forgotten_is_read_anew(double, bus, kubelet, between, as_status):
    double.faults.gone_as_status = as_status
    kubelet.paused = True

    async def sleep(seconds):
        kubelet.paused = False
        kubelet.retry()
        await kubelet.settled()

    async def after(method, path):
        if method == "PATCH":
            await double.create(pod(name="other"))
            double.compact()

    between.after = after
    outcome = await resize(between, sleep=sleep)
    assert outcome.confirmed


async def test_a_watch_that_says_nothing_is_not_believed(double, bus, kubelet, between, monkeypatch):
    monkeypatch.setattr(waiting, "QUIET_S", 0.05)
    double.stall_watches()
    sleeps = Sleeps()
    outcome = await resize(between, sleep=sleeps)
    assert outcome.confirmed
    assert len(sleeps.seconds) >= 1


async def test_a_pod_replaced_while_nobody_watched_is_another(double, bus, kubelet, between):
    kubelet.paused = True

    async def sleep(seconds):
        await double.delete("Pod", "default", "bus", grace_s=0)
        await double.create(pod())

    def watch(*_, **__):
        async def none():
            raise ApiError(0, UNREACHABLE, "reset")
            yield

        return none()

    between.watch = watch
    outcome = await resize(between, sleep=sleep)
    assert (outcome.kind, outcome.reason) == ("superseded", "replaced")


async def settled(api, kubelet, outcome):
    """What the kubelet makes of it when there is nothing more to come."""
    await kubelet.settled()
    return judge(await api.get("Pod", "default", "bus"), "app", outcome)


async def _watching(api, between, times):
    """Until the server has the so many-th watch open."""
    await until(
        lambda: [each for each, _, _ in between.sent].count("WATCH") >= times and bool(api.watches._open)
    )


async def _condition(api, kind):
    async with asyncio.timeout(LONG_S):
        while True:
            found = (await api.get("Pod", "default", "bus"))["status"].get("conditions") or []
            if any(each["type"] == kind for each in found):
                return
            await asyncio.sleep(0.005)
