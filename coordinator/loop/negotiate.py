"""Negotiate: every pod that is to change is asked first. No is no, no answer is no, and both are remembered."""

from collections.abc import Callable
from dataclasses import replace

from coordinator import journal
from coordinator.loop.timing import timed
from coordinator.policy import answers
from coordinator.policy.controller import Controller
from coordinator.policy.grant import Grant
from coordinator.record import Cycle
from coordinator.telemetry.sidecars import Sidecars
from sidecar import clock


class Negotiate:
    """Asks sidecars for the grants of a plan."""

    def __init__(
        self, controller: Controller, sidecars: Sidecars, *, now: Callable[[], float] = clock.now
    ) -> None:
        self._controller = controller
        self._sidecars = sidecars
        self._now = now

    async def run(self, cycle: Cycle) -> None:
        """Fill in `cycle.consents`."""
        with timed(cycle, "negotiate", self._now):
            grants = proposals(cycle)
            cycle.consents = await self._sidecars.negotiate(grants, cycle.observations)
            for grant, consent in cycle.consents:
                if not consent.reason.startswith(answers.UNHEARD):
                    self._controller.answered(grant, consent, now=self._now())
                if consent.answer == "vetoed":
                    journal.warn(
                        "negotiate",
                        cycle.number,
                        f"{grant.subject.key} keeps what it has",
                        consent.reason,
                        pod=grant.subject.key,
                        minimum_memory_bytes=consent.minimum_memory_bytes,
                        minimum_cpu_m=consent.minimum_cpu_m,
                    )
        told = journal.tally(consent.answer for _, consent in cycle.consents)
        asked = len(cycle.consents) - told.get("unasked", 0)
        journal.say("negotiate", cycle.number, f"{asked} pods asked", answers=told)


def proposals(cycle: Cycle) -> list[Grant]:
    """The plan's grants, without memory that is not ours to set: somebody else's, or of a pod without a sidecar."""
    found = []
    for grant in cycle.plan.grants if cycle.plan is not None else ():
        subject = grant.subject
        ours = subject.sidecar is not None and subject.uid not in cycle.memory_owned
        if ours or grant.memory_bytes is None:
            found.append(grant)
        elif grant.cpu_m is not None:
            found.append(replace(grant, memory_bytes=None))
    return found
