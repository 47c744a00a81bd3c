"""The command line of the experiments."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from loadtest.experiments import catalog

OUT = Path("out")

DESCRIPTION = """\
What the market does to latency, on real processes: a node of 900 to 1000 millicores made of CPU control groups (needs
root), applications whose requests cost CPU, a sidecar before each, open-loop load, and the real coordinator resizing
pods through the node's API every 2 s; against static limits and a horizontal autoscaler on the same node. And what its
advice does to gateways that cannot see each other (`advice`), and what becomes of them when it dies or lies (`outage`).

{listing}

Progress goes to stderr, the Markdown report to stdout; experiments.md, experiments.json and experiments.html (the
report with plots, self-contained) to the directory of --out. Latency counts from the instant a request was due; a
request that failed counts as late as its client's patience.
"""

EXITS = """\
examples:
  make experiments                                       # all of them
  make experiments ARGS="--quick"                        # the same in short: one repetition, shorter play
  make experiments ARGS="--only spike,budgets --out /tmp/x"

exit status: 0 every promise was kept · 1 one was not, or an experiment broke off · 2 wrong usage
             3 nothing could be played · 130 interrupted
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    experiments: Sequence[ModuleType]
    quick: bool
    out: Path
    listing: bool

    @property
    def planned_s(self) -> float:
        """About how long it takes."""
        return float(sum(each.planned_s(quick=self.quick) for each in self.experiments))


def listing() -> str:
    """A line each: name, seconds in full and quick, title."""
    lines = []
    for each in catalog.EXPERIMENTS:
        full_s, quick_s = (each.planned_s(quick=quick) for quick in (False, True))
        lines.append(f"  {each.NAME:10} {full_s:4.0f} s, quick {quick_s:3.0f} s   {each.TITLE}")
    return "\n".join(lines)


def parse(argv: Sequence[str] | None = None) -> Options:
    """Read the command line; leaves with status 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.experiments",
        description=DESCRIPTION.format(listing=listing()),
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ",".join(each.NAME for each in catalog.EXPERIMENTS)
    add = parser.add_argument
    add(
        "--only",
        type=_chosen,
        default=catalog.EXPERIMENTS,
        metavar="NAMES",
        help=f"of {names} (default: all)",
    )
    add("--quick", action="store_true", help="one repetition, shorter play")
    add("--out", type=Path, default=OUT, metavar="DIR", help="for experiments.* (default out)")
    add("--list", action="store_true", help="name the experiments and how long they take, and stop")
    chosen = parser.parse_args(argv)
    return Options(chosen.only, chosen.quick, chosen.out, chosen.list)


def _chosen(text: str) -> Sequence[ModuleType]:
    try:
        return catalog.named(text.split(","))
    except KeyError as error:
        there = ", ".join(each.NAME for each in catalog.EXPERIMENTS)
        raise argparse.ArgumentTypeError(f"no experiment {error}; there are {there}") from error
