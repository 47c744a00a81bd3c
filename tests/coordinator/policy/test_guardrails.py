"""Each guardrail by itself."""

from dataclasses import replace

import pytest

from coordinator.policy.config import Config
from coordinator.policy.guardrails import Case, Move, guarded
from coordinator.policy.reach import Reach
from coordinator.policy.records import Record, Veto

ALL = Config(gain=1.0)
"""So that figures are the guardrail's own."""
NOW = 1000.0


def case(present_m: int, exact_m: float, **changes: object) -> Case:
    plain = Case(
        present_m=present_m,
        exact_m=exact_m,
        reach=Reach(100, 4000),
        demand=0.5,
        record=Record(),
        oversold=False,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("present_m", "exact_m", "expected"),
    [
        (1000, 1019.0, Move(1000, "dead-band")),
        (1000, 981.0, Move(1000, "dead-band")),
        (1000, 1020.0, Move(1020.0)),
        (200, 209.0, Move(200, "dead-band")),
        (200, 210.0, Move(210.0)),
        (1000, 1500.0, Move(1500.0)),
        (1000, 1501.0, Move(1500.0, "max-delta")),
        (1000, 499.0, Move(500.0, "max-delta")),
        (120, 900.0, Move(220.0, "max-delta")),
        (0, 900.0, Move(900.0)),
        (50, 60.0, Move(100.0)),
        (5000, 4500.0, Move(4000.0)),
    ],
)
def test_small_changes_wait_and_large_ones_are_cut(present_m: int, exact_m: float, expected: Move) -> None:
    assert guarded(case(present_m, exact_m), ALL, NOW) == expected


def test_a_pod_moves_part_of_the_way_each_cycle() -> None:
    assert guarded(case(1000, 1100.0), Config(), NOW) == Move(1060.0)


@pytest.mark.parametrize(
    ("exact_m", "target_m"), [(720.0, 714.0), (724.0, 714.4), (790.0, 754.0), (714.0, 714.0)]
)
def test_no_step_is_so_small_that_it_would_not_be_made(exact_m: float, target_m: float) -> None:
    """Part of little would be less than the dead band, and the pod would stay short of its figure."""
    assert guarded(case(700, exact_m), Config(), NOW).target_m == pytest.approx(target_m)


@pytest.mark.parametrize(("demand", "target_m"), [(0.9, 1500.0), (0.91, 3000.0)])
def test_a_hot_pod_may_gain_as_much_as_it_likes(demand: float, target_m: float) -> None:
    assert guarded(case(1000, 3000.0, demand=demand), ALL, NOW).target_m == target_m


def test_a_hot_pod_loses_no_faster_than_others() -> None:
    assert guarded(case(3000, 1000.0, demand=1.0), ALL, NOW) == Move(1500.0, "max-delta")


@pytest.mark.parametrize(
    ("direction", "exact_m", "since_s", "stays"),
    [
        (1, 800.0, 29.0, True),
        (1, 800.0, 30.0, False),
        (1, 1200.0, 0.0, False),
        (-1, 1200.0, 29.0, True),
        (-1, 800.0, 0.0, False),
    ],
)
def test_only_a_change_of_direction_waits(
    direction: int, exact_m: float, since_s: float, stays: bool
) -> None:
    record = Record(direction=direction, changed_at=NOW - since_s)
    move = guarded(case(1000, exact_m, record=record), ALL, NOW)
    assert move == (Move(1000, "cooldown") if stays else Move(exact_m))


def test_a_hot_pod_does_not_wait() -> None:
    record = Record(direction=-1, changed_at=NOW)
    assert guarded(case(1000, 1200.0, record=record, demand=1.0), ALL, NOW) == Move(1200.0)


def test_on_an_oversold_node_nobody_waits_to_give_back() -> None:
    record = Record(direction=1, changed_at=NOW, caution=0.1)
    assert guarded(case(1000, 985.0, record=record, oversold=True), Config(), NOW) == Move(985.0)


def test_a_pod_that_swings_moves_less() -> None:
    assert guarded(case(1000, 1200.0, record=Record(caution=0.25)), ALL, NOW) == Move(1050.0)
    assert guarded(case(1000, 1200.0, record=Record(caution=0.25), demand=1.0), ALL, NOW) == Move(1200.0)


def veto(minimum_m: int | None, *, left_s: float = 10.0) -> Record:
    return Record(cpu_veto=Veto(NOW + left_s, minimum_m, "busy"))


@pytest.mark.parametrize(
    ("record", "exact_m", "expected"),
    [
        (veto(None), 700.0, Move(1000, "veto")),
        (veto(None), 1300.0, Move(1000, "veto")),
        (veto(None, left_s=0.0), 700.0, Move(700.0)),
        (Record(memory_veto=Veto(NOW + 9.0, None, "")), 700.0, Move(700.0)),
        (veto(801), 700.0, Move(810, "veto")),
        (veto(801), 810.0, Move(810.0)),
        (veto(1200), 1100.0, Move(1000, "veto")),
        (veto(1200), 1200.0, Move(1200.0)),
    ],
)
def test_a_no_stands_until_it_ends_or_its_minimum_is_kept(
    record: Record, exact_m: float, expected: Move
) -> None:
    assert guarded(case(1000, exact_m, record=record), ALL, NOW) == expected
