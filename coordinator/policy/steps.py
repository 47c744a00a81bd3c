"""What a candidate for leadership is told of the record, and what it asks to be done next. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The Lease as a server said it. `version`: the token of compare-and-swap; `uid`: another when it is made anew.

    `holder` is empty when nobody holds it. `duration_s` is None where the object says nothing.
    """

    holder: str
    version: str
    uid: str
    duration_s: float | None = None
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read the record; tell `read` or `lost`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write the record now; tell `written`, `refused` or `lost`."""

    holder: str
    duration_s: int
    transitions: int
    version: str | None
    """It must still be this one; None: there must be none."""
    acquired: bool
    """The holder is another than before: the time it was acquired is now."""


Step = Wait | Read | Write
