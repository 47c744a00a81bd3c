"""Whole cycles against the API double, a kubelet that resizes, and scripted sidecars."""

import math

import pytest

from coordinator import state
from sidecar.annotations import parse_cpu
from tests.coordinator.loop.sidecars import HANG
from tests.coordinator.loop.world import (
    caught_up,
    container,
    driven,
    outcomes,
    pod,
    reasons,
    step,
    total_m,
    world,
)
from tests.support.kube import until
from tests.support.kube.resources import by_kind

RESIZE = "equilibrium.io/resize"
BUDGET = "equilibrium.io/budget"
CAPACITY_M = 1900
"""Of a node of 2 CPUs, 5 % reserved."""


def rich(name, budget, **more):
    return pod(name, {RESIZE: "true", BUDGET: str(budget)}, **more)


async def test_a_cycle_moves_limits_by_budget_and_never_above_what_the_node_has():
    async with world() as w, driven(w) as c:
        for name, budget in (("a", 5), ("b", 1), ("c", 1)):
            await w.add(rich(name, budget), 0.95)
        for _ in range(8):
            cycle = await step(w, c)
            assert not cycle.failures
            assert total_m(await w.limits()) <= CAPACITY_M
        limits = await w.limits()
        assert parse_cpu(limits["a"]) > 2 * parse_cpu(limits["b"])
        assert limits["b"] == limits["c"]
        assert total_m(limits) >= CAPACITY_M - 60  # nearly all of it is handed out
        restarts = [
            each["status"]["containerStatuses"][0]["restartCount"] for each in await w.api.list("Pod")
        ]
        assert restarts == [0, 0, 0]


async def test_sellers_are_patched_before_buyers():
    async with world() as w, driven(w) as c:
        for name, demand in (("buyer", 1.0), ("seller", 0.0), ("tidy", 0.0)):
            await w.add(rich(name, 3, containers=[container(cpu="600m")]), demand)
        cycle = await step(w, c)
        sold = [grant.delta_m < 0 for grant, _ in cycle.outcomes]
        assert sold == sorted(sold, reverse=True)
        assert True in sold
        assert False in sold


async def test_other_pods_and_containers_keep_what_they_ask_for():
    async with world() as w, driven(w) as c:
        stranger = pod("stranger", {}, injected=False, containers=[container(cpu="1", request="700m")])
        await w.add(stranger, None)
        two = [container(cpu="500m"), container("helper", cpu="300m", request="200m")]
        await w.add(rich("a", 1, containers=two), 1.0)
        for _ in range(6):
            await step(w, c)
        assert parse_cpu((await w.limits())["a"]) <= CAPACITY_M - 700 - 200
        found = await w.api.get("Pod", "shop", "a")
        assert found["spec"]["containers"][1]["resources"]["limits"]["cpu"] == "300m"
        assert (await w.limits())["stranger"] == "1"


async def test_a_veto_keeps_the_pod_and_is_remembered():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        await w.add(rich("b", 1), 0.0)
        w.sidecars["b"].negotiate = lambda _: (
            409,
            {"accepted": False, "reason": "no", "minimum_memory": None},
        )
        first = await step(w, c)
        assert "b" not in outcomes(first)
        assert (await w.limits())["b"] == "500m"
        assert len(w.sidecars["b"].proposals) == 1
        second = await step(w, c)
        assert len(w.sidecars["b"].proposals) == 1
        assert "b" not in outcomes(second)


async def test_a_seller_that_says_no_takes_from_what_buyers_get():
    async with world() as w, driven(w) as c:
        await w.add(rich("buyer", 9, containers=[container(cpu="900m")]), 1.0)
        await w.add(rich("seller", 1, containers=[container(cpu="900m")]), 0.0)
        w.sidecars["seller"].negotiate = lambda _: (409, {"accepted": False, "reason": "no"})
        await step(w, c)
        limits = await w.limits()
        assert limits["seller"] == "900m"
        assert total_m(limits) <= CAPACITY_M


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((500, {"error": "x"}), "status-500"),
        ((401, {"error": "unauthorized"}), "status-401"),
        ((200, {"accepted": "yes"}), "garbage"),
        ((200, b"<html>"), "garbage"),
        ((302, b""), "redirect"),
        ((200, HANG), "timeout"),
        ((200, b"[" * 100_000), "too-large"),
    ],
)
async def test_no_usable_answer_is_a_no_and_says_why(answer, word):
    async with world() as w, driven(w, NEGOTIATE_TIMEOUT="300ms") as c:
        await w.add(rich("bad", 3), 0.95)
        await w.add(rich("good", 3), 0.95)
        w.sidecars["bad"].negotiate = lambda _: answer
        cycle = await step(w, c)
        said = {grant.subject.name: consent for grant, consent in cycle.consents}
        assert said["bad"].answer == "vetoed"
        assert said["bad"].reason.startswith(f"{word}: ")
        assert outcomes(cycle) == {"good": "applied"}
        assert (await w.limits())["bad"] == "500m"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (200, HANG),
        (200, b"not json"),
        (200, {"demand": float("nan")}),
        (200, {"demand": 7}),
        (200, {"demand": True}),
        (200, {"demand": "0.5"}),
        (200, {"demand": 0.9, "pod": "somebody-else"}),
        (200, b"9" * 100_000),
        (302, b""),
    ],
)
async def test_a_sidecar_that_cannot_say_what_it_wants_gets_the_default_and_hurts_nobody(answer):
    async with world() as w, driven(w, DEMAND_TIMEOUT="300ms") as c:
        await w.add(rich("bad", 3), 0.95)
        await w.add(rich("good", 3), 0.95)
        w.sidecars["bad"].demand = lambda: answer
        cycle = await step(w, c)
        seen = {each.subject.name: cycle.observations[each.subject.uid] for each, _ in cycle.consents}
        assert (seen["bad"].demand, seen["bad"].source) == (0.5, "default")
        assert "no Prometheus is set" in seen["bad"].reason
        assert (seen["good"].demand, seen["good"].source) == (0.95, "sidecar")
        assert len(cycle.silences) == 1


async def test_a_pod_without_a_sidecar_takes_part_with_the_default_demand_and_is_not_asked():
    async with world() as w, driven(w) as c:
        await w.add(rich("bare", 1, injected=False), None)
        cycle = await step(w, c)
        ((grant, consent),) = cycle.consents
        assert consent.answer == "unasked"
        assert cycle.observations[grant.subject.uid].demand == 0.5
        assert grant.memory_bytes is None
        assert outcomes(cycle) == {"bare": "applied"}


async def test_or_is_left_alone():
    async with world() as w, driven(w, NO_SIDECAR="leave") as c:
        await w.add(rich("bare", 1, injected=False), None)
        cycle = await step(w, c)
        assert reasons(cycle) == {"bare": "no-sidecar"}
        assert not cycle.outcomes


async def test_pods_that_cannot_take_part_are_named_and_the_others_go_on():
    async with world() as w, driven(w) as c:
        await w.add(pod("budget", {RESIZE: "true", BUDGET: "lots"}))
        await w.add(pod("min", {RESIZE: "true", "equilibrium.io/min-cpu": "3x"}))
        exact = container()
        exact["resources"]["requests"] = dict(exact["resources"]["limits"])
        await w.add(pod("exact", containers=[exact]))
        bare = {"name": "app", "image": "app:1"}
        await w.add(pod("idle", containers=[bare]))
        await w.add(pod("good"), 0.95)
        cycle = await step(w, c)
        assert reasons(cycle) == {
            "budget": "annotation",
            "min": "annotation",
            "exact": "guaranteed",
            "idle": "best-effort",
        }
        sample = c.parts.metrics.registry.get_sample_value
        assert sample("equilibrium_coordinator_held_pods", {"reason": "annotation"}) == 2
        assert sample("equilibrium_coordinator_pods", {"state": "skipped"}) == 4
        assert outcomes(cycle) == {"good": "applied"}


async def test_a_guaranteed_pod_moves_with_policy_both_and_stays_guaranteed():
    async with world() as w, driven(w) as c:
        exact = container(cpu="500m")
        exact["resources"]["requests"] = dict(exact["resources"]["limits"])
        annotations = {RESIZE: "true", "equilibrium.io/resize-policy": "both"}
        await w.add(pod("exact", annotations, containers=[exact]), 1.0)
        cycle = await step(w, c)
        assert outcomes(cycle) == {"exact": "applied"}
        await caught_up(w, c)
        found = await w.api.get("Pod", "shop", "exact")
        resources = found["spec"]["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        assert resources["limits"]["cpu"] != "500m"
        assert found["status"]["qosClass"] == "Guaranteed"


async def test_what_was_written_is_confirmed_by_the_next_cycle():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        first = await step(w, c)
        assert outcomes(first) == {"a": "applied"}
        second = await step(w, c)
        assert [(outcome.kind, outcome.confirmed) for _, outcome in second.judged] == [("applied", True)]
        assert not second.stood_down


async def test_while_the_kubelet_is_not_done_the_pod_is_left_as_it_is():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        w.kubelet.paused = True
        cycle = await step(w, c)
        assert outcomes(cycle) == {"a": "applied"}
        limits = await w.limits()
        generation = (await w.api.get("Pod", "shop", "a"))["metadata"]["generation"]
        await until(
            lambda: c.parts.inventory._objects["pods"]["shop", "a"]["metadata"]["generation"] == generation
        )
        await c.cycle()
        assert reasons(c.last) == {"a": "settling"}
        assert await w.limits() == limits


async def test_a_buy_the_kubelet_has_no_room_for_is_taken_back():
    async with world() as w, driven(w, POLICY="requests", RESERVE="0") as c:
        await w.add(rich("a", 5, containers=[container(cpu="2", request="500m")]), 1.0)
        first = await step(w, c)
        assert outcomes(first) == {"a": "applied"}
        # what it asks for is in the API server, and the kubelet's node is full meanwhile
        found = w.api.store.get((by_kind("Pod"), "shop", "a"))
        generation = found["metadata"]["generation"]
        await w.kubelet.settled()
        w.kubelet.paused = True
        found = w.api.store.get((by_kind("Pod"), "shop", "a"))
        pending = {"type": "PodResizePending", "status": "True", "reason": "Deferred", "message": "no room"}
        found["status"]["conditions"].append(pending | {"observedGeneration": generation})
        before = found["status"]["containerStatuses"][0]["resources"] = {
            "requests": {"cpu": "500m", "memory": "64Mi"},
            "limits": {"cpu": "2", "memory": "256Mi"},
        }
        written = w.api.store.put((by_kind("Pod"), "shop", "a"), found)
        version = written["metadata"]["resourceVersion"]
        known = c.parts.inventory._objects["pods"]
        await until(lambda: known["shop", "a"]["metadata"]["resourceVersion"] == version)
        await c.cycle()
        assert [grant.cpu_m for grant in c.last.plan.reverts] == [500]
        assert outcomes(c.last) == {"a": "applied"}
        resources = (await w.api.get("Pod", "shop", "a"))["spec"]["containers"][0]["resources"]
        assert resources["requests"]["cpu"] == before["requests"]["cpu"]


async def test_somebody_else_who_resizes_a_pod_has_it_and_its_owner_is_told():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        await w.add(rich("b", 1), 0.95)
        body = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "700m"}}}]}}
        await w.api.patch("Pod", "shop", "a", body, subresource="resize", query="?fieldManager=kubectl")
        cycle = await step(w, c)
        assert reasons(cycle) == {"a": "foreign-resizer"}
        assert outcomes(cycle) == {"b": "applied"}
        await c.parts.recorder.flush()
        told = [each for each in await w.api.list("Event") if each["reason"] == "ResizeStoodDown"]
        assert [each["involvedObject"]["name"] for each in told] == ["a"]
        page = c.parts.metrics.registry.get_sample_value
        assert page("equilibrium_stand_downs_total", {"reason": "foreign-resizer"}) == 1
        assert page("equilibrium_stood_down", {"reason": "foreign-resizer"}) == 1


async def test_whoever_leads_again_takes_what_another_coordinator_did_meanwhile_for_what_it_is():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        await w.add(rich("b", 1), 0.95)
        assert set(outcomes(await step(w, c))) == {"a", "b"}
        await step(w, c)
        c._leader.seconds = 0.0
        await step(w, c)
        query = "?fieldManager=equilibrium-coordinator"
        for name, cpu in (("a", "910m"), ("b", "420m")):
            body = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": cpu}}}]}}
            await w.api.patch("Pod", "shop", name, body, subresource="resize", query=query)
        await step(w, c)
        c._leader.seconds = math.inf
        cycle = await step(w, c)
        assert (cycle.stood_down, cycle.news) == ([], [])
        assert set(outcomes(cycle)) == {"a", "b"}


async def test_a_limit_range_bounds_what_pods_get():
    async with world() as w, driven(w) as c:
        row = {"type": "Container", "max": {"cpu": "600m"}}
        meta = {"name": "bounds", "namespace": "shop"}
        await w.api.create(
            {"apiVersion": "v1", "kind": "LimitRange", "metadata": meta, "spec": {"limits": [row]}}
        )
        await w.add(rich("a", 5), 1.0)
        for _ in range(6):
            await step(w, c)
        assert 560 <= parse_cpu((await w.limits())["a"]) <= 600


async def test_pods_come_and_go_between_cycles_and_their_series_go_with_them():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        await w.add(rich("b", 5), 0.95)
        await step(w, c)
        sample = c.parts.metrics.registry.get_sample_value
        assert sample("mbcas_alloc_cpu_mcores", {"namespace": "shop", "pod": "a"}) is not None
        assert sample("mbcas_resize_events_total", {"namespace": "shop", "pod": "a", "action": "up"}) == 1
        await w.api.delete("Pod", "shop", "a", grace_s=0)
        await w.add(rich("new", 5), 0.95)
        cycle = await step(w, c)
        assert {subject.name for subject in cycle.market} == {"b", "new"}
        assert sample("mbcas_alloc_cpu_mcores", {"namespace": "shop", "pod": "a"}) is None
        assert sample("mbcas_resize_events_total", {"namespace": "shop", "pod": "a", "action": "up"}) is None


async def test_metrics_tell_what_a_pod_is_due_and_how_far_that_is_away():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 3), 0.95)
        await w.add(rich("b", 1), 0.95)
        sample = c.parts.metrics.registry.get_sample_value
        cycle = await step(w, c)
        a = {"namespace": "shop", "pod": "a"}
        (market,) = cycle.plan.markets.values()
        assert sample("mbcas_budget", a) == 3
        assert sample("mbcas_target_cpu_mcores", a) == market.lines["shop/a"].exact_m
        assert sample("mbcas_price", {"node": cycle.market[0].node}) == 1000 * market.price
        far = sample("gtcas_global_potential")
        assert far < 0.0
        for _ in range(8):
            await step(w, c)
        assert far < sample("gtcas_global_potential") <= 0.0


async def test_a_pod_that_goes_while_it_is_asked_is_nobodys_loss():
    async with world() as w, driven(w) as c:
        await w.add(rich("goes", 5), 0.95)
        await w.add(rich("stays", 5), 0.95)

        def leave(_):
            w.api.store.remove((by_kind("Pod"), "shop", "goes"))
            return 200, {"accepted": True}

        w.sidecars["goes"].negotiate = leave
        cycle = await step(w, c)
        assert outcomes(cycle) == {"goes": "superseded", "stays": "applied"}
        assert not cycle.failures


async def test_another_pod_of_the_same_name_is_not_touched():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        key = (by_kind("Pod"), "shop", "a")

        def replace(_):
            found = w.api.store.get(key)
            found["metadata"]["uid"] = "another"
            w.api.store.put(key, found)
            return 200, {"accepted": True}

        w.sidecars["a"].negotiate = replace
        cycle = await step(w, c)
        assert outcomes(cycle) == {"a": "superseded"}
        assert (await w.limits())["a"] == "500m"


async def test_a_dry_run_decides_and_shows_and_has_no_effects():
    async with world() as w, driven(w, dry_run=True) as c:
        await w.add(rich("a", 5), 0.95)
        w.api.requests.clear()
        cycle = await step(w, c)
        assert [grant.subject.name for grant in cycle.plan.grants] == ["a"]
        assert w.sidecars["a"].proposals == []
        assert {method for _, method, _ in w.api.requests} <= {"GET"}
        assert await w.limits() == {"a": "500m"}
        assert "nothing was changed: dry run" in state.table(cycle)
        assert await w.api.list("Lease") == []


async def test_only_the_leader_writes_and_a_follower_observes_and_is_ready():
    async with world() as w, driven(w, lease=True) as leader:
        follower = w.coordinator()
        try:
            follower.follow()
            await w.add(rich("a", 5), 0.95)
            await until(lambda: not follower.not_ready())
            await caught_up(w, follower)
            await follower.cycle()
            assert follower.last.idle.startswith("not leading")
            assert follower.last.plan.grants
            assert w.sidecars["a"].proposals == []
            assert await w.limits() == {"a": "500m"}
            assert outcomes(await step(w, leader)) == {"a": "applied"}
        finally:
            await follower.close()


async def test_after_the_lease_is_lost_nothing_is_sent():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)

        def lose(_):
            c._leader.seconds = 0.0
            return 200, {"accepted": True}

        w.sidecars["a"].negotiate = lose
        cycle = await step(w, c)
        ((_, outcome),) = cycle.outcomes
        assert (outcome.kind, outcome.reason) == ("failed", "lease-lost")
        assert await w.limits() == {"a": "500m"}


async def test_of_several_namespaces_only_those_named_take_part_and_all_of_them_count():
    async with world() as w, driven(w, NAMESPACES="shop") as c:
        await w.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
        other = pod(
            "theirs", {RESIZE: "true"}, namespace="other", containers=[container(request="700m", cpu="1")]
        )
        await w.add(other, 0.95)
        await w.add(rich("a", 5), 1.0)
        for _ in range(5):
            cycle = await step(w, c)
        assert [subject.key for subject in cycle.market] == ["shop/a"]
        assert parse_cpu((await w.limits())["a"]) <= CAPACITY_M - 700


async def test_whoever_begins_to_lead_tells_owners_what_it_saw_before():
    async with world() as w, driven(w) as c:
        await w.add(rich("a", 5), 0.95)
        body = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "700m"}}}]}}
        await w.api.patch("Pod", "shop", "a", body, subresource="resize", query="?fieldManager=kubectl")
        c._leader.seconds = 0.0
        assert not (await step(w, c)).news
        c._leader.seconds = 60.0
        assert (await step(w, c)).news == ["foreign-resizer"]
        assert not (await step(w, c)).news


async def test_agents_that_learn_by_regret_divide_a_node_too_and_tell_their_potential():
    async with world() as w, driven(w, ALLOCATOR="regret") as c:
        sample = c.parts.metrics.registry.get_sample_value
        for name, demand in (("a", 0.95), ("b", 0.2)):
            await w.add(rich(name, 1), demand)
        for _ in range(3):
            cycle = await step(w, c)
            assert not cycle.failures
            assert total_m(await w.limits()) <= CAPACITY_M
        assert sample("gtcas_global_potential") == cycle.plan.potential
        assert cycle.plan.potential is not None
