"""What stands between the market's figure for one pod and a resize of it: each guardrail, in order."""

import math
from dataclasses import dataclass

from coordinator.policy.config import Config
from coordinator.policy.reach import STEP_M, Reach, up
from coordinator.policy.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pod's, in one cycle. Amounts in millicores, demand 0 to 1."""

    present_m: int
    exact_m: float
    """The allocator's figure."""
    reach: Reach
    demand: float
    """As observed, before averaging."""
    record: Record
    oversold: bool
    """The node's pods have more than there is: who has to give, gives now."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where to: `target_m`, which is `present_m` where the pod is to stay; `why` names the guardrail that decided."""

    target_m: float
    why: str = ""


def guarded(case: Case, config: Config, now: float) -> Move:
    """The allocator's figure, as far as it may be followed in this cycle."""
    wanted_m = min(max(case.exact_m, case.reach.low_m), case.reach.high_m)
    delta_m = wanted_m - case.present_m
    if _idle(case, delta_m, config):
        return Move(case.present_m, "dead-band")
    if _cooling(case, delta_m, config, now):
        return Move(case.present_m, "cooldown")
    limited = _limited(case, _damped(case, delta_m, config), config)
    return _consented(case, limited, now)


def band_m(present_m: int, config: Config) -> float:
    """The smallest change worth a resize."""
    return max(float(STEP_M), config.dead_band * present_m)


def _idle(case: Case, delta_m: float, config: Config) -> bool:
    outside = not case.reach.low_m <= case.present_m <= case.reach.high_m
    if outside or (case.oversold and delta_m < 0):
        return False
    return abs(delta_m) < band_m(case.present_m, config)


def _cooling(case: Case, delta_m: float, config: Config, now: float) -> bool:
    """Only a change of direction has to wait: whoever is on the way to an amount may get there."""
    turns = case.record.direction * delta_m < 0
    if not turns or now - case.record.changed_at >= config.cooldown_cycles * config.cycle_s:
        return False
    return not (case.demand > config.hot if delta_m > 0 else case.oversold)


def _damped(case: Case, delta_m: float, config: Config) -> float:
    """Part of the way, but no step that is too small to be worth it: the pod would stay short of its figure."""
    if case.oversold and delta_m < 0:
        return delta_m
    hot = delta_m > 0 and case.demand > config.hot
    part = config.gain * (1.0 if hot else case.record.caution)
    least_m = min(abs(delta_m), band_m(case.present_m, config))
    return math.copysign(max(part * abs(delta_m), least_m), delta_m)


def _limited(case: Case, delta_m: float, config: Config) -> Move:
    most_m = max(config.max_delta * case.present_m, config.min_delta_m)
    if abs(delta_m) <= most_m or (delta_m > 0 and (case.demand > config.hot or case.present_m == 0)):
        return _within(case, case.present_m + delta_m)
    target_m = case.present_m + (most_m if delta_m > 0 else -most_m)
    return _within(case, target_m, "max-delta")


def _within(case: Case, target_m: float, why: str = "") -> Move:
    return Move(min(max(target_m, case.reach.low_m), case.reach.high_m), why)


def _consented(case: Case, move: Move, now: float) -> Move:
    """A pod's no stands until it is over, or until what is proposed is at least the minimum it named."""
    veto = case.record.cpu_veto
    if veto is None or not veto.stands(now):
        return move
    if veto.minimum is None:
        return Move(case.present_m, "veto")
    least_m = up(veto.minimum)
    if move.target_m >= least_m:
        return move
    return Move(min(least_m, case.present_m), "veto")
