"""Observe: which pods there are and who else owns them (Discover), and how much they want (Demand)."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from coordinator import journal
from coordinator.kube.inventory import Chain, Found
from coordinator.loop.timing import timed
from coordinator.policy import standdown
from coordinator.policy.answers import Demand
from coordinator.policy.grant import Held
from coordinator.policy.observation import DEFAULT_DEMAND, Observation
from coordinator.policy.observing import Observer, Scraped
from coordinator.policy.ownership import Owners
from coordinator.policy.standdown import StandDown
from coordinator.policy.subject import Subject
from coordinator.record import Cycle
from coordinator.telemetry.fetch import Silence
from coordinator.telemetry.prometheus import Prometheus
from coordinator.telemetry.sidecars import Sidecars
from sidecar import clock
from sidecar.kube.client import Object
from sidecar.kube.notes import Note


class Owning(Protocol):
    """Who scales workloads."""

    def of(self, namespace: str, chain: Chain) -> Owners:
        """Those that own what this chain of controllers ends in."""
        ...


class Listing(Protocol):
    """What there is."""

    def look(self) -> Found:
        """As it is now."""
        ...


class Observe:
    """`caught_up(pods)` is told of all pods before anybody asks whose they are, `told(note)` of news for owners."""

    def __init__(
        self,
        inventory: Listing,
        autoscalers: Owning,
        sidecars: Sidecars,
        prometheus: Prometheus | None,
        *,
        stand_down: StandDown,
        caught_up: Callable[[Mapping[str, Object]], None],
        told: Callable[[Note], None] = lambda _: None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._inventory = inventory
        self._autoscalers = autoscalers
        self._sidecars = sidecars
        self._prometheus = prometheus
        self._stand_down = stand_down
        self._caught_up = caught_up
        self._note = told
        self._now = now
        self._told: dict[str, str] = {}
        self._led = False

    async def run(self, cycle: Cycle) -> None:
        """Fill in what is found, whose it is, and what each pod wants."""
        with timed(cycle, "observe", self._now):
            with timed(cycle, "discover", self._now):
                self._discover(cycle)
            with timed(cycle, "demand", self._now):
                await self._demand(cycle)
        asked = len(cycle.found.subjects) + len(cycle.found.skipped) if cycle.found is not None else 0
        default = sum(seen.source == "default" for seen in cycle.observations.values())
        journal.say(
            "observe",
            cycle.number,
            f"{len(cycle.market)} of {asked} opted-in pods are in the market",
            f"{default} of them with the default demand" if default else "",
        )

    # -- discover

    def _discover(self, cycle: Cycle) -> None:
        found = cycle.found = self._inventory.look()
        self._stand_down.keep(found.pods)
        self._caught_up(found.pods)
        free = []
        for subject in found.subjects:
            try:
                held = self._standing(cycle, subject, found)
            except Exception as error:  # noqa: BLE001  one pod's oddity is not the others' loss
                journal.failed("discover", cycle.number, f"{subject.key} is left alone", error)
                cycle.failures.append(f"{subject.key}: {error!r}")
                held = Held(subject, "error", repr(error)[:200])
            if held is None:
                free.append(subject)
            else:
                cycle.stood_down.append(held)
        cycle.market = tuple(free)
        self._led = cycle.leading
        self._report(cycle, found)

    def _standing(self, cycle: Cycle, subject: Subject, found: Found) -> Held | None:
        pod: Object = found.pods[subject.uid]
        owners = self._autoscalers.of(subject.namespace, found.chains[subject.uid])
        standing, news = self._stand_down.look(
            pod, subject.container, subject.policy, owners, now=self._now()
        )
        # One voice: whoever leads tells, and whoever begins to lead tells what there is.
        if cycle.leading and (news or (not self._led and standing.kind != "free")):
            cycle.news.append(standing.reason or "resumed")
            self._note(standdown.note(pod, standing))
        if standing.kind == "free" or (standing.kind == "limits-only" and subject.policy == "limits"):
            if not standing.memory:
                cycle.memory_owned.add(subject.uid)
            return None
        return Held(subject, standing.reason, standing.detail)

    def _report(self, cycle: Cycle, found: Found) -> None:
        skips = {each.key: f"{each.reason}: {each.detail}" for each in found.skipped}
        skips |= {each.subject.key: f"{each.reason}: {each.detail}" for each in cycle.stood_down}
        for key, why in skips.items():
            if self._told.get(key) != why:  # once, not every cycle
                journal.warn("discover", cycle.number, f"{key} is left alone", why, pod=key)
        self._told = skips
        journal.say(
            "discover",
            cycle.number,
            f"{len(cycle.market)} pods on {len({subject.node for subject in cycle.market})} nodes",
            skipped=journal.tally(each.reason for each in found.skipped),
            stood_down=journal.tally(each.reason for each in cycle.stood_down),
        )

    # -- demand

    async def _demand(self, cycle: Cycle) -> None:
        async with asyncio.TaskGroup() as group:  # neither waits for the other
            asked = group.create_task(self._scraped())
            answers = group.create_task(self._sidecars.demands(cycle.market))
        scraped, said = asked.result(), answers.result()
        observer = Observer(cycle.market, scraped, self._now())
        observed = {}
        for subject in cycle.market:
            observed[subject.uid] = self._observed(cycle, observer, subject, said.get(subject.uid))
        cycle.observations = observed
        self._tell(cycle, said.values(), scraped)

    async def _scraped(self) -> Scraped | None:
        return await self._prometheus.scrape() if self._prometheus is not None else None

    def _observed(
        self, cycle: Cycle, observer: Observer, subject: Subject, said: Demand | Silence | None
    ) -> Observation:
        try:
            return observer.observe(subject, str(said) if isinstance(said, Silence) else said)
        except Exception as error:  # noqa: BLE001  as above
            journal.failed("demand", cycle.number, f"{subject.key} gets the default", error)
            cycle.failures.append(f"{subject.key}: {error!r}")
            reason = f"defect: {error!r}"[:200]
            return Observation(demand=DEFAULT_DEMAND, source="default", at=self._now(), reason=reason)

    def _tell(self, cycle: Cycle, said: Iterable[Demand | Silence], scraped: Scraped | None) -> None:
        silences = [each for each in said if isinstance(each, Silence)]
        reasons = [silences[0].text] if silences else []
        if scraped is not None and scraped.why:
            reasons.append(scraped.why)
        cycle.silences = silences
        (journal.warn if reasons else journal.say)(
            "demand",
            cycle.number,
            f"{len(cycle.observations)} pods heard",
            "; ".join(reasons),
            sources=journal.tally(each.source for each in cycle.observations.values()),
            silent=journal.tally(each.word for each in silences),
        )
