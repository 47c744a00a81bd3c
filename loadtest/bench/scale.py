"""More of everything: what a request costs with more endpoints, services, connections. wrk saturates.

One thing is changed at a time; the others stay at what the cost part has. An arm is started anew for every
point, and its points follow each other at once, so that the ratio of two is one moment's. Latency would be the
queue's, so what is reported is CPU per request, throughput and memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loadtest import figures, processes
from loadtest.bench import arms, configs, progress, results, saturation, stage, wrk

ENDPOINTS, CONNECTIONS = 3, 16
AROUND_S = 1.0
AXES = {
    "endpoints": "endpoints of the one service",
    "services": "services, each asked in turn by Host",
    "connections": "connections of wrk",
}
FULL: Mapping[str, tuple[int, ...]] = {
    "endpoints": (3, 200),
    "services": (10, 50, 100, 200),
    "connections": (1, 128, 2000),
}
QUICK: Mapping[str, tuple[int, ...]] = {"endpoints": (3, 200), "services": (200,), "connections": (2000,)}
NAMES = ("equilibrium", "envoy", "haproxy")
"""Those whose configuration knows several services."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the part does; wrk counts in whole seconds."""

    arms: tuple[arms.Arm, ...]
    repetitions: int = 3
    seconds: float = 1.0
    warmup_s: float = 1.0
    values: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: FULL)

    def point_s(self) -> float:
        """About how long one point takes."""
        return self.seconds + self.warmup_s + AROUND_S

    def duration_s(self) -> float:
        """About how long it takes."""
        points = sum(len(values) for values in self.values.values())
        return len(self.arms) * self.repetitions * points * self.point_s() + 2


@dataclass(frozen=True, slots=True)
class Setup:
    """One point: the axis it lies on, and how much there is of everything."""

    axis: str
    value: int

    def of(self, axis: str, otherwise: int) -> int:
        """How much of this."""
        return self.value if axis == self.axis else otherwise


class Bench:
    """The part."""

    def __init__(self, settings: Settings, children: processes.Children, progress: progress.Progress) -> None:
        self.settings = settings
        self._progress = progress
        self._stage = stage.Stage(children, "nginx", "/")
        self._directory = children.directory

    def outcome(self) -> results.Scale:
        """Every value of every axis."""
        settings = self.settings
        return results.Scale(
            titles={arm.name: arm.title for arm in settings.arms},
            axes={axis: AXES[axis] for axis in settings.values},
            rounds=settings.repetitions,
            seconds=settings.seconds,
            connections=CONNECTIONS,
            points=list(self._points()),
        )

    def _points(self) -> Iterator[results.Point]:
        axes = self.settings.values
        most = max((ENDPOINTS, *axes.get("endpoints", ())))
        with self._stage.upstreams(most) as endpoints:
            for number in range(self.settings.repetitions):
                for turn, (axis, values) in enumerate(axes.items()):
                    for arm in figures.rotated(self.settings.arms, number + turn):
                        for setup in [Setup(axis, value) for value in values]:
                            behind = endpoints[: setup.of("endpoints", ENDPOINTS)]
                            point = self._point(arm, setup, number, behind)
                            self._progress.done(self.settings.point_s(), _line(point))
                            yield point

    def _point(self, arm: arms.Arm, setup: Setup, number: int, endpoints: tuple[str, ...]) -> results.Point:
        script = self._script(setup)
        with self._stage.standing(arm, endpoints, services=setup.of("services", 1)) as standing:
            self._burst(standing, setup, script, self.settings.warmup_s)
            done = saturation.measure(
                standing,
                self._stage.proxy_core,
                lambda: self._burst(standing, setup, script, self.settings.seconds),
            )
        return results.Point(
            arm=arm.name,
            axis=setup.axis,
            value=setup.value,
            number=number,
            requests_per_s=done.requests_per_s,
            cpu_us=done.cpu_us or 0.0,
            rss_mib=done.rss_mib or 0.0,
            failed=done.failed,
        )

    def _script(self, setup: Setup) -> Path:
        names = configs.hosts(setup.of("services", 1))
        file = self._directory / "scale.lua"
        file.write_text(wrk.script([f"{name}:{configs.PORT}" for name in names] if len(names) > 1 else ()))
        return file

    def _burst(self, standing: stage.Standing, setup: Setup, script: Path, seconds: float) -> wrk.Burst:
        return wrk.burst(
            standing.target,
            "/",
            connections=setup.of("connections", CONNECTIONS),
            seconds=seconds,
            core=self._stage.load_core,
            script=script,
        )


def _line(point: results.Point) -> str:
    return (
        f"{point.axis} {point.value}: {point.arm:12} {point.cpu_us:5.1f} µs CPU"
        f" {point.requests_per_s:7,.0f}/s {point.rss_mib:.0f} MiB"
    )
