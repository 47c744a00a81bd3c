"""`equilibrium-flight FILE`: the record of the last minutes, as a timeline people can read."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sidecar import timeline

LARGEST_BYTES: Final = 64 * 1024 * 1024
_HELP: Final = """\
A sidecar keeps its last ten minutes in memory and writes them to a file when it crashes, when it is told to stop
while memory is short, and on request (curl http://127.0.0.1:15490/flight > FILE).

how to read it
  time       seconds before the record was written: -12.0 s is twelve seconds before the end
  scale      share of the usual work that was accepted; below 1 the sidecar was protecting the application
  pressure   memory used / memory allowed; from 70 % the scale halves, below 55 % it grows again
  in flight  requests the application was working on
  queue      requests that waited to be admitted
  a dash     not known at that moment
  an event   stands on a line of its own, between the samples around it

a typical story
  -48.0 s    1.00     64 %         31      0
  -46.7 s  * memory pressure 71 % (threshold 70 %)
  -46.7 s  * scale 1.00 -> 0.50
  -46.0 s    0.50     72 %         30      4

exit status: 0 read, also when the file is cut short (that is said); 1 not readable; 2 wrong usage"""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 read, 1 not readable, 2 wrong usage."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        record = timeline.parse(_content(options.file))
        lines = list(timeline.tell(record, last_s=options.last, events_only=options.events))
    except timeline.UnreadableError as error:
        print(f"equilibrium-flight: {options.file}: {error}", file=sys.stderr)
        return 1
    return _show(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="equilibrium-flight",
        description="Tells what a sidecar did in the minutes before it wrote FILE.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a flight record (flight-*.jsonl); - is standard input")
    parser.add_argument(
        "--last", metavar="SECONDS", type=_seconds, default=math.inf, help="only the end of it"
    )
    parser.add_argument("--events", action="store_true", help="leave out the samples, one a second")
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0.0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds; allowed: 0 or more, such as 30"
        )
    return value


def _content(name: str) -> bytes:
    try:
        if name == "-":
            content = sys.stdin.buffer.read(LARGEST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise timeline.UnreadableError(getattr(error, "strerror", None) or str(error)) from None
    if len(content) > LARGEST_BYTES:
        raise timeline.UnreadableError(f"larger than {LARGEST_BYTES} bytes: no flight record is")
    return content


def _show(lines: list[str]) -> int:
    try:
        print("\n".join(lines))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
