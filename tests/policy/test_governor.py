"""The governor bends before memory breaks, and stands up again slowly; the scale is never below a tenth."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy.overload.aimd import Aimd
from sidecar.policy.overload.governor import (
    DEGRADED,
    DEGRADED_MODE,
    MEM_PRESSURE,
    NORMAL,
    RECOVERING,
    SCALE_DOWN,
    SCALE_UP,
    Change,
    Governor,
    GovernorConfig,
)

SENSE_S, STEP_S, COOLDOWN_S = 0.05, 3.0, 30.0
CALM, BETWEEN, HIGH, CRITICAL = 0.4, 0.6, 0.75, 0.95


def steps(governor: Governor, pressures: Iterable[float | None], start: float = 100.1) -> list[float]:
    """The scale after each pressure, one a control step."""
    scales = []
    for number, pressure in enumerate(pressures):
        governor.sense(pressure, start + number * STEP_S)
        scales.append(governor.scale)
    return scales


def hold(governor: Governor, pressure: float | None, start: float, seconds: float) -> list[Change]:
    """The same pressure, sensed every 50 ms; everything that changed."""
    changes: list[Change] = []
    for number in range(round(seconds / SENSE_S)):
        changes += governor.sense(pressure, start + number * SENSE_S)
    return changes


def kinds(changes: list[Change]) -> list[str]:
    return [change.kind for change in changes]


# -- the specified trace


@pytest.mark.parametrize("pressures", [(0.70, 0.90, 0.90), (0.71, 0.91, 0.99)], ids=["at", "above"])
def test_seventy_ninety_ninety_then_calm_halves_three_times_and_grows_by_a_twentieth(
    pressures: tuple[float, ...],
) -> None:
    scales = steps(Governor(), [*pressures, *[0.54] * 18])
    grown = [round(0.125 + 0.05 * n, 3) for n in range(1, 18)]
    assert scales == pytest.approx([0.5, 0.25, 0.125, *grown, 1.0])


def test_the_same_trace_holds_when_pressure_is_sensed_every_50_ms() -> None:
    governor, scales = Governor(), []
    for number, pressure in enumerate((HIGH, CRITICAL, CRITICAL, CALM, CALM, CALM)):
        hold(governor, pressure, 7.3 + number * STEP_S, STEP_S)
        scales.append(governor.scale)
    assert scales == pytest.approx([0.5, 0.25, 0.125, 0.175, 0.225, 0.275])


def test_it_goes_from_normal_through_degraded_and_recovering_back_to_normal() -> None:
    governor, seen = Governor(), []
    for number, pressure in enumerate([CALM, HIGH, *[CALM] * 10]):
        governor.sense(pressure, number * STEP_S)
        seen.append(governor.state)
    assert seen == [NORMAL, DEGRADED, *[RECOVERING] * 9, NORMAL]
    assert governor.transitions == {DEGRADED: 1, RECOVERING: 1, NORMAL: 1}
    assert governor.scale == 1.0, "ten steps of 0.05 above a half are exactly one"


# -- contractions


def test_the_first_contraction_comes_at_once() -> None:
    governor = Governor()
    hold(governor, CALM, 0.0, 1.0)
    governor.sense(HIGH, 1.05)
    assert governor.scale == 0.5, "50 ms after memory became short nothing had been done"


def test_high_pressure_contracts_again_only_after_the_cooldown() -> None:
    governor = Governor()
    hold(governor, HIGH, 0.0, COOLDOWN_S)
    before = governor.scale
    governor.sense(HIGH, COOLDOWN_S)
    assert (before, governor.scale) == (0.5, 0.25)


def test_critical_pressure_waits_for_the_control_step_but_not_for_the_cooldown() -> None:
    governor = Governor()
    hold(governor, CRITICAL, 0.0, STEP_S)
    before = governor.scale
    governor.sense(CRITICAL, STEP_S)
    assert (before, governor.scale) == (0.5, 0.25)


@pytest.mark.parametrize("start", [0.0, 0.1, 7.3, 100.1, 1000.7, 12345.6])
def test_a_step_is_sixty_senses_whatever_sums_of_floats_come_to(start: float) -> None:
    governor, now, senses = Governor(), start, 0
    governor.sense(CRITICAL, now)
    while governor.scale == 0.5:
        now += SENSE_S
        senses += 1
        governor.sense(CRITICAL, now)
    assert senses == 60


def test_the_scale_stops_at_a_tenth_and_leaves_it_again() -> None:
    governor = Governor()
    assert steps(governor, [CRITICAL] * 20)[-1] == 0.1
    assert steps(governor, [CALM] * 2, start=200.0) == pytest.approx([0.15, 0.2])


def test_a_relapse_within_the_cooldown_holds_and_after_it_contracts() -> None:
    governor = Governor()
    assert steps(governor, [HIGH, CALM, HIGH, HIGH], start=0.0) == pytest.approx([0.5, 0.55, 0.55, 0.55])
    assert governor.state == RECOVERING
    governor.sense(HIGH, COOLDOWN_S)
    assert governor.scale == pytest.approx(0.275)
    assert governor.state == DEGRADED


# -- holding


@pytest.mark.parametrize("pressure", [BETWEEN, 0.55, 0.699])
def test_between_the_thresholds_nothing_moves(pressure: float) -> None:
    governor = Governor()
    assert steps(governor, [pressure] * 3) == [1.0] * 3
    assert steps(governor, [HIGH, *[pressure] * 30], start=300.0) == [0.5] * 31
    assert governor.state == DEGRADED


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf, -0.1])
def test_unknown_pressure_holds_whatever_was_decided(unknown: float | None) -> None:
    governor = Governor()
    assert steps(governor, [HIGH, *[unknown] * 50]) == [0.5] * 51, "no evidence is no reason"
    assert (governor.state, governor.pressure, governor.unknown) == (DEGRADED, None, 50)


def test_calm_after_a_long_silence_is_one_step_not_many() -> None:
    governor = Governor()
    governor.sense(HIGH, 0.0)
    governor.sense(CALM, 3600.0)
    assert governor.scale == pytest.approx(0.55)


def test_a_clock_that_steps_back_decides_nothing() -> None:
    governor = Governor()
    governor.sense(HIGH, 100.0)
    governor.sense(CRITICAL, 1.0)
    governor.sense(CALM, 2.0)
    assert governor.scale == 0.5


# -- telling


def test_a_contraction_tells_the_pressure_the_scale_and_the_state() -> None:
    assert Governor().sense(HIGH, 0.0) == [
        Change(MEM_PRESSURE, {"pressure": HIGH, "threshold": 0.70}),
        Change(SCALE_DOWN, {"from": 1.0, "to": 0.5, "pressure": HIGH}),
        Change(DEGRADED_MODE, {"from": NORMAL, "to": DEGRADED}),
    ]


def test_each_threshold_is_told_once_until_pressure_has_been_low() -> None:
    governor = Governor()
    told = [
        kinds(governor.sense(pressure, 0.0)) for pressure in (HIGH, BETWEEN, HIGH, CRITICAL, HIGH, CRITICAL)
    ]
    assert [MEM_PRESSURE in kind for kind in told] == [True, False, False, True, False, False]
    governor.sense(CALM, 0.1)
    assert kinds(governor.sense(HIGH, 0.2)) == [MEM_PRESSURE]


def test_every_step_up_is_told_and_the_last_one_ends_it() -> None:
    governor = Governor()
    governor.sense(HIGH, 0.0)
    changes = hold(governor, CALM, STEP_S, 60.0)
    assert kinds(changes) == [SCALE_UP, DEGRADED_MODE, *[SCALE_UP] * 9, DEGRADED_MODE]
    assert changes[-1].detail == {"from": RECOVERING, "to": NORMAL}


def test_at_the_floor_there_is_nothing_left_to_tell() -> None:
    governor = Governor()
    steps(governor, [CRITICAL] * 5, start=0.0)
    assert hold(governor, CRITICAL, 15.0, 60.0) == []


def test_the_snapshot_is_plain_and_its_own() -> None:
    governor = Governor()
    governor.sense(HIGH, 0.0)
    shown = governor.snapshot()
    assert shown == {
        "scale": 0.5,
        "state": DEGRADED,
        "pressure": HIGH,
        "transitions": {NORMAL: 0, DEGRADED: 1, RECOVERING: 0},
        "unknown": 0,
    }
    steps(governor, [CALM] * 3)
    assert shown["transitions"] == {NORMAL: 0, DEGRADED: 1, RECOVERING: 0}, "a snapshot that changes is none"


# -- whatever happens


PRESSURES = st.one_of(st.none(), st.floats(-1.0, 2.0), st.sampled_from([0.55, 0.7, 0.9, math.nan, math.inf]))


@given(st.lists(st.tuples(PRESSURES, st.floats(0.0, 10.0)), max_size=80))
@settings(max_examples=150, deadline=None)
def test_whatever_the_pressure_does_scale_state_and_pace_keep_their_promises(
    trace: list[tuple[float | None, float]],
) -> None:
    governor, now = Governor(), 0.0
    contracted_at = moved_at = -math.inf
    for pressure, pause in trace:
        now += pause
        before = governor.scale
        governor.sense(pressure, now)
        assert 0.1 <= governor.scale <= 1.0, "the scale left its range"
        assert (governor.state == NORMAL) == (governor.scale == 1.0), (
            "normal is a scale of one and nothing else"
        )
        if governor.scale != before:
            assert now - moved_at >= STEP_S - 1e-3, "two changes within a control step"
            moved_at = now
        if governor.scale < before:
            assert pressure is not None
            assert pressure >= 0.7, "contracted without need"
            assert pressure >= 0.9 or now - contracted_at >= COOLDOWN_S - 1e-3, (
                "contracted within the cooldown"
            )
            contracted_at = now
        if governor.scale > before:
            assert pressure is not None
            assert pressure < 0.55, "grew while memory was not calm"


@given(
    st.lists(st.booleans(), max_size=200), st.floats(0.05, 0.95), st.floats(0.01, 1.0), st.floats(0.01, 1.0)
)
@settings(max_examples=100, deadline=None)
def test_an_aimd_scale_never_leaves_its_range(
    grows: list[bool], factor: float, step: float, least: float
) -> None:
    aimd = Aimd(factor, step, least)
    for grow in grows:
        before = aimd.scale
        moved = aimd.grow() if grow else aimd.contract()
        assert moved == (aimd.scale != before), "it said it moved and did not, or the other way round"
        assert least <= aimd.scale <= 1.0
        assert aimd.scale >= before if grow else aimd.scale <= before


@pytest.mark.parametrize(
    ("contractions", "step", "steps_up"),
    [(1, 0.05, 10), (2, 0.05, 15), (3, 0.05, 18), (4, 0.05, 18), (1, 0.1, 5)],
)
def test_the_way_back_takes_no_step_more_than_it_should(
    contractions: int, step: float, steps_up: int
) -> None:
    aimd = Aimd(step=step)
    for _ in range(contractions):
        aimd.contract()
    for _ in range(steps_up):
        assert aimd.scale < 1.0
        aimd.grow()
    assert aimd.scale == 1.0, "a sum of steps fell short of one"


@given(st.lists(st.sampled_from([0, 0, 0, 1]), min_size=60, max_size=200), st.integers(1, 17))
@settings(max_examples=60, deadline=None)
def test_two_scales_under_the_same_pressure_come_together(signals: list[int], ahead: int) -> None:
    """Chiu and Jain's theorem: a step keeps their distance, a factor shrinks it, a bound never widens it."""
    low, high = Aimd(), Aimd()
    for _ in range(4):
        low.contract()
        high.contract()
    for _ in range(ahead):
        high.grow()
    distance = high.scale - low.scale
    for contract in signals:
        for aimd in (low, high):
            _ = aimd.contract() if contract else aimd.grow()
        allowed = distance * (0.5 if contract else 1.0)
        assert abs(high.scale - low.scale) <= allowed + 1e-8, "they drifted apart"
        distance = abs(high.scale - low.scale)


@pytest.mark.parametrize(
    "values",
    [{"factor": 1.0}, {"factor": 0.0}, {"step": 0.0}, {"least": 0.0}, {"least": 1.1}, {"step": math.nan}],
)
def test_an_aimd_that_would_leave_its_range_or_never_move_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Aimd(**values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"low": 0.8}, "low=0.8"),
        ({"high": 0.95}, "high=0.95"),
        ({"low": 0.0}, "low=0.0"),
        ({"step_s": 0.0}, "step_s=0.0"),
        ({"cooldown_s": -1.0}, "cooldown_s=-1.0"),
    ],
)
def test_thresholds_out_of_order_are_refused_by_name(values: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        GovernorConfig(**values)
