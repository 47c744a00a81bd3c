"""Pods that go bad: each fault in turn, each arm in front in turn, an open loop all the while.

One trial: the arm starts, is warmed up by the load, the fault comes, stays, is healed, and what happens then
is watched too. Arm and load are new in every trial, the pods are the same and healthy in between.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import figures, load, openloop, processes
from loadtest.bench import arms, careful, configs, faults, pods, progress, results, stage, windows
from sidecar import clock

AROUND_S = 2.0
"""Starting and ending an arm and the generator."""
PATIENCE_S = careful.WITHIN_S + 1.0
"""What the client waits: longer than any proxy, so that it is the proxy that answers."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the part does."""

    arms: tuple[arms.Arm, ...]
    played: tuple[faults.Fault, ...] = faults.FAULTS
    repetitions: int = 1
    rate: float = 200.0
    delay_ms: float = 5.0
    warmup_s: float = 3.0
    fault_s: float = 7.0
    heal_s: float = 9.0

    def trial_s(self) -> float:
        """About how long one arm takes with one fault."""
        return self.warmup_s + self.fault_s + self.heal_s + AROUND_S

    def duration_s(self) -> float:
        """About how long it takes."""
        return len(self.arms) * len(self.played) * self.repetitions * self.trial_s() + 3


class Bench:
    """The part."""

    def __init__(self, settings: Settings, children: processes.Children, progress: progress.Progress) -> None:
        self.settings = settings
        self._children = children
        self._progress = progress
        self._stage = stage.Stage(children, "python", "/")

    def outcome(self) -> results.Tail:
        """Every fault, every arm, in rotated order."""
        settings = self.settings
        return results.Tail(
            titles={arm.name: arm.title for arm in settings.arms},
            faults={fault.name: fault.title for fault in settings.played},
            rounds=settings.repetitions,
            rate=settings.rate,
            delay_ms=settings.delay_ms,
            fault_s=settings.fault_s,
            heal_s=settings.heal_s,
            trials=self._trials(),
        )

    def _trials(self) -> list[results.Trial]:
        most = max(fault.pods for fault in self.settings.played)
        done: list[results.Trial] = []
        with pods.standing(
            self._children,
            self._stage.net,
            most,
            delay_ms=self.settings.delay_ms,
            core=self._stage.load_core,
        ) as standing:
            for number in range(self.settings.repetitions):
                for turn, fault in enumerate(self.settings.played):
                    for arm in figures.rotated(self.settings.arms, number + turn):
                        done.append(self._trial(arm, fault, number, standing[: fault.pods]))
                        self._progress.done(self.settings.trial_s(), _line(done[-1]))
        return done

    def _trial(
        self, arm: arms.Arm, fault: faults.Fault, number: int, behind: Sequence[pods.Pod]
    ) -> results.Trial:
        bad = behind[: fault.bad]
        with self._stage.standing(arm, tuple(pod.address for pod in behind)) as standing:
            running = load.start(self._children, self._plan(standing.target), core=self._stage.load_core)
            try:
                _sleep_until(clock.now() + self.settings.warmup_s)
                span, bad_share = self._play(fault, behind, bad)
                samples = running.finish(now=True)
            finally:
                for pod in bad:
                    pod.heal()
        return summarise(arm.name, fault, number, samples, span, bad_share, [pod.name for pod in bad])

    def _play(
        self, fault: faults.Fault, behind: Sequence[pods.Pod], bad: Sequence[pods.Pod]
    ) -> tuple[windows.Span, float]:
        """Break, wait, heal, wait; the instants, and the part of all requests that the bad ones received."""
        before = _received(behind)
        fault_s = clock.now()
        healed_s = _break(fault, bad)
        _sleep_until(fault_s + fault.grace_s)
        before = _received(behind) if fault.grace_s else before
        over_s = fault_s + self.settings.fault_s
        _sleep_until(over_s)
        after = _received(behind)
        for pod in bad:
            pod.heal()
        span = windows.Span(
            fault_s,
            counted_s=fault_s + fault.grace_s,
            counted_to_s=over_s,
            healed_s=healed_s or over_s,
            end_s=over_s + self.settings.heal_s,
        )
        _sleep_until(span.end_s)
        return span, windows.received_share(before, after, [pod.name for pod in bad])

    def _plan(self, target: str) -> openloop.Plan:
        longest_s = 2 * self.settings.trial_s() + 10
        return openloop.Plan(
            target, configs.AUTHORITY, "/", self.settings.rate, longest_s, timeout_s=PATIENCE_S
        )


def _break(fault: faults.Fault, bad: Sequence[pods.Pod]) -> float | None:
    """Do it; when that heals itself, return when it has."""
    for pod in bad:
        if fault.ailment is None:
            pod.restart()
        else:
            pod.fall_ill(fault.ailment)
    return clock.now() if fault.ailment is None else None


def summarise(
    arm: str,
    fault: faults.Fault,
    number: int,
    samples: Sequence[load.Sample],
    span: windows.Span,
    bad_share: float,
    bad: Sequence[str],
) -> results.Trial:
    """One trial's figures."""
    counted = windows.within(samples, span.counted_s, span.counted_to_s)
    return results.Trial(
        arm=arm,
        fault=fault.name,
        number=number,
        requests=len(counted),
        p50_ms=windows.percentile(counted, 50),
        p99_ms=windows.percentile(counted, 99),
        p999_ms=windows.percentile(counted, 99.9),
        failed_share=windows.failed_share(counted),
        first_failed_share=windows.failed_share(windows.within(samples, span.fault_s, span.fault_s + 1)),
        bad_share=bad_share,
        back_s=windows.back_s(samples, span, bad),
        moments=windows.moments(samples, span, bad),
    )


def _received(behind: Sequence[pods.Pod]) -> dict[str, int]:
    return {pod.name: pod.received() for pod in behind}


def _sleep_until(instant_s: float) -> None:
    time.sleep(max(0.0, instant_s - clock.now()))


def _line(done: results.Trial) -> str:
    back = f"back after {done.back_s:.1f} s" if done.back_s is not None else "not back"
    return (
        f"{done.fault}: {done.arm:12} p99 {done.p99_ms:6.0f} p99.9 {done.p999_ms:6.0f} ms  failed"
        f" {done.failed_share:6.2%}  bad pod's share {done.bad_share:6.2%}  {back}"
    )
