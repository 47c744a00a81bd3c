"""The command line of the scenarios."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.scenarios import application, calibration, catalog

OUT = Path("out")

DESCRIPTION = f"""\
What the inbound side of the sidecar promises, tried on real processes on this machine: an application of known
capacity ({application.WORDS}, a queue without end), callers at loopback addresses of their own, and two arms:
the sidecar with its defaults, and the same sidecar going round robin without any policing (EQUILIBRIUM_STRATEGY=none).
Where memory is at stake, an application whose memory follows its work, in a memory group (needs root).

{{scenarios}}

Progress goes to stderr, the Markdown report to stdout; scenarios.md, scenarios.json and scenarios.html (the report
with plots, self-contained) to the directory of --out. Latency counts from the instant a request was due.
"""

EXITS = """\
examples:
  make scenarios                                       # all of them
  make scenarios ARGS="--quick"                        # the same in short: fewer samples, wider errors
  make scenarios ARGS="--only flood,bids --out /tmp/x"

exit status: 0 every promise was kept · 1 one was not, or a scenario broke off · 2 wrong usage
             3 nothing could be played · 130 interrupted
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    entries: Sequence[catalog.Entry]
    quick: bool
    out: Path
    listing: bool

    @property
    def planned_s(self) -> float:
        """About how long it takes."""
        played_s = sum(entry.planned_s(quick=self.quick) for entry in self.entries)
        return played_s + calibration.planned_s(quick=self.quick)


def listing() -> str:
    """A line per scenario: name, seconds in full and quick, title."""
    lines = [
        f"  {entry.name:10} {entry.full_s:4.0f} s, quick {entry.quick_s:3.0f} s   {entry.scenario.TITLE}"
        for entry in catalog.ENTRIES
    ]
    return "\n".join(lines)


def parse(argv: Sequence[str] | None = None) -> Options:
    """Read the command line; leaves with status 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.scenarios",
        description=DESCRIPTION.format(scenarios=listing()),
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ",".join(entry.name for entry in catalog.ENTRIES)
    add = parser.add_argument
    add("--only", type=_entries, default=catalog.ENTRIES, metavar="NAMES", help=f"of {names} (default: all)")
    add("--quick", action="store_true", help="shorter play: fewer samples")
    add("--out", type=Path, default=OUT, metavar="DIR", help="for scenarios.* (default out)")
    add("--list", action="store_true", help="name the scenarios and how long they take, and stop")
    chosen = parser.parse_args(argv)
    return Options(chosen.only, chosen.quick, chosen.out, chosen.list)


def _entries(text: str) -> Sequence[catalog.Entry]:
    try:
        return catalog.named(text.split(","))
    except KeyError as error:
        there = ", ".join(entry.name for entry in catalog.ENTRIES)
        raise argparse.ArgumentTypeError(f"no scenario {error}; there are {there}") from error
