"""Who plays: rivals by name, our router, and our router with one concept switched off at a time."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from loadtest.lab.advice import arms as advised
from loadtest.lab.rules.ours import Equilibrium
from loadtest.lab.rules.rule import Rule
from loadtest.lab.rules.table import RULES, Setting
from loadtest.lab.scenario import Scenario
from sidecar.policy.router import RouterConfig
from sidecar.policy.strategies import STRATEGIES

OURS = "equilibrium"
RIVAL = "full-scan-5s"
"""The strongest rule anybody could deploy on the same signals."""
NEVER_S = 1e9

WITHOUT: Mapping[str, tuple[str, RouterConfig]] = {
    "no-regret": ("no remembered regret", replace(STRATEGIES["balanced"], memory=0.0)),
    "no-prediction": (
        "external regret matching: the mix from memory alone",
        replace(STRATEGIES["balanced"], learner="external"),
    ),
    "conditional": (
        "conditional regret matching",
        replace(STRATEGIES["balanced"], learner="conditional"),
    ),
    "no-mix": ("always the cheapest", replace(STRATEGIES["balanced"], draws=64, slack=NEVER_S)),
    "one-draw": ("one draw from the mix", replace(STRATEGIES["balanced"], draws=1)),
    "no-probes": (
        "nobody is tried again on a timer",
        replace(
            STRATEGIES["balanced"],
            probe_slow_s=NEVER_S,
            probe_slow_most_s=NEVER_S,
            probe_hopeful_s=NEVER_S,
            probe_failing_s=NEVER_S,
            probe_failing_most_s=NEVER_S,
        ),
    ),
    "no-ejection": ("nobody is ejected: cost alone", replace(STRATEGIES["balanced"], eject_at=2.0)),
    "no-price": ("failures cost nothing", replace(STRATEGIES["balanced"], error_price_s=0.0, eject_at=2.0)),
    "no-luck": ("every difference in slowness counts", replace(STRATEGIES["balanced"], luck=1.0)),
    "no-slack": ("only better than the mean is drawn", replace(STRATEGIES["balanced"], slack=0.0)),
}
"""Name → what is off, and the configuration that says so."""


def make(name: str, scenario: Scenario) -> Callable[[random.Random], Rule]:
    """What builds one sidecar's rule. KeyError for a name nobody knows."""
    if name == OURS or name in WITHOUT:
        config = STRATEGIES["balanced"] if name == OURS else WITHOUT[name][1]
        return lambda rng: Equilibrium(rng, config, replayable=scenario.hedging)
    return RULES[name].make(Setting(scenario.pods, scenario.sidecars))


def title(name: str) -> str:
    """As a reader knows it."""
    if name == OURS:
        return "Equilibrium"
    if name in advised.NAMES:
        return advised.title(name)
    return WITHOUT[name][0] if name in WITHOUT else RULES[name].title


def names() -> list[str]:
    """All of them."""
    return [OURS, *RULES, *WITHOUT]
