"""What a proxy costs: arms interleaved, each restarted for every repetition, warm-up thrown away.

The proxy has one core to itself, wrk (or the open-loop generator) and the upstreams share another. CPU is
what the kernel charges to the proxy's process tree while the load runs, so requests per CPU second do not
depend on the load core keeping up. They do depend on what neighbours do to caches and clock: hence ratios.
"""

from dataclasses import dataclass

from loadtest import figures, load, openloop, processes
from loadtest.bench import arms, configs, progress, results, saturation, stage, wrk

MEMORY_RATE = 3000.0
AROUND_S = 1.3
"""Starting and ending an arm."""
ONE_SHOT = "Connection: close"


@dataclass(frozen=True, slots=True)
class Settings:
    """What one section does; seconds are per arm, per repetition, per kind of load."""

    arms: tuple[arms.Arm, ...]
    repetitions: int = 5
    seconds: float = 3.0
    warmup_s: float = 1.0
    rate: float = 1000.0
    path: str = "/"
    one_shot: bool = False
    connections: int = 16
    upstream: str = "nginx"
    endpoints: int = 3
    memory: bool = True
    memory_requests: int = 20_000
    memory_endpoints: int = 100

    def repetition_s(self) -> float:
        """About how long one arm takes once: a burst to warm up, a burst, the open loop with its warm-up."""
        return 2 * (self.seconds + self.warmup_s) + AROUND_S

    def memory_s(self) -> float:
        """About how long one arm's memory takes."""
        return self.memory_requests / MEMORY_RATE + AROUND_S

    def duration_s(self) -> float:
        """About how long it takes."""
        proxies = sum(arm.launch is not None for arm in self.arms) if self.memory else 0
        return len(self.arms) * self.repetitions * self.repetition_s() + proxies * self.memory_s() + 2


class Bench:
    """One section."""

    def __init__(self, settings: Settings, children: processes.Children, progress: progress.Progress) -> None:
        self.settings = settings
        self._children = children
        self._progress = progress
        self._script = children.directory / "report.lua"
        self._script.write_text(wrk.script())
        self._stage = stage.Stage(children, settings.upstream, settings.path)

    def outcome(self) -> results.Outcome:
        """Measure everything."""
        settings = self.settings
        return results.Outcome(
            titles={arm.name: arm.title for arm in settings.arms},
            rounds=settings.repetitions,
            seconds=settings.seconds,
            rate=settings.rate,
            path=settings.path,
            one_shot=settings.one_shot,
            endpoints=settings.endpoints,
            connections=settings.connections,
            upstream=settings.upstream,
            memory_requests=settings.memory_requests,
            memory_endpoints=settings.memory_endpoints,
            repetitions=self._repetitions(),
            memory=self._memories() if settings.memory else [],
        )

    def _repetitions(self) -> list[results.Repetition]:
        """Every arm, every repetition, in rotated order."""
        done: list[results.Repetition] = []
        with self._stage.upstreams(self.settings.endpoints) as endpoints:
            for number in range(self.settings.repetitions):
                for arm in figures.rotated(self.settings.arms, number):
                    with self._stage.standing(arm, endpoints) as standing:
                        done.append(self._repetition(standing, number))
                    self._progress.done(self.settings.repetition_s(), self._line(done[-1]))
        return done

    def _memories(self) -> list[results.Memory]:
        """Every arm with a proxy, once: memory repeats to within a percent."""
        done: list[results.Memory] = []
        with self._stage.upstreams(self.settings.memory_endpoints, one_process=True) as endpoints:
            for arm in self.settings.arms:
                if arm.launch is None:
                    continue
                with self._stage.standing(arm, endpoints) as standing:
                    done.append(self._memory(standing))
                line = f"memory: {arm.name:12} {done[-1].started_mib:.0f} → {done[-1].after_mib:.0f} MiB"
                self._progress.done(self.settings.memory_s(), line)
        return done

    def _repetition(self, standing: stage.Standing, number: int) -> results.Repetition:
        self._burst(standing, self.settings.warmup_s)
        saturated = saturation.measure(
            standing, self._stage.proxy_core, lambda: self._burst(standing, self.settings.seconds)
        )
        return results.Repetition(standing.arm.name, number, saturated, self._steady(standing))

    def _burst(self, standing: stage.Standing, seconds: float) -> wrk.Burst:
        return wrk.burst(
            standing.target,
            self.settings.path,
            connections=self.settings.connections,
            seconds=seconds,
            core=self._stage.load_core,
            script=self._script,
            headers=self._headers(),
        )

    def _headers(self) -> tuple[str, ...]:
        return (ONE_SHOT,) if self.settings.one_shot else ()

    def _steady(self, standing: stage.Standing) -> results.Steady:
        plan = self._plan(standing, self.settings.rate, self.settings.seconds, self.settings.warmup_s)
        cpu_s = standing.cpu_s()
        generator = load.start(self._children, plan, core=self._stage.load_core)
        samples = generator.finish()
        sent = plan.rate * (plan.seconds + plan.warmup_s)
        latency = load.latency(samples)
        return results.Steady(
            p50_ms=latency.p50_ms,
            p99_ms=latency.p99_ms,
            p999_ms=latency.p999_ms,
            failed=sum(load.failures(samples).values()),
            cpu_us=(standing.cpu_s() - cpu_s) / sent * 1e6 if standing.child else None,
            generator_late_p99_ms=generator.late_p99_ms,
        )

    def _memory(self, standing: stage.Standing) -> results.Memory:
        started_mib = standing.rss_mib() or 0.0
        plan = self._plan(standing, MEMORY_RATE, self.settings.memory_requests / MEMORY_RATE, 0.0)
        samples = load.start(self._children, plan, core=self._stage.load_core).finish()
        failed = sum(load.failures(samples).values())
        return results.Memory(standing.arm.name, started_mib, standing.rss_mib() or 0.0, failed)

    def _plan(self, standing: stage.Standing, rate: float, seconds: float, warmup_s: float) -> openloop.Plan:
        return openloop.Plan(
            standing.target,
            configs.AUTHORITY,
            self.settings.path,
            rate,
            seconds,
            warmup_s=warmup_s,
            headers=self._headers(),
        )

    def _line(self, done: results.Repetition) -> str:
        saturated, steady = done.saturated, done.steady
        cpu = f"{saturated.cpu_us:5.1f} µs CPU" if saturated.cpu_us is not None else " " * 12
        what = f"{self.settings.path}{' one-shot' if self.settings.one_shot else ''}"
        return (
            f"{what}: {done.arm:12} {saturated.requests_per_s:7,.0f}/s {cpu}   open loop"
            f" p50 {steady.p50_ms:.2f} p99 {steady.p99_ms:.2f} p99.9 {steady.p999_ms:.2f} ms"
        )
