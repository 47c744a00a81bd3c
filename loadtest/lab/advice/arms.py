"""Who plays in the advice worlds: with a coordinator (honest, dead, lying), and those who know more than anybody."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from loadtest.lab.advice import lies, static, worlds
from loadtest.lab.advice.council import Council
from loadtest.lab.advice.lies import Liar
from loadtest.lab.advice.omniscient import Omniscient, Queues
from loadtest.lab.engine import Engine
from loadtest.lab.rules.ours import Equilibrium
from loadtest.lab.rules.rule import Rule
from loadtest.lab.scenario import Scenario
from sidecar.policy.strategies import STRATEGIES

Script = Callable[[Engine], None]
Make = Callable[[random.Random], Rule]


def _nothing(engine: Engine) -> None:
    """No script."""


@dataclass(frozen=True, slots=True)
class Arm:
    """`make` gives one sidecar's rule; `script` is what else the run has in it."""

    make: Make
    script: Script = _nothing


def _optimum(scenario: Scenario, luck: int) -> Arm:
    fixed = static.shares(scenario, worlds.speeds(scenario.pods)).tolist()
    return Arm(lambda rng: static.Fixed(rng, fixed))


def _omniscient(scenario: Scenario, luck: int) -> Arm:
    queues = Queues(worlds.speeds(scenario.pods))
    return Arm(lambda rng: Omniscient(rng, queues))


def _advised(scenario: Scenario, luck: int, liar: type[Liar] | None = None, dead: bool = False) -> Arm:
    from_s = worlds.JUDGED_AT_S
    council = Council(
        luck,
        liar=None if liar is None else liar(),
        turns_at_s=from_s,
        dies_at_s=from_s if dead else float("inf"),
    )
    return Arm(lambda rng: Equilibrium(rng, STRATEGIES["balanced"]), council.script)


ADVISED: Final = "advised"
OPTIMUM: Final = "optimum"
OMNISCIENT: Final = "omniscient"
DEAD: Final = "coordinator-dead"
_KINDS: Final[Mapping[str, tuple[str, Callable[[Scenario, int], Arm]]]] = {
    ADVISED: ("advised", _advised),
    OPTIMUM: ("best fixed shares", _optimum),
    OMNISCIENT: ("omniscient planner", _omniscient),
    DEAD: ("coordinator dies", partial(_advised, dead=True)),
    "lie-slowest": ("lies: all to the slowest", partial(_advised, liar=lies.Slowest)),
    "lie-herd": ("lies: all to one, another each slot", partial(_advised, liar=lies.Herd)),
    "lie-inverted": ("lies: shares turned round", partial(_advised, liar=lies.Inverted)),
    "lie-crowd": ("lies: one's advice for all", partial(_advised, liar=lies.Crowd)),
    "lie-among": ("lies: a tenth of everybody's shares to one", partial(_advised, liar=lies.Among)),
    "lie-seldom": ("lies: all to one in one slot of ten", partial(_advised, liar=lies.Seldom)),
    "lie-few": ("lies: all of every tenth sidecar to one", partial(_advised, liar=lies.Few)),
}
NAMES: Final = tuple(_KINDS)
FAILING: Final = tuple(name for name in NAMES if name not in (ADVISED, OPTIMUM, OMNISCIENT))


def arm(name: str, scenario: Scenario, luck: int) -> Arm:
    """For one run: what it remembers is not to be used in another. KeyError for a name nobody knows."""
    return _KINDS[name][1](scenario, luck)


def title(name: str) -> str:
    """As a reader knows it."""
    return _KINDS[name][0]
