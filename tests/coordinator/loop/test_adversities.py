"""What once ended a cycle, froze a pod or oversold a node."""

import asyncio

import orjson
import pytest

from coordinator.game import market
from coordinator.kube import kept
from coordinator.policy import answers
from tests.coordinator.loop.sidecars import HANG
from tests.coordinator.loop.test_cycle import rich
from tests.coordinator.loop.test_program import environment, run
from tests.coordinator.loop.test_prometheus import scripted, serving
from tests.coordinator.loop.world import caught_up, container, driven, outcomes, pod, reasons, step, world
from tests.support.kube.resources import by_kind

SAMPLE = (
    b'{"status":"success","data":{"resultType":"vector","result":[{"metric":'
    b'{"namespace":"shop","pod":"a","container":"app"},"value":[1,"%s"]}]}}'
)


async def test_a_minimum_beyond_any_number_costs_its_own_pod_only():
    async with world() as w, driven(w) as c:
        await w.add(rich("bad", 1), 0.0)
        await w.add(rich("good", 5), 0.95)
        no = {"accepted": False, "reason": "no", "minimum_cpu": "1e999"}
        w.sidecars["bad"].negotiate = lambda _: (409, no)
        for _ in range(2):
            assert not (await step(w, c)).failures
        assert reasons(c.last)["bad"] == "veto"


async def test_warnings_of_prometheus_that_are_no_list():
    body = b'{"status":"success","warnings":5,"data":{"resultType":"vector","result":[]}}'
    async with serving(scripted([(200, body)])) as url, world() as w, driven(w, PROMETHEUS=url) as c:
        await w.add(pod("a"), 0.9)
        assert not (await step(w, c)).failures


async def test_memory_in_use_that_no_machine_has():
    async with (
        serving(scripted([(200, SAMPLE.replace(b"%s", b"1e30"))])) as url,
        world() as w,
        driven(w, PROMETHEUS=url) as c,
    ):
        await w.add(pod("a"), 0.9)
        cycle = await step(w, c)
        assert not cycle.failures
        assert outcomes(cycle) == {"a": "applied"}
        assert orjson.dumps(c.state(), default=str)


async def test_memory_that_may_not_move_does_not_keep_cpu_from_moving():
    rules = [
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
    ]
    async with (
        serving(scripted([(200, SAMPLE.replace(b"%s", b"260000000"))])) as url,
        world() as w,
        driven(w, PROMETHEUS=url, CYCLE="200ms") as c,
    ):
        await w.add(rich("a", 5, containers=[container(resizePolicy=rules)]), 1.0)
        assert outcomes(await step(w, c)) == {"a": "infeasible"}
        for _ in range(8):
            await asyncio.sleep(0.2)
            await step(w, c)
        assert (await w.limits())["a"] != "500m"


async def test_a_node_that_goes_while_sidecars_are_asked():
    async with world() as w, driven(w) as c:
        await w.add(pod("a", containers=[container(cpu="1500m")]), 0.9)
        await caught_up(w, c)
        asked = c.parts.sidecars.demands

        async def demands(subjects):
            said = await asked(subjects)
            c.parts.inventory._changed("nodes", "DELETED", {"metadata": {"name": "node-a"}})
            return said

        c.parts.sidecars.demands = demands
        await c.cycle()
        assert not c.last.failures
        assert reasons(c.last) == {"a": "node"}
        assert await w.limits() == {"a": "1500m"}


def test_what_a_pod_asks_for_as_a_whole_is_taken_from_its_node():
    spec = {"nodeName": "n", "resources": {"requests": {"cpu": "1500m"}}, "containers": [{"name": "app"}]}
    found = {"metadata": {"name": "big", "namespace": "x"}, "spec": spec, "status": {"phase": "Running"}}
    assert kept.pod(found)["other"].request_m == 1500


async def test_whoever_leads_next_takes_back_what_was_put_off():
    mine = {"POLICY": "requests", "RESERVE": "0"}
    key = (by_kind("Pod"), "shop", "a")
    async with world() as w:
        async with driven(w, **mine) as c:
            await w.add(rich("a", 5, containers=[container(cpu="2", request="500m")]), 1.0)
            assert outcomes(await step(w, c)) == {"a": "applied"}
            await w.kubelet.settled()
            w.kubelet.paused = True
            found = w.api.store.get(key)
            pending = {
                "type": "PodResizePending",
                "status": "True",
                "reason": "Deferred",
                "message": "no room",
            }
            pending["observedGeneration"] = found["metadata"]["generation"]
            found["status"]["conditions"].append(pending)
            had = {"requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "256Mi"}}
            found["status"]["containerStatuses"][0]["resources"] = had
            w.api.store.put(key, found)
        async with driven(w, **mine) as other:
            await other.cycle()
            assert reasons(other.last) == {"a": "deferred"}  # once seen is not yet for a cycle
            await other.cycle()
            assert outcomes(other.last) == {"a": "applied"}
        resources = (await w.api.get("Pod", "shop", "a"))["spec"]["containers"][0]["resources"]
        assert resources["requests"]["cpu"] == "500m"


async def test_prometheus_and_sidecars_are_waited_for_together():
    async with (
        serving(scripted([(200, HANG)])) as url,
        world() as w,
        driven(w, PROMETHEUS=url, DEMAND_TIMEOUT="500ms") as c,
    ):
        await w.add(pod("a"), 0.9)
        w.sidecars["a"].demand = lambda: (200, HANG)
        assert (await step(w, c)).seconds["demand"] < 1.4


async def test_our_own_waiting_is_no_clock_that_jumped():
    async with (
        serving(scripted([(200, HANG)])) as url,
        world() as w,
        driven(w, PROMETHEUS=url, CYCLE="500ms") as c,
    ):
        await w.add(rich("a", 5), 0.95)
        await step(w, c)
        cycle = await step(w, c)
        assert cycle.seconds["cycle"] > 4 * 0.5
        assert outcomes(cycle) == {"a": "applied"}


async def test_who_was_not_asked_has_said_nothing():
    async with world() as w, driven(w, NEGOTIATE_TIMEOUT="300ms") as c:
        c.parts.sidecars._at_once = 2
        for n in range(6):
            await w.add(rich(f"p{n}", 1, containers=[container(cpu="200m")]), 0.95)
            if n < 4:
                w.sidecars[f"p{n}"].negotiate = lambda _: (200, HANG)
        became = {}
        for _ in range(3):
            became |= outcomes(await step(w, c))
        assert became == {"p4": "applied", "p5": "applied"}


async def test_once_that_could_do_nothing_is_1():
    async with world() as w:
        w.api.minor = 31
        await w.add(pod("a"), 0.95)
        status, out, _ = await run("--once", env=environment(w))
        assert "nothing was changed: unsupported" in out
        assert status == 1


def test_a_market_of_any_size_sells_no_more_than_there_is():
    found = market.clear(10**10, [market.Bid(name, 1.0, 1.0, 0, 10**10) for name in "abc"])
    assert sum(found.values()) == 10**10
    assert max(found.values()) - min(found.values()) <= 1


def in_use(mib: int) -> dict[str, object]:
    own = {"source": "self", "usage_bytes": 9, "limit_bytes": None, "app": False}
    return {"memory": [own, {"source": "processes", "usage_bytes": mib * 2**20, "app": True}]}


async def test_without_prometheus_memory_grows_by_what_sidecars_say_their_application_uses():
    async with world() as w, driven(w, MESH_KEY="key") as c:
        await w.add(pod("full"), 0.5)
        await w.add(pod("roomy"), 0.5)
        w.sidecars["full"].state = lambda: (200, in_use(250))
        w.sidecars["roomy"].state = lambda: (200, in_use(30))
        cycle = await step(w, c)
        grown = {grant.subject.name for grant, _ in cycle.outcomes if grant.memory_bytes is not None}
        assert grown == {"full"}
        assert all("X-GT-Auth" in headers for headers in w.sidecars["full"].state_headers)


@pytest.mark.parametrize(
    "answer",
    [
        (401, {}),
        (500, b"oops"),
        (200, b"{"),
        (200, []),
        (200, {"memory": 5}),
        (200, {"memory": [{"app": True, "usage_bytes": "1e30"}]}),
        (200, {"memory": [{"app": True, "usage_bytes": 10**30}]}),
        (302, {}),
    ],
)
async def test_a_state_nobody_can_use_costs_what_is_known_of_memory_and_nothing_else(answer):
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.9)
        w.sidecars["a"].state = lambda: answer
        cycle = await step(w, c)
        (seen,) = cycle.observations.values()
        assert (seen.source, seen.demand, seen.usage_bytes) == ("sidecar", 0.9, None)
        assert not cycle.failures


async def test_a_state_that_hangs_costs_no_demand():
    async with world() as w, driven(w, DEMAND_TIMEOUT="500ms") as c:
        await w.add(pod("a"), 0.9)
        w.sidecars["a"].state = lambda: (200, HANG)
        cycle = await step(w, c)
        (seen,) = cycle.observations.values()
        assert (seen.source, seen.demand, seen.usage_bytes) == ("sidecar", 0.9, None)


@pytest.mark.parametrize("told", [{"pod": "another"}, {"namespace": "bank"}])
def test_a_namesake_in_another_namespace_is_somebody_else(told: dict[str, str]) -> None:
    said = {"demand": 0.9, "pod": "one", "namespace": "shop"}
    assert answers.demand(said, "shop", "one").demand == 0.9
    with pytest.raises(ValueError, match="changed hands"):
        answers.demand(said | told, "shop", "one")
