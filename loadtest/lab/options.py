"""The lab's command line, and the runs it asks for."""

import argparse
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.lab import arms, scenarios
from loadtest.lab.advice import verdict as advised
from loadtest.lab.advice import worlds
from loadtest.lab.rules.table import RULES
from loadtest.lab.run import AGAIN, Task

DESCRIPTION = """\
The routing lab: our router and its rivals on simulated pods, many sidecars that do not know of each other, one fault at
a time; the same requests for every rule. Without options: the bar and the special arms, about ten minutes.

Times are p99 in ms from 1 s after the fault; errors and unanswered requests count with what they took. The row A/A is
the strongest rival against itself with other luck: what differs there is noise.
"""

EXITS = """\
examples:
  make lab                                                     # everything the bar needs
  make lab ARGS="--scenario 'hang*' --rival envoy --seeds 4"   # one question
  make lab ARGS="--ablation"                                   # our router with one concept off at a time
  make lab ARGS="--advice"                                     # the coordinator's advice: with, without, dead, lying
  make lab ARGS="--replay access.jsonl --rival envoy"          # your own log (EQUILIBRIUM_ACCESS_LOG) through the rules

exit status: 0 every promise judged holds · 1 one does not · 2 wrong usage · 130 interrupted
"""

FEW = 2
"""Seeds for rivals that are not judged: they are far behind, and slow to simulate."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    tasks: list[Task]
    seeds: int
    replay: Path | None
    rivals: list[str]
    service: str | None
    json: bool
    out: Path
    listing: bool


def parse(argv: Sequence[str] | None = None) -> Options:
    """Read the command line; leaves with status 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make lab",
        description=DESCRIPTION,
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--scenario", action="append", metavar="NAME", help="only these; * matches anything; repeatable")
    add("--rival", action="append", metavar="NAME", help="only these against Equilibrium; repeatable")
    add("--seeds", type=int, default=8, metavar="N", help="of the judged rules (8)")
    add("--first-seed", type=int, default=1, metavar="N", help="(1)")
    add(
        "--ablation", action="store_true", help="Equilibrium with one concept off at a time instead of rivals"
    )
    add("--advice", action="store_true", help="instead: the coordinator's advice, honest, dead and lying")
    add("--full", action="store_true", help="every cell of the axes too: hours")
    add("--replay", type=Path, metavar="FILE", help="an access log (JSON lines) instead of scenarios")
    add("--service", metavar="NAME", help="with --replay: which service of the log")
    add("--list", action="store_true", help="name scenarios and rivals, and stop")
    add("--json", action="store_true", help="JSON on stdout instead of the table")
    add("--out", type=Path, default=Path("out"), metavar="DIR", help="for lab.md, lab.json, lab.html (out)")
    chosen = parser.parse_args(argv)
    if chosen.advice:
        return _advice(parser, chosen)
    rivals = _rivals(parser, chosen)
    names = _scenarios(parser, chosen)
    if chosen.seeds < 1:
        parser.error("--seeds must be at least 1")
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    every = chosen.rival is not None or chosen.ablation
    tasks = [
        Task(name, rule, seed)
        for name in names
        for rule in _rules(name, rivals)
        for seed in (seeds if every or judged(name, rule) else seeds[:FEW])
    ]
    return Options(
        tasks, chosen.seeds, chosen.replay, rivals, chosen.service, chosen.json, chosen.out, chosen.list
    )


def _advice(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> Options:
    """The worlds advice is judged in, each with its own arms."""
    if chosen.ablation or chosen.replay is not None:
        parser.error("--advice plays its own scenarios: leave out --ablation and --replay")
    asked = chosen.scenario or ["*"]
    names = [each.name for each in worlds.WORLDS if any(fnmatch.fnmatch(each.name, one) for one in asked)]
    known = {rule for name in names for rule in advised.rules(name)}
    for rule in chosen.rival or ():
        if rule not in known:
            parser.error(f"no arm {rule!r} there; there are {', '.join(sorted(known))}")
    if not names or chosen.seeds < 1:
        parser.error(
            "no such advice scenario; --list names them" if not names else "--seeds must be at least 1"
        )
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    tasks = [
        Task(name, rule, seed)
        for name in names
        for rule in advised.rules(name)
        if chosen.rival is None or rule in chosen.rival
        for seed in seeds
    ]
    return Options(tasks, chosen.seeds, None, [], None, chosen.json, chosen.out, chosen.list)


def _rivals(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> list[str]:
    known = [name for name in arms.names() if name != arms.OURS]
    if chosen.ablation:
        return list(arms.WITHOUT)
    for name in chosen.rival or ():
        if name not in known:
            parser.error(f"no rival {name!r}; there are {', '.join(known)}")
    return chosen.rival or [*RULES, arms.RIVAL + AGAIN]


def _scenarios(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> list[str]:
    if chosen.scenario is None:
        found = [each.name for each in scenarios.BAR]
        if not chosen.ablation:
            found += [each.name for each in (*scenarios.ARMS, scenarios.LARGE)]
        return found + ([each.name for each in scenarios.axes()] if chosen.full else [])
    known = list(scenarios.by_name())
    found = [name for name in known if any(fnmatch.fnmatch(name, each) for each in chosen.scenario)]
    if not found:
        parser.error(f"no scenario matches {' '.join(chosen.scenario)}; --list names them")
    return found


def _rules(name: str, rivals: Sequence[str]) -> list[str]:
    """Who plays a scenario: board rules only where there is a board; at scale only who is judged or cheap."""
    board = scenarios.by_name()[name].board_s is not None
    large = name == scenarios.LARGE.name
    fit = [each for each in rivals if board or not each.startswith("board")]
    if large:
        fit = [each for each in fit if each in ("round-robin", arms.RIVAL)]
    return [arms.OURS, *fit]


def judged(name: str, rule: str) -> bool:
    """Whether a promise is about this rule there, so that every seed is needed."""
    if name == scenarios.LARGE.name:
        return False
    return rule in (arms.OURS, arms.RIVAL) or (name == "board" and rule == "argmin")
