"""Progress on stderr: a live table on a terminal, else a plain line a second (logs, CI)."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from loadtest import story

try:
    from rich import box, console, live, table
except ImportError:  # the `load` extra is not installed
    RICH = False
else:
    RICH = True

BAR = 24


@dataclass(frozen=True, slots=True)
class Moment:
    """The last second or so, for showing."""

    at_s: float
    whole_s: float
    recent: story.Chapter
    requests: int
    failed: int
    down: frozenset[str]


class Screen(Protocol):
    """Somewhere to show progress; a context manager."""

    def __enter__(self) -> "Screen": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, moment: Moment) -> None:
        """The latest figures."""

    def say(self, text: str) -> None:
        """An event."""


def open_screen() -> Screen:
    """The best one this stderr can show."""
    return Terminal() if RICH and sys.stderr.isatty() else Plain()


class Plain:
    """A line per second."""

    def __enter__(self) -> "Plain":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, moment: Moment) -> None:
        """One line."""
        self.say(line(moment))

    def say(self, text: str) -> None:
        """One line."""
        print(text, file=sys.stderr, flush=True)


def line(moment: Moment) -> str:
    """The figures as one line of text."""
    recent = moment.recent
    pods = "  ".join(f"{pod} {share:4.0%}" for pod, share in recent.shares.items())
    return (
        f"{moment.at_s:5.1f} s  {moment.requests:6,} requests  {moment.failed} failed"
        f"  p50 {recent.p50_ms:5.1f}  p99 {recent.p99_ms:5.1f} ms   {pods}"
    )


class Terminal:
    """A table redrawn in place, events above it."""

    def __init__(self) -> None:
        self._live = live.Live(
            console=console.Console(stderr=True, highlight=False), auto_refresh=False, transient=True
        )

    def __enter__(self) -> "Terminal":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, moment: Moment) -> None:
        """Redraw."""
        self._live.update(_drawn(moment), refresh=True)

    def say(self, text: str) -> None:
        """Print above the table."""
        self._live.console.print(text)


def _drawn(moment: Moment) -> "table.Table":
    drawn = table.Table(
        box=box.SIMPLE,
        min_width=64,
        title=f"{moment.at_s:.0f} of {moment.whole_s:.0f} s, the last second",
        title_justify="left",
        caption=f"{moment.requests:,} requests, {moment.failed} failed · p50 {moment.recent.p50_ms:.1f} ms"
        f" · p99 {moment.recent.p99_ms:.1f} ms",
        caption_justify="left",
    )
    for column in ("pod", "", "share of the answers"):
        drawn.add_column(column)
    for pod, share in moment.recent.shares.items():
        state = "[red]killed[/]" if pod in moment.down else "[green]up[/]"
        drawn.add_row(pod, state, f"{'█' * round(share * BAR):{BAR}} {share:4.0%}")
    return drawn


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as aligned text, the first column to the left."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    )
