"""What a cycle says in the log: a JSON line for each phase and step, with its decision and its reason."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Final

log = logging.getLogger("equilibrium.coordinator")

PHASES: Final = {
    "observe": ("discover", "demand"),
    "calculate": ("solve", "guardrail"),
    "negotiate": (),
    "act": ("patch",),
}
"""Each with its steps, in order."""
MOST_NAMED: Final = 20
"""Pods named in one line; the rest is a number, and all of them are in /state."""


def say(phase: str, cycle: int, decision: str, reason: str = "", **fields: object) -> None:
    """One line. `phase`: a phase or a step of one."""
    _say(logging.INFO, phase, cycle, decision, reason, fields)


def warn(phase: str, cycle: int, decision: str, reason: str, **fields: object) -> None:
    """The same of what somebody should look into."""
    _say(logging.WARNING, phase, cycle, decision, reason, fields)


def failed(phase: str, cycle: int, decision: str, error: BaseException, **fields: object) -> None:
    """A defect of ours, with where it is."""
    members = {"phase": phase, "cycle": cycle, "decision": decision, "reason": repr(error)[:300], **fields}
    log.error("%s: %s", phase, decision, extra={"fields": members}, exc_info=error)


def tally(words: Iterable[str]) -> dict[str, int]:
    """How often each word, most often first."""
    return dict(Counter(words).most_common())


def _say(level: int, phase: str, cycle: int, decision: str, reason: str, fields: dict[str, object]) -> None:
    members = {"phase": phase, "cycle": cycle, "decision": decision, "reason": reason, **fields}
    log.log(level, "%s: %s", phase, decision, extra={"fields": members})
