"""The Lease itself, over the wire: as client-go writes it, and whatever the API server says, nobody is misled."""

import asyncio
import logging
import re

import pytest

from coordinator.kube.lease import Leader
from coordinator.policy.leadership import RELEASED_S
from tests.coordinator.lease.candidates import NAME, NAMESPACE, candidate, client, lease
from tests.support.kube import until

MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def leading(*leaders: Leader) -> list[Leader]:
    return [leader for leader in leaders if leader.leading]


async def released(api) -> None:
    """A Lease that is free at once, as after a clean stop."""
    spec = {"holderIdentity": "", "leaseDurationSeconds": RELEASED_S, "leaseTransitions": 4}
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    await api.create(kind | {"metadata": {"name": NAME, "labels": {"team": "x"}}, "spec": spec})


async def test_of_two_started_together_one_leads(api):
    async with candidate(api, "a") as a, candidate(api, "b") as b:
        await until(lambda: a.leading or b.leading)
        assert len(leading(a, b)) == 1
        (first,) = leading(a, b)
        await until(lambda: a.holder == b.holder == first.identity)
        assert len(leading(a, b)) == 1


async def test_the_lease_is_written_as_client_go_writes_it(api):
    await released(api)
    async with candidate(api, "a") as a:
        await a.elected()
        found = await lease(api)
        assert found["spec"]["holderIdentity"] == a.identity
        assert a.identity.startswith("a_")
        assert found["spec"]["leaseDurationSeconds"] == 15
        assert found["spec"]["leaseTransitions"] == a.transitions == 5
        assert MICRO_TIME.fullmatch(found["spec"]["acquireTime"])
        assert MICRO_TIME.fullmatch(found["spec"]["renewTime"])
        assert found["metadata"]["labels"] == {"team": "x"}, "what others keep there stays"


async def test_renewing_moves_the_renewal_time_and_not_the_acquisition(api):
    await released(api)
    async with candidate(api, "a") as a:
        await a.elected()
        before = (await lease(api))["spec"]
        async with asyncio.timeout(60):
            while (after := (await lease(api))["spec"])["renewTime"] == before["renewTime"]:
                await asyncio.sleep(0.01)
        assert after["acquireTime"] == before["acquireTime"]
        assert after["leaseTransitions"] == before["leaseTransitions"]


async def test_when_the_leader_dies_the_other_one_leads(api):
    await released(api)
    async with candidate(api, "b", runs=False) as b:
        async with candidate(api, "a") as a:
            await a.elected()
            running = asyncio.get_running_loop().create_task(b.run())
            await until(lambda: b.holder == a.identity)
            assert not b.leading
        assert (await lease(api))["spec"]["holderIdentity"] == a.identity, "it could not say goodbye"
        await until(lambda: b.leading)
        assert not a.leading
        assert (await lease(api))["spec"]["leaseTransitions"] == b.transitions == 6
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_one_who_stops_leaves_it_to_the_next_at_once(api):
    await released(api)
    async with candidate(api, "a") as a, candidate(api, "b", runs=False) as b:
        await a.elected()
        await a.release()
        assert not a.leading
        spec = (await lease(api))["spec"]
        assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("", RELEASED_S)
        running = asyncio.get_running_loop().create_task(b.run())
        await until(lambda: b.leading)
        assert not a.leading
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_release_ends_the_loop_and_takes_nothing_that_is_anothers(api):
    await released(api)
    async with candidate(api, "a") as a, candidate(api, "b", runs=False) as b:
        await a.elected()
        await b.release()
        assert (await lease(api))["spec"]["holderIdentity"] == a.identity
        await a.release()
        async with asyncio.timeout(60):
            await a.run()


async def test_release_after_being_cancelled_in_the_middle_of_a_renewal(api):
    await released(api)
    async with candidate(api, "a", runs=False) as a:
        for _ in range(20):
            running = asyncio.get_running_loop().create_task(a.run())
            await asyncio.sleep(0.005)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        running = asyncio.get_running_loop().create_task(a.run())
        await a.elected()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await a.release()
        assert (await lease(api))["spec"]["holderIdentity"] == ""


async def test_without_the_server_belief_ends_and_comes_back_with_it(api):
    await released(api)
    async with candidate(api, "a") as a:
        await a.elected()
        async with api.gone():
            await until(lambda: not a.leading)
            assert "Unreachable" in a.problem
        await until(lambda: a.leading)
        assert a.problem == ""


async def test_two_meet_again_after_the_server_was_gone(api):
    await released(api)
    async with candidate(api, "a") as a, candidate(api, "b") as b:
        await until(lambda: a.leading or b.leading)
        async with api.gone():
            await until(lambda: not (a.leading or b.leading))
        await until(lambda: a.leading or b.leading)
        assert len(leading(a, b)) == 1


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500])
async def test_whatever_the_server_answers_belief_ends_on_time_and_the_loop_goes_on(api, status):
    await released(api)
    async with candidate(api, "a", duration_s=5) as a:
        await a.elected()
        api.faults.answer(status, times=10**6)
        await until(lambda: not a.leading)
        api.faults.answers.clear()
        await until(lambda: a.leading)


async def test_a_deleted_lease_is_made_again(api):
    await released(api)
    async with candidate(api, "a") as a:
        await a.elected()
        await api.delete("Lease", NAMESPACE, NAME)
        await until(lambda: a.leading and a.transitions == 0 and a.holder == a.identity)
        assert (await lease(api))["spec"]["holderIdentity"] == a.identity


async def test_who_may_not_is_told_what_is_missing(api, caplog):
    await released(api)
    token = api.allow([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]}])
    with caplog.at_level(logging.INFO):
        async with candidate(api, "a", token=token) as a:
            await until(lambda: "403" in a.problem)
            assert "get, create, update on leases" in a.problem
            assert not a.leading
    said = [record.fields for record in caplog.records if record.message == "lease"]
    assert said[0]["lease"] == f"{NAMESPACE}/{NAME}"


async def test_a_namespace_that_is_not_there_is_named(api):
    speaks = client(api)
    a = Leader(speaks, "nowhere", NAME, "a")
    running = asyncio.get_running_loop().create_task(a.run())
    try:
        await until(lambda: "namespace 'nowhere'" in a.problem)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await speaks.close()


async def test_a_wall_clock_that_jumps_changes_stamps_and_nothing_else(api):
    await released(api)
    times = iter(range(0, 10**9, 10**5))
    async with candidate(api, "a", wall=lambda: 1.9e9 - next(times)) as a, candidate(api, "b") as b:
        await until(lambda: a.leading or b.leading)
        first = leading(a, b)[0]
        transitions = first.transitions
        version = (await lease(api))["metadata"]["resourceVersion"]
        async with asyncio.timeout(60):
            while int((await lease(api))["metadata"]["resourceVersion"]) < int(version) + 6:
                await asyncio.sleep(0.02)
        assert leading(a, b) == [first]
        assert first.transitions == transitions


async def test_a_record_of_a_former_life_under_the_same_name_has_to_run_out(api):
    await released(api)
    async with candidate(api, "pod-0") as before:
        await before.elected()
    async with candidate(api, "pod-0") as after:
        await until(lambda: after.holder == before.identity)
        assert not after.leading
        await until(lambda: after.leading)
        assert after.identity != before.identity


async def test_an_answer_that_is_no_lease_is_an_error_and_no_crash(api):
    class Garbage:
        async def request(self, method, path, **_):
            return {"metadata": "no"}

    one = Leader(Garbage(), NAMESPACE, NAME, "a")
    running = asyncio.get_running_loop().create_task(one.run())
    await until(lambda: "without resourceVersion" in one.problem)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_whoever_waits_to_be_elected_can_be_cancelled(api):
    async with candidate(api, "a", runs=False) as a:
        waiting = asyncio.get_running_loop().create_task(a.elected())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
