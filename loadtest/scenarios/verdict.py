"""What a scenario promises, what was measured, and whether the promise was kept. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.bench import document

Unit = Literal["", "%", "×", "ms", "s", "/s"]

HEAD = ("promise", "bar", "measured", "kept")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise in words, its bar, the figure with its unit, and whether the figure is good enough."""

    claim: str
    bar: str
    measured: str
    held: bool


def at_most(claim: str, value: float, bar: float, unit: Unit = "", *, note: str = "") -> Verdict:
    """`value` must not exceed the bar. What could not be measured (NaN) keeps no promise."""
    return Verdict(claim, f"≤ {figure(bar, unit)}", _measured(value, unit, note), value <= bar)


def below(claim: str, value: float, bar: float, unit: Unit = "", *, note: str = "") -> Verdict:
    """`value` must be less than the bar."""
    return Verdict(claim, f"< {figure(bar, unit)}", _measured(value, unit, note), value < bar)


def at_least(claim: str, value: float, bar: float, unit: Unit = "", *, note: str = "") -> Verdict:
    """`value` must reach the bar."""
    return Verdict(claim, f"≥ {figure(bar, unit)}", _measured(value, unit, note), value >= bar)


def within(
    claim: str, value: float, target: float, share: float, unit: Unit = "", *, note: str = ""
) -> Verdict:
    """`value` must be in `target` ± `share` of it."""
    bar = f"{figure(target, unit)} ± {share:.0%}"
    return Verdict(claim, bar, _measured(value, unit, note), abs(value - target) <= share * target)


def _measured(value: float, unit: Unit, note: str) -> str:
    return f"{figure(value, unit)}{f' ({note})' if note else ''}"


def figure(value: float, unit: Unit = "") -> str:
    """A figure with its unit, as precise as it deserves; fractions are shown as percent."""
    if math.isnan(value):
        return "no figure"
    if math.isinf(value):
        return "never"
    shown, space = (100 * value, " ") if unit == "%" else (value, "" if unit in ("", "×", "/s") else " ")
    digits = 0 if abs(shown) >= 100 else 1 if abs(shown) >= 10 else 2 if abs(shown) >= 1 or not shown else 3
    text = f"{shown:,.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{space}{unit}"


def table(verdicts: Sequence[Verdict]) -> document.Table:
    """One row per promise."""
    rows = [[each.claim, each.bar, each.measured, "✓" if each.held else "✗"] for each in verdicts]
    return document.Table(HEAD, rows)
