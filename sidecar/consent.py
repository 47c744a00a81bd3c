"""`POST /negotiate`: whoever wants to resize this pod asks it first, and is told no where it would hurt.

Policy decides (`policy.negotiation`); here memory use is read, the app is asked to free memory when that would make
the difference, and one negotiation runs at a time, since two would ask the app twice for the same bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sidecar import clock
from sidecar.hooks import Hook, Outcome
from sidecar.parsing import ParseError
from sidecar.policy import negotiation
from sidecar.policy.negotiation import Proposal, Verdict
from sidecar.pressure.sources import Reading

LARGEST_BODY_BYTES: Final = 64 * 1024
MOST_WAITING: Final = 4
"""Negotiations that wait for the one that runs; more are told to come back."""
PATIENCE_S: Final = 5.0
"""For a hook and its effect together."""
READ_S: Final = 3.0
POLL_S: Final = 0.1
PROPOSAL: Final = "proposal"
"""The source where nothing of our own is known: what whoever asks says the app uses."""

Answer = tuple[int, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Use:
    """Memory the app uses, as far as anybody knows."""

    usage_bytes: int | None = None
    source: str | None = None


class Consent:
    """Answers negotiations. `usage` reads the ordered sources (`Sources.fresh`); None where none of them knows."""

    def __init__(
        self,
        usage: Callable[[], Awaitable[Reading | None]],
        hook: Hook | None = None,
        *,
        now: Callable[[], float] = clock.now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._usage = usage
        self._hook = hook
        self._now = now
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._present = 0
        self.accepted = self.refused = self.malformed = self.busy = self.unreadable = 0  # how often

    def __repr__(self) -> str:
        return f"Consent({self._hook}, present={self._present}, accepted={self.accepted}, refused={self.refused})"

    async def negotiate(self, body: bytes) -> Answer:
        """A status and a JSON object: 200 consent, 409 no or busy, 400 nonsense, 413 too large."""
        if len(body) > LARGEST_BODY_BYTES:
            self.malformed += 1
            return 413, {
                "error": "too-large",
                "detail": f"the body is larger than {LARGEST_BODY_BYTES} bytes",
            }
        try:
            proposal = negotiation.parse(body)
        except ParseError as error:
            self.malformed += 1
            return 400, {"error": "malformed", "detail": str(error), "mistakes": list(map(str, error.flaws))}
        if self._present > MOST_WAITING:
            self.busy += 1
            reason = f"busy: {MOST_WAITING} negotiations are waiting already; ask again in {PATIENCE_S:g} s"
            return 409, {"accepted": False, "reason": reason, "minimum_memory": None}
        return await self._in_turn(proposal)

    async def _in_turn(self, proposal: Proposal) -> Answer:
        self._present += 1
        try:
            async with self._turn:
                return await self._decide(proposal)
        finally:
            self._present -= 1

    async def _decide(self, proposal: Proposal) -> Answer:
        before = await self._measure() or Use(
            proposal.usage_memory_bytes, PROPOSAL if proposal.usage_memory_bytes is not None else None
        )
        verdict = negotiation.judge(proposal, before.usage_bytes)
        if self._hook is None or verdict.accepted or not verdict.to_free_bytes:
            return self._answer(verdict, before, 0, None)
        until = self._now() + PATIENCE_S
        outcome = await self._hook.run(verdict.to_free_bytes)
        after = await self._settle(proposal, before, until if outcome.ran else self._now())
        verdict = negotiation.judge(proposal, after.usage_bytes)
        return self._answer(verdict, after, _freed(before, after), outcome)

    async def _settle(self, proposal: Proposal, before: Use, until: float) -> Use:
        """Use once it is low enough, or at `until`."""
        while True:
            # What was measured before stands until it is measured again: never the proposal's word instead.
            after = await self._measure() or before
            fallen = negotiation.judge(proposal, after.usage_bytes).accepted
            # Without a source of our own there is nothing to wait for: who proposed must measure again.
            if fallen or after.source == PROPOSAL or self._now() >= until:
                return after
            await self._sleep(POLL_S)

    async def _measure(self) -> Use | None:
        """The app's use by our own sources; None when they do not know."""
        try:
            async with asyncio.timeout(READ_S):
                reading = await self._usage()
        except Exception:  # noqa: BLE001  whatever fails, use is unknown, and unknown use is a refusal
            self.unreadable += 1
            return None
        if reading is None or not reading.governs_app or reading.usage_bytes <= 0:
            return None
        return Use(reading.usage_bytes, reading.source)

    def _answer(self, verdict: Verdict, use: Use, freed_bytes: int, outcome: Outcome | None) -> Answer:
        told: dict[str, object] = {
            "accepted": verdict.accepted,
            "freed_bytes": freed_bytes,
            "usage_bytes": use.usage_bytes,
            "source": use.source,
        }
        if outcome is not None:
            told["hook"] = outcome.said
        if verdict.accepted:
            self.accepted += 1
            return 200, told
        self.refused += 1
        told |= {"reason": verdict.reason, "minimum_memory": verdict.minimum_memory_bytes}
        if verdict.minimum_cpu_m is not None:
            told["minimum_cpu"] = f"{verdict.minimum_cpu_m}m"
        return 409, told


def _freed(before: Use, after: Use) -> int:
    """Bytes; two sources count differently, so that their difference says nothing."""
    if before.usage_bytes is None or after.usage_bytes is None or before.source != after.source:
        return 0
    return max(0, before.usage_bytes - after.usage_bytes)
