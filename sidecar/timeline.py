"""A flight record, read back: parsed with patience, told as a timeline.

A file may be cut short, by a full disk or by whoever copied it: everything up to its last whole line counts.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

FORMAT: Final = 1
"""The one this version reads (`sidecar.recorder` writes it)."""


class UnreadableError(Exception):
    """No flight record, in words."""


@dataclass(slots=True)
class Record:
    """A file, parsed: what could not be is counted."""

    header: dict[str, Any]
    entries: list[dict[str, Any]] = field(default_factory=list)
    odd: int = 0
    """Whole lines that are no entries."""
    cut: bool = False
    """The last line is incomplete."""

    @property
    def missing(self) -> int:
        """Entries the header promises and the file does not hold."""
        promised = self.header.get("entries")
        return max(0, promised - len(self.entries) - self.odd) if isinstance(promised, int) else 0


def parse(content: bytes) -> Record:
    """A record, up to its last whole line. `UnreadableError` without a header of a known format."""
    first, *rest = content.split(b"\n")
    header = _object(first)
    if header is None or "flight" not in header:
        raise UnreadableError("not a flight record (the first line is no header)")
    if header["flight"] != FORMAT:
        raise UnreadableError(f"format {_words(header['flight'])}; this program reads format {FORMAT}")
    last = rest.pop() if rest else b""
    record = Record(header, cut=bool(last) or not content.endswith(b"\n"))
    for line in rest:
        entry = _object(line)
        if entry is None or _number(entry.get("at_s")) is None:
            record.odd += 1
        else:
            record.entries.append(entry)
    return record


def tell(record: Record, *, last_s: float = math.inf, events_only: bool = False) -> Iterator[str]:
    """The lines to show."""
    header = record.header
    yield (
        f"{_words(header.get('workload', '?'))}, pid {_words(header.get('pid', '?'))}, "
        f"written {_moment(header.get('time'))}, reason: {_words(header.get('reason', '?'))}"
    )
    yield "      time   scale  pressure  in flight  queue"
    for entry in sorted(record.entries, key=_at):
        if _at(entry) >= -last_s and not (events_only and "event" not in entry):
            yield f"{round(_at(entry), 1) + 0.0:8.1f} s{_row(entry)}"  # + 0.0: no minus before zero
    if not record.entries:
        yield "(nothing was recorded)"
    yield from _shortcomings(record)


def _shortcomings(record: Record) -> Iterator[str]:
    if record.cut or record.missing:
        promised = _words(record.header.get("entries", "?"))
        yield f"the file is cut short: {record.missing} of {promised} entries are missing"
    if record.odd:
        yield f"{record.odd} lines could not be understood and were passed over"
    lost = record.header.get("events_lost")
    if isinstance(lost, int) and lost > 0:
        yield f"{lost} events came too fast to be recorded"


def _row(entry: Mapping[str, Any]) -> str:
    if "event" in entry:
        detail = entry.get("detail")
        return f"  * {in_words(_words(entry['event']), detail if isinstance(detail, dict) else {})}"
    sample = entry.get("sample")
    values = sample if isinstance(sample, dict) else {}
    scale, pressure = _fixed(values.get("scale")), _percent(values.get("pressure"))
    in_flight, queued = _whole(values.get("in_flight")), _whole(values.get("queued"))
    return f"  {scale:>6}  {pressure:>8}  {in_flight:>9}  {queued:>5}"


def in_words(kind: str, detail: Mapping[str, Any]) -> str:
    """An event as a person would say it; unknown kinds by their details."""
    say = _WORDS.get(kind)
    return say(detail) if say else f"{kind}{': ' if detail else ''}{_pairs(detail)}"


def _pressure(detail: Mapping[str, Any]) -> str:
    return (
        f"memory pressure {_percent(detail.get('pressure'))} (threshold {_percent(detail.get('threshold'))})"
    )


def _scale(detail: Mapping[str, Any]) -> str:
    return f"scale {_fixed(detail.get('from'))} -> {_fixed(detail.get('to'))}"


def _state(detail: Mapping[str, Any]) -> str:
    return f"{_words(detail.get('from', '?'))} -> {_words(detail.get('to', '?'))}"


def _full(detail: Mapping[str, Any]) -> str:
    return f"a queue is full{': ' if detail else ''}{_pairs(detail)}"


def _crash(detail: Mapping[str, Any]) -> str:
    return f"crash: {_words(detail.get('error', '?'))} at {_words(detail.get('where', '?'))}"


_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "MEM_PRESSURE": _pressure,
    "SCALE_DOWN": _scale,
    "SCALE_UP": _scale,
    "DEGRADED_MODE": _state,
    "BUF_SAT": _full,
    "CRASH": _crash,
}


def _pairs(detail: Mapping[str, Any]) -> str:
    return ", ".join(f"{_words(name)}={_words(value)}" for name, value in detail.items())


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _at(entry: Mapping[str, Any]) -> float:
    return _number(entry.get("at_s")) or 0.0


def _number(value: object) -> float | None:
    """A finite number; JSON as Python reads it also has NaN, and integers of any length."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e15 < value < 1e15 else None


def _fixed(value: object) -> str:
    number = _number(value)
    return "-" if number is None else f"{number:.2f}"


def _percent(value: object) -> str:
    number = _number(value)
    return "-" if number is None else f"{100.0 * number:.0f} %"


def _whole(value: object) -> str:
    number = _number(value)
    return "-" if number is None else f"{number:.0f}"


def _moment(value: object) -> str:
    number = _number(value)
    if number is None or not 0.0 <= number < 253402300800.0:  # the year 10000
        return "at an unknown time"
    return datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _words(value: object) -> str:
    """Nothing that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:200])
