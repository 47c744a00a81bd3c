"""The certificate, against the game played out tick by tick; the length against the certificate."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.game.folk import punishment_length
from sidecar.game.repeated import CALLER, COOPERATE, ENFORCER, Certificate, Stage, certify
from tests.game.play import bounded

DISCOUNTS = st.floats(0.3, 0.95)
LENGTHS = st.integers(1, 12)
HORIZON = 600
"""Ticks; what lies beyond weighs 0.95^600 < 1e-13."""
NOBODY: frozenset[int] = frozenset()

payoffs = st.floats(-5.0, 5.0)
stages = st.builds(Stage, payoffs, payoffs, payoffs, payoffs, payoffs, payoffs, payoffs)


@st.composite
def temptations(draw: st.DrawFn, at_least_ticks: int = 0) -> tuple[float, float, float]:
    """Gain, loss and discount for which some punishment deters, though not one of so many ticks."""
    loss, discount = draw(st.floats(0.05, 1.0)), draw(DISCOUNTS)
    least = loss * sum(discount**tick for tick in range(1, at_least_ticks + 1))
    endless = loss * discount / (1.0 - discount)
    return least + draw(st.floats(0.01, 0.99)) * (endless - least), loss, discount


def flooder(gain: float, loss: float) -> Stage:
    """Parts of its share. The enforcer has others to serve."""
    return Stage(share=1.0, gain=gain, level=1.0 - loss, spare=1.0 - gain)


def after_flood(stage: Stage, state: int, length: int) -> tuple[float, float, int]:
    """Caller's payoff, enforcer's payoff, next state."""
    if state == COOPERATE:
        return stage.share + stage.gain, stage.spare, length
    return stage.level + stage.evasion, stage.punish, length


def after_lapse(stage: Stage, state: int) -> tuple[float, float, int]:
    """The enforcer does not do what it should."""
    if state == COOPERATE:
        return stage.level, stage.punish, COOPERATE
    return stage.share + stage.gain, stage.spare, state


def as_agreed(stage: Stage, state: int) -> tuple[float, float, int]:
    if state == COOPERATE:
        return stage.share, stage.peace, COOPERATE
    return stage.level, stage.punish, state - 1


def played(
    stage: Stage,
    length: int,
    discount: float,
    state: int,
    floods: frozenset[int] = NOBODY,
    lapses: frozenset[int] = NOBODY,
) -> dict[str, float]:
    """Discounted sums from `state` on, with floods and lapses at these ticks."""
    caller = enforcer = 0.0
    weight = 1.0
    for tick in range(HORIZON):
        if tick in floods:
            mine, theirs, state = after_flood(stage, state, length)
        elif tick in lapses:
            mine, theirs, state = after_lapse(stage, state)
        else:
            mine, theirs, state = as_agreed(stage, state)
        caller += weight * mine
        enforcer += weight * theirs
        weight *= discount
    return {CALLER: caller, ENFORCER: enforcer}


# -- the folk theorem: with the length it gives nobody gains by leaving, and one tick less does not do


@bounded(200)
@given(temptations())
def test_with_the_theorems_length_no_deviation_pays_in_any_state(
    temptation: tuple[float, float, float],
) -> None:
    gain, loss, discount = temptation
    certificate = certify(flooder(gain, loss), punishment_length(gain, loss, discount), discount)
    assert certificate.holds, f"somebody gains {certificate.worst}"
    assert certificate.worst <= 1e-7


@bounded(200)
@given(temptations(at_least_ticks=1))
def test_with_one_tick_less_the_flood_pays(temptation: tuple[float, float, float]) -> None:
    gain, loss, discount = temptation
    length = punishment_length(gain, loss, discount) - 1
    shortfall = gain - loss * math.fsum(discount**tick for tick in range(1, length + 1))
    assert length >= 1
    assume(shortfall > 1e-6)
    certificate = certify(flooder(gain, loss), length, discount)
    assert not certificate.holds
    assert certificate.deviations[CALLER][COOPERATE] == pytest.approx(shortfall, abs=1e-9)


def test_the_defaults_deter_a_caller_at_five_times_its_share() -> None:
    """δ = e^(−1/60), half the share while punished: nine ticks do, eight do not."""
    discount = math.exp(-1 / 60)
    stage = flooder(gain=4.0, loss=0.5)
    assert [certify(stage, length, discount).holds for length in (8, 9)] == [False, True]


@bounded(60)
@given(temptations(), st.frozensets(st.integers(0, 40)), st.integers(0, 12))
def test_no_pattern_of_floods_pays_from_any_state(
    temptation: tuple[float, float, float], floods: frozenset[int], state: int
) -> None:
    """What the one-shot-deviation principle promises, tried on deviations that are not one shot."""
    gain, loss, discount = temptation
    length = punishment_length(gain, loss, discount)
    certificate = certify(flooder(gain, loss), length, discount)
    state = min(state, length)
    paid = played(flooder(gain, loss), length, discount, state, floods=floods)[CALLER]
    assert paid <= certificate.values[CALLER][state] + 1e-6


# -- the certificate says what playing says


@bounded(60)
@given(stages, LENGTHS, DISCOUNTS)
def test_values_are_the_discounted_sums_of_the_agreed_path(
    stage: Stage, length: int, discount: float
) -> None:
    certificate = certify(stage, length, discount)
    for state in range(length + 1):
        sums = played(stage, length, discount, state)
        for player, values in certificate.values.items():
            assert values[state] == pytest.approx(sums[player], abs=1e-6), (player, state)


def first_tick(player: str) -> dict[str, frozenset[int]]:
    """Of whose deviation."""
    return {"floods" if player == CALLER else "lapses": frozenset((0,))}


@bounded(60)
@given(stages, LENGTHS, DISCOUNTS, st.sampled_from([CALLER, ENFORCER]))
def test_deviations_are_what_leaving_for_one_tick_gains(
    stage: Stage, length: int, discount: float, player: str
) -> None:
    certificate = certify(stage, length, discount)
    for state in range(length + 1):
        left = played(stage, length, discount, state, **first_tick(player))[player]
        agreed = played(stage, length, discount, state)[player]
        assert certificate.deviations[player][state] == pytest.approx(left - agreed, abs=1e-6), state


@bounded(100)
@given(stages, LENGTHS, DISCOUNTS)
def test_it_holds_exactly_when_no_state_tempts_anybody(stage: Stage, length: int, discount: float) -> None:
    certificate = certify(stage, length, discount)
    gains = [gain for player in (CALLER, ENFORCER) for gain in certificate.deviations[player]]
    assert len(gains) == 2 * (length + 1), "both players, every state, on the path and off it"
    assert certificate.worst == max(gains)
    assume(abs(certificate.worst) > 1e-6 or certificate.worst <= 0.0)
    assert certificate.holds is (certificate.worst <= 0.0)


# -- whoever is tempted is found


DETERRED = {"share": 1.0, "gain": 1.0, "level": 0.5, "peace": 1.0, "punish": 1.0, "spare": 0.0}


def tempted(certificate: Certificate) -> list[tuple[str, int]]:
    return [
        (player, state)
        for player in (CALLER, ENFORCER)
        for state, gain in enumerate(certificate.deviations[player])
        if gain > 1e-9
    ]


def test_nobody_is_tempted_to_begin_with() -> None:
    assert tempted(certify(Stage(**DETERRED), 5, 0.9)) == []


def test_a_caller_that_gains_by_flooding_while_punished_does() -> None:
    """So what is above the level must be refused, all of it. At the end of its time it has the most to lose."""
    certificate = certify(Stage(**DETERRED, evasion=1.0), 5, 0.9)
    assert not certificate.holds
    assert (CALLER, 5) in tempted(certificate)
    assert (CALLER, COOPERATE) not in tempted(certificate)


def test_an_enforcer_that_likes_throttling_throttles_the_innocent() -> None:
    certificate = certify(Stage(**DETERRED | {"punish": 1.5}), 5, 0.9)
    assert tempted(certificate) == [(ENFORCER, COOPERATE)]


def test_an_enforcer_that_loses_by_throttling_a_quiet_caller_spares_it() -> None:
    """Where nobody waits for what is withheld and sparing does no harm, punishment is not credible."""
    certificate = certify(Stage(**DETERRED | {"punish": 0.5, "spare": 1.0}), 5, 0.9)
    assert not certificate.holds
    assert tempted(certificate) == [(ENFORCER, state) for state in range(1, 6)]


def test_sparing_is_not_worth_it_as_the_punishment_is_owed_still() -> None:
    """A little better off for one tick, and no nearer to peace."""
    assert tempted(certify(Stage(**DETERRED | {"punish": 0.5, "spare": 0.52}), 5, 0.9)) == []


# -- numbers


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize(("length", "holds"), [(8, False), (9, True)])
def test_the_unit_of_the_payoffs_does_not_matter(unit: float, length: int, holds: bool) -> None:
    stage = Stage(share=unit, gain=4 * unit, level=unit / 2, peace=unit, punish=unit, spare=-3 * unit)
    assert certify(stage, length, math.exp(-1 / 60)).holds is holds


@pytest.mark.parametrize("payoff", ["share", "gain", "level", "evasion", "peace", "punish", "spare"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_payoff_that_is_no_number_certifies_nothing(payoff: str, value: float) -> None:
    assert not certify(Stage(**DETERRED | {payoff: value}), 5, 0.9).holds


@pytest.mark.parametrize(("length", "discount"), [(0, 0.9), (-1, 0.9), (1, 0.0), (1, 1.0), (1, math.nan)])
def test_a_punishment_that_is_none_is_an_error(length: int, discount: float) -> None:
    with pytest.raises(ValueError, match="no such punishment"):
        certify(Stage(**DETERRED), length, discount)
