"""Demand, averaged over cycles: calm under noise, quick after a change.

A fixed weight is either slow or restless. Here a demand within `jump` of the average moves it by `calm_weight`, one
further away by `quick_weight`: docs/demand.md promises a standard deviation below 0.03 under steady load, and `jump`
is five of those.
"""

from coordinator.policy.config import Config
from coordinator.policy.observation import Observation


def averaged(before: float | None, seen: Observation, config: Config) -> float:
    """The new average; the first observation counts in full. A default is nobody's measurement and no change."""
    if before is None:
        return seen.demand
    error = seen.demand - before
    jumped = abs(error) > config.jump and seen.source != "default"
    return before + (config.quick_weight if jumped else config.calm_weight) * error


def unusable(seen: Observation | None, config: Config, now: float) -> tuple[str, str] | None:
    """Why nothing can be decided on this observation: a word and a sentence. None: it can."""
    if seen is None:
        return "unobserved", "nobody said what it wants"
    if not 0.0 <= seen.demand <= 1.0:
        return "unusable", f"demand is {seen.demand!r}; allowed: 0 to 1"
    age_s = now - seen.at
    if age_s < -config.cycle_s:
        return "stale", f"observed {-age_s:.1f} s in the future"
    if not age_s <= config.stale_cycles * config.cycle_s:
        return "stale", f"last observed {age_s:.1f} s ago"
    return None
