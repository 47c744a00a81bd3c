"""Real coordinators, killed, stopped and cut off: the next one acts in time, and no change comes from two at once.

Failover as users have it: EQUILIBRIUM_TEST_LEASE_S=15 .venv/bin/pytest tests/coordinator/lease/test_processes.py -s
"""

import signal
from pathlib import Path

import pytest

from tests.coordinator.lease.processes import LEASE_S, Change, Fleet, fleet
from tests.support.kube import until

pytestmark = pytest.mark.slow
ACTS_WITHIN_S = 20.0


async def assert_one_writer(made: Fleet) -> None:
    """Whatever the server took came from whom the Lease named, who had renewed it within its duration."""

    def taken() -> list[Change]:
        return [change for change in made.api.changes if change.status < 300 and not change.late]

    await until(lambda: len(taken()) >= 3)
    assert [change for change in taken() if change.user != change.holder] == []
    assert max(change.lease_age_s for change in taken()) < LEASE_S


async def test_of_three_started_together_one_acts_and_after_each_kill_another_one(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b", "c") as made:
        await until(lambda: len(made.api.changes) >= 5, within_s=60)
        assert len(made.api.changed_by()) == 1
        times = []
        for _ in range(3):
            leader, _ = await made.acts(within_s=60)
            await leader.end(signal.SIGKILL)
            successor, took_s = await made.acts(but=leader.name, within_s=ACTS_WITHIN_S)
            times.append(took_s)
            assert successor is not leader
            await leader.start()
        print(
            f"\na {LEASE_S} s Lease: after SIGKILL another acts in {', '.join(f'{t:.1f} s' for t in times)}"
        )
        await assert_one_writer(made)


async def test_one_that_stood_still_and_goes_on_changes_nothing(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b") as made:
        leader, _ = await made.acts(within_s=60)
        leader.send(signal.SIGSTOP)
        successor, took_s = await made.acts(but=leader.name, within_s=ACTS_WITHIN_S)
        seen = made.api.seen[leader.name]
        leader.send(signal.SIGCONT)
        await until(lambda: made.api.seen[leader.name] >= seen + 3)
        changes = len(made.api.changes)
        await until(lambda: len(made.api.changes) >= changes + 3)
        assert {change.user for change in made.api.changes[changes:]} == {successor.name}
        print(f"\na {LEASE_S} s Lease: after SIGSTOP another acts in {took_s:.1f} s")
        await assert_one_writer(made)


@pytest.mark.parametrize(
    "ways",
    [{}, {"to_server": False}],
    ids=["both ways", "its answers are lost"],
)
async def test_one_that_is_cut_off_stops_before_another_begins(tmp_path: Path, ways: dict[str, bool]) -> None:
    async with fleet(tmp_path, "a", "b") as made:
        leader, _ = await made.acts(within_s=60)
        leader.network.cut(**ways)
        successor, took_s = await made.acts(but=leader.name, within_s=ACTS_WITHIN_S)
        seen = made.api.seen[leader.name]
        leader.network.heal()  # what it sent meanwhile arrives now
        await until(lambda: made.api.seen[leader.name] >= seen + 3)
        changes = len(made.api.changes)
        await until(lambda: len(made.api.changes) >= changes + 3)
        assert {change.user for change in made.api.changes[changes:] if change.status < 300} == {
            successor.name
        }
        print(f"\na {LEASE_S} s Lease: after the cut another acts in {took_s:.1f} s")
        await assert_one_writer(made)


async def test_one_that_is_stopped_in_good_order_hands_over_at_once(tmp_path: Path) -> None:
    async with fleet(tmp_path, "a", "b") as made:
        leader, _ = await made.acts(within_s=60)
        assert await leader.end(signal.SIGTERM) == 0, leader.log()
        successor, took_s = await made.acts(but=leader.name, within_s=ACTS_WITHIN_S)
        assert successor is not leader
        print(f"\na {LEASE_S} s Lease: after SIGTERM another acts in {took_s:.1f} s")
        await assert_one_writer(made)
