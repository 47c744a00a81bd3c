"""What became of each object, in lines people read. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from injector.command.offline import Outcome, Told

_WORDS: Final[dict[Outcome, str]] = {
    "injected": "injected",
    "removed": "sidecar removed",
    "skipped": "left alone",
    "refused": "refused",
}


def lines(told: Sequence[Told], others: int) -> Iterator[str]:
    """A line an object, its warnings below it, and the sum."""
    for each in told:
        yield from _indented(f"{each.name}: {_WORDS[each.outcome]}{_because(each)}")
        for warning in each.warnings:
            yield from _indented(f"  warning: {warning}")
    yield _sum(told, others)


def _because(told: Told) -> str:
    if told.outcome == "injected":
        return f" {told.why}"
    return f": {told.why}" if told.outcome == "refused" else f" ({told.why})" if told.why else ""


def _indented(text: str) -> Iterable[str]:
    first, *more = text.splitlines()
    return first, *(f"    {line}" for line in more)


def _sum(told: Sequence[Told], others: int) -> str:
    counts = Counter(each.outcome for each in told)
    parts = [f"{counts[outcome]} {word}" for outcome, word in _WORDS.items() if counts[outcome]]
    if others:
        parts.append(f"{others} other document{'s' if others > 1 else ''}")
    return ", ".join(parts) or "nothing there"
