"""The demo's command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.demo import chapters

DESCRIPTION = """\
UrbanMoveMS on this machine: a gateway and three pods of each of four services, riders on a journey through it,
and 170 requests a second to each of three routes. One pod after the other goes bad: 500 ms slower, slow at random,
failing fast, hanging. The same is played without sidecars, with sidecars that go round robin, and with Equilibrium,
which then has to take each healed pod back. At the end: what it did to the requests, which claims hold, a report.

exit status: 0 all claims hold · 1 one does not · 2 wrong usage · 3 it could not be started · 130 interrupted
"""
REPORT = Path("out/demo.html")
LEAST_S = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    script: chapters.Script
    json: bool
    keep: bool
    report: Path


def parse(argv: Sequence[str] | None = None) -> Options:
    """Read the command line; leaves with status 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.demo",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    full, quick = (chapters.script(quick=each).whole_s for each in (False, True))
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="round robin and Equilibrium, +500 ms and failing fast only: < 2 minutes",
    )
    add(
        "--seconds",
        type=float,
        metavar="S",
        help=f"how long to play altogether, every chapter in proportion (default {full:.0f}, quick {quick:.0f});"
        " shortened, claims without enough samples are excused",
    )
    add("--json", action="store_true", help="the summary as JSON on stdout instead of tables")
    add("--keep", action="store_true", help="afterwards keep Equilibrium up under light load, ≤ 10 minutes")
    add("--report", type=Path, default=REPORT, metavar="PATH", help=f"where the HTML goes (default {REPORT})")
    chosen = parser.parse_args(argv)
    if chosen.seconds is not None and chosen.seconds < LEAST_S:
        parser.error(f"--seconds must be at least {LEAST_S:.0f}")
    script = chapters.script(quick=chosen.quick, seconds=chosen.seconds)
    return Options(script, chosen.json, chosen.keep, chosen.report)
