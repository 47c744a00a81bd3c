"""Act: what the plan takes back first, then the sellers, then as much of the buyers as the sellers paid for.

Nobody waits for a kubelet here: the next cycle sees what has become of it (`judge`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from coordinator import journal
from coordinator.kube import resize
from coordinator.loop.timing import timed
from coordinator.policy import settlement
from coordinator.policy.controller import Controller
from coordinator.policy.grant import Grant
from coordinator.policy.outcome import Outcome
from coordinator.policy.standdown import StandDown
from coordinator.record import Cycle
from sidecar import clock
from sidecar.kube.client import Object

AT_ONCE: Final = 16
LEFT: Final = frozenset(("stopping", "lease-lost"))
"""Reasons of outcomes that were never sent: nothing is wrong with the pod."""

Patch = Callable[[Grant], Awaitable[Outcome]]


class Act:
    """`patch` writes one grant; `stopping` says that no more are to be begun."""

    def __init__(
        self,
        controller: Controller,
        patch: Patch,
        stand_down: StandDown,
        *,
        stopping: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._controller = controller
        self._patch = patch
        self._stand_down = stand_down
        self._stopping = stopping
        self._now = now
        self.under_way: dict[str, tuple[Grant, Outcome]] = {}
        """By uid: what was written and has not been confirmed by the kubelet."""
        self._unseen: dict[str, tuple[Grant, Outcome]] = {}

    async def run(self, cycle: Cycle) -> None:
        """Write; fill in `cycle.outcomes`."""
        if cycle.plan is None:
            return
        with timed(cycle, "act", self._now):
            agreed = [grant for grant, consent in cycle.consents if consent.answer != "vetoed"]
            refused = [grant for grant, consent in cycle.consents if consent.answer == "vetoed"]
            with timed(cycle, "patch", self._now):
                await self._send(cycle, cycle.plan.reverts)
                sellers = [grant for grant in agreed if grant.delta_m <= 0]
                sold = await self._send(cycle, sellers)
                refused += [grant for grant, outcome in sold if outcome.kind not in ("applied", "deferred")]
                buyers = [grant for grant in agreed if grant.delta_m > 0]
                await self._send(cycle, settlement.affordable(buyers, _unsold(refused), cycle.plan.spare_m))
        kinds = journal.tally(outcome.kind for _, outcome in cycle.outcomes)
        journal.say("act", cycle.number, f"{len(cycle.outcomes)} changes were due", outcomes=kinds)

    def lost(self) -> None:
        """We do not lead: what pods have from here on is another's doing, and nobody is to be blamed for it later."""
        self._unseen.clear()
        self.under_way.clear()
        self._stand_down.lost()

    def catch_up(self, pods: Mapping[str, Object]) -> None:
        """From when the watch has brought it, what we wrote is what a pod should have; before, it would look undone."""
        for uid, (grant, outcome) in list(self._unseen.items()):
            pod = pods.get(uid)
            if pod is None or not _seen(pod, outcome):
                continue
            del self._unseen[uid]
            if outcome.after is not None:
                self._stand_down.wrote(uid, grant.subject.container, outcome.after)

    def judge(self, cycle: Cycle) -> None:
        """What has become of what was written earlier, by the pods as they are now."""
        pods = cycle.found.pods if cycle.found is not None else {}
        for uid in self._unseen.keys() - pods.keys():
            del self._unseen[uid]
        for uid, (grant, outcome) in list(self.under_way.items()):
            pod = pods.get(uid)
            if pod is None:  # gone, or somebody else's affair now
                del self.under_way[uid]
            elif _seen(pod, outcome):
                self._judge(cycle, uid, pod, grant, outcome)

    def _judge(self, cycle: Cycle, uid: str, pod: Object, grant: Grant, outcome: Outcome) -> None:
        subject = grant.subject
        judged = resize.judge(pod, subject.container, outcome, uid=uid, restarts=subject.restarts)
        self.under_way[uid] = grant, judged
        if resize.settled(judged):
            del self.under_way[uid]
        if (judged.kind, judged.reason, judged.confirmed) == (
            outcome.kind,
            outcome.reason,
            outcome.confirmed,
        ):
            return
        cycle.judged.append((grant, judged))
        # What the kubelet has not taken is the plan's to take back, which it can only while it knows of it.
        if judged.kind not in ("applied", "deferred") and judged.reason != "kubelet":
            self._controller.settled(grant, judged, now=self._now())
        well = judged.kind == "applied" and not judged.restarted
        (journal.say if well else journal.warn)(
            "patch",
            cycle.number,
            f"{subject.key} {'has what it was given' if judged.confirmed else judged.kind}",
            f"{judged.reason} {judged.message}".strip(),
            pod=subject.key,
        )

    async def _send(self, cycle: Cycle, grants: Sequence[Grant]) -> list[tuple[Grant, Outcome]]:
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(grant: Grant) -> Outcome:
            async with turns:
                return await self._attempt(cycle, grant)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(grant)) for grant in grants]
        sent = list(zip(grants, (task.result() for task in tasks), strict=True))
        for grant, outcome in sent:
            self._done(cycle, grant, outcome)
        return sent

    async def _attempt(self, cycle: Cycle, grant: Grant) -> Outcome:
        if self._stopping():
            return Outcome(
                kind="failed", reason="stopping", message="the coordinator is stopping; nothing was sent"
            )
        try:
            return await self._patch(grant)
        except Exception as error:  # noqa: BLE001  one pod's oddity is not the others' loss
            journal.failed("patch", cycle.number, f"{grant.subject.key} keeps what it has", error)
            cycle.failures.append(f"{grant.subject.key}: {error!r}")
            return Outcome(kind="failed", reason="defect", message=repr(error)[:200])

    def _done(self, cycle: Cycle, grant: Grant, outcome: Outcome) -> None:
        cycle.outcomes.append((grant, outcome))
        if outcome.reason not in LEFT:
            self._controller.settled(grant, outcome, now=self._now())
        if outcome.kind in ("applied", "deferred") and outcome.generation is not None:
            self.under_way[grant.subject.uid] = self._unseen[grant.subject.uid] = grant, outcome
        well = outcome.kind == "applied"
        (journal.say if well else journal.warn)(
            "patch",
            cycle.number,
            f"{grant.subject.key} {shown(grant)}: {outcome.kind}",
            grant.reason if well else f"{outcome.reason} {outcome.message}".strip(),
            pod=grant.subject.key,
            container=grant.subject.container,
            outcome=outcome.kind,
            attempts=outcome.attempts,
        )


def shown(grant: Grant) -> str:
    """`250m → 400m`, and memory where it moves."""
    parts = []
    if grant.cpu_m is not None:
        parts.append(f"{grant.subject.cpu_m}m → {grant.cpu_m}m")
    if grant.memory_bytes is not None:
        parts.append(f"memory → {grant.memory_bytes // 2**20}Mi")
    return ", ".join(parts)


def _unsold(grants: Iterable[Grant]) -> list[Grant]:
    return [grant for grant in grants if grant.sells]


def _seen(pod: Object, outcome: Outcome) -> bool:
    """Whether the watch has brought what we wrote: before that, it would look as if somebody had undone it."""
    generation = (pod.get("metadata") or {}).get("generation")
    return outcome.generation is None or not isinstance(generation, int) or generation >= outcome.generation
