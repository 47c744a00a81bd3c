"""Plays one arm: load, users and watcher on a mesh, faults set and healed when due; leaves a recording."""

import time
from dataclasses import dataclass, field

from dashboards.live.frame import Tone
from loadtest import processes
from loadtest.demo import (
    chapters,
    journey,
    loads,
    machine,
    moment,
    recording,
    screen,
    targets,
    watcher,
    windows,
)
from loadtest.mesh import Mesh, Pod
from loadtest.mesh.live import LivePage
from sidecar import clock

TICK_S = 0.25
SLACK_S = 60.0
"""Generators are stopped by us; this is when they stop if nobody does."""


def play(
    children: processes.Children,
    mesh: Mesh,
    script: chapters.Script,
    arm: chapters.Arm,
    view: screen.Screen,
    live: LivePage,
) -> recording.Recording:
    """From warm-up to the last chapter. StartError when a generator gives up, OSError when a pod does."""
    sent = loads.Loads(children, targets.plans(mesh.entry, script.seconds(arm) + SLACK_S))
    riders = journey.start(children, mesh.entry)
    seen = watcher.Watcher(lambda: mesh.state(mesh.gateway) if arm.strategy else {"services": {}})
    seen.start()
    live.measured = lambda: moment.measured(sent.samples, clock.now())
    stage = Stage(mesh, script, arm, view, live, sent, seen)
    meter = machine.Meter()
    played = [stage.chapter(each) for each in script.chapters(arm)]
    cores = meter.read()
    stage.calm()
    riders.stop()
    samples = sent.stop()
    journeyed = riders.finish()
    seen.stop()
    return recording.Recording(
        arm,
        {route.service: [pod.name for pod in mesh.pods(route.service)] for route in chapters.ROUTES},
        played[0].start_s,
        played,
        samples,
        seen.readings,
        sorted([*stage.events, *seen.events], key=lambda event: event.at_s),
        journeyed,
        sent.late_p99_ms(),
        cores,
        _notes(mesh, seen, journeyed),
    )


def _notes(mesh: Mesh, seen: watcher.Watcher, journeyed: recording.Journey | None) -> list[str]:
    ended = [child.obituary() for pod in mesh.pods() for child in pod.children]
    notes = [each for each in ended if each is not None]
    if seen.missed:
        notes.append(f"{seen.missed} polls of /state were not answered")
    if journeyed is None:
        notes.append("the locust users left no statistics")
    return notes


@dataclass(slots=True)
class Stage:
    """What is played on: sets and heals faults, keeps the view up to date."""

    mesh: Mesh
    script: chapters.Script
    arm: chapters.Arm
    view: screen.Screen
    live: LivePage
    sent: loads.Loads
    seen: watcher.Watcher
    events: list[recording.Event] = field(default_factory=list)
    start_s: float = field(default_factory=clock.now)
    _active: chapters.Fault | None = None
    _told: int = 0

    def chapter(self, chapter: chapters.Chapter) -> recording.Played:
        """Play it; returns when it is over."""
        start_s = clock.now()
        self.live.note = f"{self.arm.title}: {chapter.title}"
        self.calm()
        if chapter.kind == "fault" and chapter.fault is not None:
            self._break(chapter.fault)
        end_s = start_s + chapter.seconds
        while (left_s := end_s - clock.now()) > 0:
            time.sleep(min(TICK_S, left_s))
            self.sent.check()
            self._show(chapter, end_s)
        return recording.Played(chapter, start_s, clock.now())

    def _break(self, fault: chapters.Fault) -> None:
        self._active = fault
        self.mesh.fault(self._pod(fault), **fault.fields)
        self._happened("fault", f"{fault.title} ({fault.pod})", fault.service, "bad")

    def calm(self) -> None:
        """Heal what is broken, if anything is."""
        if self._active is not None:
            fault, self._active = self._active, None
            self.mesh.heal(self._pod(fault))
            self._happened("healed", fault.pod, fault.service, "good")

    def _pod(self, fault: chapters.Fault) -> Pod:
        return next(pod for pod in self.mesh.pods(fault.service) if pod.name == fault.pod)

    def _happened(self, kind: str, text: str, service: str, tone: Tone) -> None:
        event = recording.Event(clock.now(), f"{kind}: {text}", service)
        self.events.append(event)
        self.live.say(kind, text, service, tone)
        self._tell(event)

    def _tell(self, event: recording.Event) -> None:
        self.view.say(f"{self._at_s(event.at_s):5.0f} s  {self.arm.title:12} {event.text}")

    def _at_s(self, now_s: float) -> float:
        return self.script.before_s(self.arm) + now_s - self.start_s

    def _show(self, chapter: chapters.Chapter, end_s: float) -> None:
        for event in self.seen.events[self._told :]:
            self._told += 1
            self.live.say("routing", event.text, event.service or "")
            self._tell(event)
        self.view.show(self._moment(chapter, end_s))

    def _moment(self, chapter: chapters.Chapter, end_s: float) -> moment.Moment:
        now_s = clock.now()
        route = moment.route_of(chapter.fault)
        names = [pod.name for pod in self.mesh.pods(route.service)]
        recent = moment.recent(self.sent.samples(route.service), now_s)
        said = self.seen.latest(route.service)
        bad = self._active.pod if self._active else None
        at_s = self._at_s(now_s)
        return moment.Moment(
            self.arm,
            chapter,
            at_s,
            end_s - now_s,
            self.script.whole_s - at_s,
            route,
            moment.pods(names, bad, recent, said),
            len(recent),
            windows.percentile(50, recent),
            windows.percentile(99, recent),
            windows.failed(recent),
            said,
        )
