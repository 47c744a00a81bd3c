"""What has happened since the last look, from reports and cycles, for the live page's log. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from coordinator.policy.advice.report import Report, ServiceReport
from dashboards.live.eventlog import EventLog
from dashboards.live.frame import Tone

_TONES: Final[Mapping[str, Tone]] = {
    "applied": "good",
    "MEM_PRESSURE": "bad",
    "DEGRADED_MODE": "bad",
    "BUF_SAT": "bad",
    "SCALE_UP": "good",
}
_HEALTH: Final[Mapping[str, Tone]] = {"ejected": "bad", "admitted": "good"}


class Happenings:
    """Remembers the last report of each sidecar, and compares. The first report only says how things are."""

    def __init__(self) -> None:
        self.log = EventLog()
        self._before: dict[str, Report] = {}

    def reported(self, reports: Mapping[str, Report], wall_s: float) -> None:
        """The latest of each; those that are the same objects as last time cost nothing."""
        for sidecar, report in reports.items():
            before = self._before.get(sidecar)
            if before is not None and before is not report:
                self._between(before, report, wall_s)
        self._before = dict(reports)

    def cycled(self, told: Mapping[str, Any], wall_s: float) -> None:
        """A cycle has ended."""
        grants = {pod["pod"]: (pod["cpu_m"], pod.get("grant")) for pod in told["pods"]}
        for each in told["outcomes"]:
            tone = _TONES.get(each["kind"], "bad" if each["kind"] in ("failed", "forbidden") else "plain")
            self.log.add(wall_s, each["kind"], _resized(each, *grants.get(each["pod"], (0, None))), tone=tone)
        for each in told["negotiated"]:
            if each["answer"] == "vetoed":
                self.log.add(wall_s, "vetoed", f"{each['pod']}: {each['reason']}")
        for failure in told["failures"]:
            self.log.add(wall_s, "failure", failure, tone="bad")

    def _between(self, before: Report, after: Report, wall_s: float) -> None:
        known = set(before.events)
        for event in after.events:
            if event not in known:
                tone = _TONES.get(event.kind, "plain")
                self.log.add(event.at, event.kind, event.detail or event.kind, after.sidecar, tone)
        services = {each.service: each for each in before.services}
        for service in after.services:
            if service.service in services:
                for kind, text, tone in _changes(services[service.service], service):
                    self.log.add(wall_s, kind, text, after.sidecar, tone)
        punished = {each.caller for each in before.reputations if each.punished}
        for each in after.reputations:
            if each.punished and each.caller not in punished:
                text = f"{each.caller} is punished: its reputation is {each.score:.2f}"
                self.log.add(wall_s, "punished", text, after.sidecar, "bad")


def _changes(before: ServiceReport, after: ServiceReport) -> Iterator[tuple[str, str, Tone]]:
    yield from _moved(before, after)
    if before.obeys and after.obeys is False and after.conditional_regret is not None:
        why = f"it would gain {after.conditional_regret:.0%} by its own mix"
        yield "disobeys", f"advice for {after.service} is not followed: {why}", "bad"


def _moved(before: ServiceReport, after: ServiceReport) -> Iterator[tuple[str, str, Tone]]:
    """Endpoints that were ejected, or admitted again."""
    if before.words == after.words:
        return  # the usual case
    was = {address: health for address, _, health in before.words}
    for address, name, health in after.words:
        old = was.get(address, "")
        if health in _HEALTH and old and old != health:
            kind = "readmitted" if health == "admitted" else health
            yield kind, f"{name or address} of {after.service} is {kind}", _HEALTH[health]


def _resized(outcome: Mapping[str, Any], had_m: int, grant: Mapping[str, Any] | None) -> str:
    amount = f"{had_m}m → {outcome['cpu_m']}m" if outcome["cpu_m"] is not None else "memory"
    reason = (
        grant["reason"] if outcome["kind"] == "applied" and grant else outcome["message"] or outcome["reason"]
    )
    return f"{outcome['pod']}: {amount}, {reason}" if reason else f"{outcome['pod']}: {amount}"
