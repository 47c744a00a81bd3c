"""Runs of the lab on all cores: every task is (scenario, rule, seed), named, so that a process can rebuild it."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from loadtest.lab import arms, demand, scenarios, scripts
from loadtest.lab.advice import arms as advised
from loadtest.lab.engine import Engine
from loadtest.lab.outcome import Outcome
from loadtest.lab.rules.rule import Rule
from loadtest.lab.scenario import Scenario

AGAIN = "-again"
"""After a rule's name: the same rule with other luck. What two such arms differ by is noise."""


class Task(NamedTuple):
    """One run."""

    scenario: str
    rule: str
    seed: int


def outcomes(tasks: Sequence[Task], cores: int | None = None) -> Iterator[Outcome]:
    """Run them, longest first, and yield each as it ends."""
    known = scenarios.by_name()
    ordered = sorted(
        tasks, key=lambda task: -known[task.scenario].requests_per_s * known[task.scenario].end_s
    )
    count = min(cores or os.cpu_count() or 1, len(ordered))
    if count <= 1:
        yield from map(play, ordered)
        return
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        yield from pool.imap_unordered(play, ordered)


def play(task: Task) -> Outcome:
    """One run, in this process."""
    scenario = scenarios.by_name()[task.scenario]
    rule = task.rule.removesuffix(AGAIN)
    luck = task.seed + 1_000_000 * (rule != task.rule)
    if rule in advised.NAMES:
        arm = advised.arm(rule, scenario, luck)
        whole = replace(scenario, script=scripts.together(scenario.script, arm.script))
        return one(whole, task.rule, arm.make, task.seed, luck)
    return one(scenario, task.rule, arms.make(rule, scenario), task.seed, luck)


def one(
    scenario: Scenario, name: str, make: Callable[[random.Random], Rule], seed: int, luck: int
) -> Outcome:
    """`seed` is the users' requests, `luck` the rules' own randomness."""
    asked = demand.draw(scenario, seed)
    began_s = time.process_time()
    tally = Engine(scenario, asked, make, luck).run()
    took_s = time.process_time() - began_s
    return replace(tally.summary(asked.at_s, name, seed), per_s=len(asked.at_s) / max(took_s, 1e-9))
