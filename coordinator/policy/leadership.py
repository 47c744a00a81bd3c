"""Who may write: one of several coordinators, agreed through one record with compare-and-swap (a Lease). Sans-IO.

`Elector.step` says what to do next (wait, read, write), the caller does it and tells what came of it. Nothing here
knows the time of day: a holder counts from the instant at which the renewal that succeeded was *sent*, a follower from
the instant at which it saw the record change. So a wall clock may jump, and an answer may take as long as it likes.

Why there are never two (docs/coordinator-ha.md has the proof): a record is taken over by compare-and-swap, no sooner
than the duration it names after a follower saw it, which was after its holder sent it. The holder stops at `SHARE` of
that duration. So two clocks may run at rates that differ by a factor of 1 / SHARE.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coordinator.policy.steps import Read, Record, Step, Wait, Write

SHARE: Final = 0.8
"""Of the duration: how long a holder believes. Two clocks may differ in rate by a factor of 1.25 (each by 11 %)."""
RELEASED_S: Final = 1
"""The duration a holder leaves behind when it goes: the shortest a Lease takes."""
NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`duration_s`: whole seconds, 1 or more, as a Lease has them. Raises ValueError."""

    duration_s: float = 15.0
    renew_s: float = 2.5
    """A holder renews so long after the last renewal was sent."""
    retry_s: float = 1.5
    """A follower looks this often."""

    def __post_init__(self) -> None:
        if not (self.duration_s >= 1 and self.duration_s % 1 == 0):
            raise ValueError(f"duration_s {self.duration_s:g}: allowed: whole seconds, 1 or more")
        if not 0 < self.renew_s <= self.duration_s / 2:
            raise ValueError(f"renew_s {self.renew_s:g}: allowed: above 0, at most half of duration_s")
        if not 0 < self.retry_s <= self.duration_s / 2:
            raise ValueError(f"retry_s {self.retry_s:g}: allowed: above 0, at most half of duration_s")

    @property
    def timeout_s(self) -> float:
        """For one request: two in a row may get no answer before a holder has to stop."""
        return self.duration_s / 5

    @property
    def belief_s(self) -> float:
        """How long a holder believes after it sent what was accepted."""
        return SHARE * self.duration_s


class Elector:
    """One candidate. `identity`: unique to this life of the process. `uniform(a, b)`: where jitter comes from.

    One step at a time: what `step` returned is done and told before the next.
    """

    def __init__(self, identity: str, terms: Terms, uniform: Callable[[float, float], float]) -> None:
        self.identity = identity
        self.terms = terms
        self._uniform = uniform
        self._record: Record | None = None
        self._known = False
        """`_record` is what the server said last, and nothing was sent since whose end is unknown."""
        self._changed_at = NEVER
        """When the record was first seen as it is."""
        self._due = NEVER
        self._sent = NEVER
        self._wrote = False
        """This life sent a write, so a record with our identity may be ours."""
        self._until = NEVER
        self._former_until = NEVER
        self._not_before = NEVER
        self._named_s = terms.duration_s
        """The duration in the record that was seen last: of a holder that may have other terms than we."""
        self._resigned = False

    def __repr__(self) -> str:
        return f"Elector({self.identity}, record={self._record}, until={self._until})"

    @property
    def holder(self) -> str:
        """Who held it when it was last seen; empty: nobody, or nobody knows."""
        return self._record.holder if self._record is not None else ""

    @property
    def transitions(self) -> int:
        """How often it changed hands, as far as was seen."""
        return self._record.transitions if self._record is not None else 0

    @property
    def resigned(self) -> bool:
        """This candidate has gone for good."""
        return self._resigned

    def left_s(self, now: float) -> float:
        """For how long this candidate may still write; 0 or less: it may not."""
        until = self._former_until if now < self._not_before else self._until
        return max(until - now, 0.0)

    # -- what to do

    def step(self, now: float) -> Step:
        """The next thing to do."""
        if self._resigned:
            return self._leave(now)
        if now < self._due:
            return Wait(self._due - now)
        if not self._known:
            return Read()
        if self._record is None or self._ours(self._record) or now >= self._free_at(self._record):
            return self._write(now, self._record)
        return Read()

    def resign(self) -> None:
        """Believe nothing from here on, for good. The steps that follow leave the record to the next one; then Wait."""
        self._resigned = True
        self._until = self._former_until = NEVER

    # -- what came of it

    def read(self, record: Record | None, now: float) -> None:
        """The server said so; None: there is no record."""
        self._take(record, now)
        if record is None or self._ours(record):
            self._due = now
        else:
            self._until = self._former_until = NEVER
            self._due = min(now + self._jittered(self.terms.retry_s), max(self._free_at(record), now))

    def written(self, record: Record, now: float) -> None:
        """It was accepted, and this is the record now."""
        self._take(record, now)
        if self._resigned or not self._ours(record):
            return
        self._until = max(self._until, self._sent + self.terms.belief_s)
        self._due = self._sent + self._jittered(self.terms.renew_s)
        if now < self._not_before:
            self._due = min(self._due, self._not_before)

    def refused(self, now: float) -> None:
        """The record is not what it was: somebody else wrote it, made it or took it away. Nothing was written."""
        self._known = False
        self._due = now + self._jittered(self.terms.retry_s / 10)

    def lost(self, now: float, after_s: float = 0.0) -> None:
        """No answer, or none that says whether it was done: what was believed stays, and the record is read again.

        Only an answer to a read allows the next write. So one whose answers do not get through renews nothing that
        it could not use.
        """
        self._known = False
        waiting_s = self.terms.retry_s / 2 if self.left_s(now) > 0 else self.terms.retry_s
        self._due = now + max(self._jittered(waiting_s), min(after_s, self.terms.timeout_s))

    # -- how

    def _ours(self, record: Record) -> bool:
        return self._wrote and record.holder == self.identity

    def _free_at(self, record: Record) -> float:
        return self._changed_at + (record.duration_s or self.terms.duration_s)

    def _jittered(self, seconds: float) -> float:
        return seconds * self._uniform(0.75, 1.0)

    def _write(self, now: float, record: Record | None) -> Write:
        ours = record is not None and self._ours(record)
        self._sent = now
        self._wrote = True
        self._known = False
        return Write(
            holder=self.identity,
            duration_s=int(self.terms.duration_s),
            transitions=0 if record is None else record.transitions + (not ours),
            version=None if record is None else record.version,
            acquired=not ours,
        )

    def _leave(self, now: float) -> Step:
        if not self._known and self._wrote:
            return Read()
        record = self._record
        # Made anew by us a moment ago: who led before may not have run out, so it must not be free to take.
        if record is None or not self._ours(record) or now < self._not_before:
            return Wait(float("inf"))
        self._known = False
        return Write(
            holder="",
            duration_s=RELEASED_S,
            transitions=record.transitions,
            version=record.version,
            acquired=False,
        )

    def _take(self, record: Record | None, now: float) -> None:
        before, self._record, self._known = self._record, record, True
        if before is None or record is None or (before.uid, before.version) != (record.uid, record.version):
            self._changed_at = now
        if record is not None and self._ours(record) and (before is None or before.uid != record.uid):
            # Made anew, by us: whoever held the one before, deleted under him, has to run out first.
            self._former_until = now + self.left_s(now)
            self._not_before = now + max(self._named_s, self.terms.duration_s)
        if record is not None:
            self._named_s = record.duration_s or self.terms.duration_s
