"""Everything an API server can answer instead, wherever it is asked: nothing is lost, and the loop goes on."""

import asyncio

import pytest

from sidecar import clock
from tests.coordinator.loop.world import caught_up, driven, outcomes, pod, reasons, step, world
from tests.support.kube import until
from tests.support.kube.resources import by_kind

HARMED = {
    400: {"infeasible", "failed", "unsupported"},
    401: {"forbidden"},
    403: {"forbidden"},
    404: {"superseded", "unsupported", "failed"},
    409: {"applied", "conflict"},
    410: {"failed", "superseded", "infeasible"},
    415: {"unsupported", "failed", "infeasible"},
    422: {"applied", "conflict", "infeasible"},
    429: {"applied", "failed"},
    500: {"applied", "failed"},
    503: {"applied", "failed"},
    504: {"applied", "failed"},
}
"""What may become of the one resize that gets this answer."""


@pytest.mark.parametrize("status", HARMED)
@pytest.mark.parametrize("at", ["reading", "writing"])
async def test_an_answer_to_one_resize_is_its_outcome_and_nobody_elses(status, at):
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await w.add(pod("z"), 0.95)
        await caught_up(w, c)
        read = c._clients[0].request
        left = [1]

        async def failing(method, path, **more):
            asked = "reading" if method == "GET" else "writing"
            if "/pods/a" in path and asked == at and left:
                left.pop()
                w.api.faults.answer(status)
                assert w.api.faults.answers
            return await read(method, path, **more)

        c._clients[0].request = failing
        cycle = await step(w, c)
        assert not left
        assert not cycle.failures
        found = outcomes(cycle)
        # both are sent at once, so the server may give its answer to either
        assert set(found) == {"a", "z"}
        assert "applied" in found.values()
        assert set(found.values()) <= HARMED[status] | {"applied"}
        assert set((await w.limits()).values()) != {"500m"}


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_what_cannot_be_listed_is_named_and_listed_when_it_can(status):
    async with world() as w:
        await w.add(pod("a"), 0.95)
        w.api.faults.answer(status, times=12)
        async with driven(w) as c:
            sample = c.parts.metrics.registry.get_sample_value
            assert sum(
                sample("equilibrium_coordinator_api_failures_total", {"what": what}) or 0
                for what in ("pods", "nodes", "limitranges", "replicasets", "autoscalers")
            )
            assert outcomes(await step(w, c)) == {"a": "applied"}


async def test_before_everything_is_listed_nothing_is_done():
    async with world() as w:
        await w.add(pod("a"), 0.95)
        c = w.coordinator(dry_run=True)
        try:
            assert c.not_ready() == "not listed yet: pods, nodes, limitranges, replicasets"
            assert await c.parts.hindrance() == "not listed yet: pods, nodes, limitranges, replicasets"
        finally:
            await c.close()


async def test_an_api_server_that_is_gone_costs_a_cycle_and_nothing_else():
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await caught_up(w, c)
        c._leader.seconds = 2.0  # no write is tried for longer than the Lease lasts
        async with w.api.gone():
            await c.cycle()
            assert c.last.idle.startswith("unreachable") or set(outcomes(c.last).values()) == {"failed"}
            assert not c.last.failures
        c._leader.seconds = 60.0
        await until(lambda: not c.not_ready())
        await caught_up(w, c)
        assert await w.limits() == {"a": "500m"}

        def done() -> bool:
            return c.last is not None and outcomes(c.last) == {"a": "applied"}

        c.parts.turn._calculate._controller._records.of(next(iter(c.last.found.pods))).not_before = 0.0
        await c.cycle()
        assert done(), c.last


async def test_a_watch_that_says_nothing_is_not_trusted():
    async with world() as w, driven(w, STALE="300ms") as c:
        await w.add(pod("a"), 0.95)
        await caught_up(w, c)
        w.api.stall_watches()
        await until(lambda: bool(c.parts.inventory.stale(0.3)))
        await c.cycle()
        assert c.last.idle.startswith("stale: the API server has said nothing of ")
        assert w.sidecars["a"].proposals == []
        assert c.not_ready().startswith("stale: ")
        w.api.stall_watches(False)
        async with asyncio.timeout(60):
            while not (c.last.outcomes and not c.last.idle):
                w.api.watches.bookmark()
                await asyncio.sleep(0.02)
                await c.cycle()
        assert outcomes(c.last) == {"a": "applied"}


@pytest.mark.parametrize("reset", [False, True])
async def test_watches_that_break_and_a_past_that_is_forgotten_are_listed_anew(reset):
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await caught_up(w, c)
        w.api.compact()
        w.api.break_watches(reset=reset)
        await w.add(pod("b"), 0.95)
        assert outcomes(await step(w, c)) == {"a": "applied", "b": "applied"}


async def test_a_token_without_the_right_to_resize_is_told_so():
    async with world() as w:
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
        await w.add(pod("a"), 0.95)
        w.api.token_file.write_text(w.api.allow(rules))
        async with driven(w) as c:
            await c.cycle()
            ((_, outcome),) = c.last.outcomes
            assert outcome.kind == "forbidden"
            assert "pods/resize" in outcome.message
            assert not c.last.failures


async def test_a_server_without_the_subresource_is_named_and_nobody_is_asked():
    async with world() as w:
        w.api.minor = 31
        await w.add(pod("a"), 0.95)
        async with driven(w) as c:
            await c.cycle()
            assert c.last.idle.startswith("unsupported: ")
            assert w.sidecars["a"].proposals == []


async def test_an_object_that_is_none_ends_nothing():
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await caught_up(w, c)
        inventory = c.parts.inventory
        reflector = inventory._reflectors["pods"]
        odd = {
            "metadata": {"name": "odd", "namespace": "shop", "annotations": ["no"], "resourceVersion": "9"}
        }
        inventory._changed("pods", "ADDED", reflector._keep(odd))
        await c.cycle()
        assert outcomes(c.last) == {"a": "applied"}


async def test_a_defect_in_one_pods_path_is_counted_and_the_others_go_on(monkeypatch):
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await w.add(pod("b"), 0.95)
        patch = c.parts.turn._act._patch

        async def broken(grant):
            if grant.subject.name == "a":
                raise RuntimeError("a defect")
            return await patch(grant)

        monkeypatch.setattr(c.parts.turn._act, "_patch", broken)
        cycle = await step(w, c)
        assert outcomes(cycle) == {"a": "failed", "b": "applied"}
        assert cycle.failures == ["shop/a: RuntimeError('a defect')"]
        sample = c.parts.metrics.registry.get_sample_value
        assert sample("equilibrium_coordinator_cycles_total", {"result": "failed"}) == 1


async def test_a_defect_of_a_whole_cycle_is_counted_and_the_next_one_runs(monkeypatch):
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await caught_up(w, c)
        with monkeypatch.context() as patched:
            patched.setattr(c.parts.inventory, "look", lambda: 1 / 0)
            await c.cycle()
            assert c.last.failures == ["ZeroDivisionError('division by zero')"]
        assert outcomes(await step(w, c)) == {"a": "applied"}


async def test_a_cycle_that_is_cancelled_leaves_nothing_behind():
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await caught_up(w, c)
        reached = asyncio.Event()

        async def hang(grant):
            reached.set()
            await asyncio.Event().wait()

        c.parts.turn._act._patch = hang
        async with asyncio.TaskGroup() as group:
            turn = group.create_task(c.parts.turn.run())
            await reached.wait()
            turn.cancel()
        assert turn.cancelled()
        assert not c.parts.turn._act.under_way


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
async def test_after_a_clock_that_jumped_a_cycle_changes_nothing_and_the_next_one_does(jump_s):
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        assert outcomes(await step(w, c)) == {"a": "applied"}
        for part in (
            c.parts.turn._observe,
            c.parts.turn._calculate,
            c.parts.turn._negotiate,
            c.parts.turn._act,
        ):
            part._now = lambda: clock.now() + jump_s
        jumped = await step(w, c)
        assert reasons(jumped) == {"a": "clock"}
        assert not jumped.outcomes
        assert outcomes(await step(w, c)) == {"a": "applied"}


async def test_a_container_that_restarted_on_the_way_is_reported():
    async with world() as w, driven(w) as c:
        await w.add(pod("a"), 0.95)
        await step(w, c)
        await w.kubelet.settled()
        key = (by_kind("Pod"), "shop", "a")
        found = w.api.store.get(key)
        found["status"]["containerStatuses"][0]["restartCount"] = 1
        w.api.store.put(key, found)
        cycle = await step(w, c)
        assert [(outcome.restarted, outcome.confirmed) for _, outcome in cycle.judged] == [(True, False)]
        labels = {"namespace": "shop", "pod": "a", "action": "restarted"}
        assert c.parts.metrics.registry.get_sample_value("mbcas_resize_events_total", labels) == 1
