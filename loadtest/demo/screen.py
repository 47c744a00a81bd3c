"""Progress on stderr: a table redrawn in place with events scrolling above it, or plain lines (logs, CI)."""

import math
import sys
from collections import deque
from types import TracebackType
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadtest.demo.moment import Moment, PodNow, line
from loadtest.demo.verdict import Table as Rows

BAR = 24
SPARKS = "▁▂▃▄▅▆▇█"
HISTORY = 60
HEALTH = {"admitted": "green", "probing": "yellow", "ejected": "red"}


class Screen(Protocol):
    """Somewhere to show progress; a context manager."""

    def __enter__(self) -> "Screen": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, moment: Moment) -> None:
        """The latest figures, four times a second."""

    def say(self, text: str) -> None:
        """An event."""


def open_screen() -> Screen:
    """The best one this stderr can show."""
    return Terminal(Console(stderr=True, highlight=False)) if sys.stderr.isatty() else Plain()


class Plain:
    """A line a second."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def __enter__(self) -> "Plain":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, moment: Moment) -> None:
        """One line, once a second."""
        if moment.at_s >= self._next_s:
            self._next_s = math.floor(moment.at_s) + 1
            self.say(line(moment))

    def say(self, text: str) -> None:
        """One line."""
        print(text, file=sys.stderr, flush=True)


class Terminal:
    """A table redrawn in place, events above it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._tail: deque[float] = deque(maxlen=HISTORY)

    def __enter__(self) -> "Terminal":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, moment: Moment) -> None:
        """Redraw."""
        self._tail.append(moment.p99_ms)
        self._live.update(drawn(moment, list(self._tail)), refresh=True)

    def say(self, text: str) -> None:
        """Print above the table."""
        self._live.console.print(Text(text, style="dim"))


def drawn(moment: Moment, tail: list[float]) -> RenderableType:
    """Header, pods, footer; `tail` is the last p99s, four a second."""
    return Padding(Group(_header(moment), _pods(moment), _footer(moment, tail)), (1, 1, 0, 1))


def _header(moment: Moment) -> Text:
    style = "bold red" if moment.chapter.kind == "fault" else "bold green"
    return Text.assemble(
        (f"{moment.arm.title}", "bold cyan"),
        "   ",
        (moment.chapter.title, style),
        f"   {max(0.0, moment.chapter_left_s):.0f} s left, all {max(0.0, moment.left_s):.0f} s",
        (f"\n{moment.route.service}   {moment.route.what}", "dim"),
    )


def _pods(moment: Moment) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("pod", "share of answers"):
        table.add_column(title, no_wrap=True)
    for title in ("mix", "regret", "slowdown", "health", "p50 ms", "p99 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    for pod in moment.pods:
        table.add_row(*_cells(pod), style="red" if pod.bad else None)
    return table


def _cells(pod: PodNow) -> list[str]:
    filled = round(pod.share * BAR)
    health = pod.health or "–"
    return [
        escape(pod.name),
        f"{'█' * filled}[dim]{'░' * (BAR - filled)}[/dim] {pod.share:4.0%}",
        "–" if pod.mix is None else f"{pod.mix:.1%}",
        "–" if pod.regret is None else f"{pod.regret:.3f}",
        "–" if pod.slowdown is None else f"{pod.slowdown:.2f}",
        f"[{HEALTH[health]}]{health}[/]" if health in HEALTH else health,
        _ms(pod.p50_ms),
        _ms(pod.p99_ms),
    ]


def _footer(moment: Moment, tail: list[float]) -> Text:
    parts = [f"p50 {_ms(moment.p50_ms)}  p99 {_ms(moment.p99_ms)} ms of the last 2 s"]
    parts.append(f"failed {moment.failed:.1%}" if moment.failed > 0 else "none failed")
    said = moment.said
    if said is not None:
        nash = {1: "yes", 0: "no", None: "too few requests"}[said.nash]
        parts.append(f"Nash {nash}   gap {'–' if said.gap is None else f'{said.gap:.1%}'}")
        parts.append(f"V {'–' if said.lyapunov is None else f'{said.lyapunov:.2g}'}")
    return Text("   ".join(parts) + f"\np99 {spark(tail)}")


def spark(values: list[float]) -> str:
    """One character per value between 1 ms and 5 s, on a log scale."""
    span = math.log(5000)
    levels = (min(1.0, math.log(max(value, 1.0)) / span) for value in values if not math.isnan(value))
    return "".join(SPARKS[round(level * (len(SPARKS) - 1))] for level in levels)


def _ms(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}"


def page(console: Console, tables: list[Rows], sentences: list[str]) -> None:
    """Print the verdict: tables, then sentences."""
    for head, rows in tables:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, title in enumerate(head):
            wordy = place < 2
            table.add_column(title, justify="left" if wordy else "right", no_wrap=not wordy)
        for row in rows:
            table.add_row(*map(escape, row), style="red" if row[0] == "✗" else None)
        console.print(table)
    for sentence in sentences:
        console.print(Text(sentence))
