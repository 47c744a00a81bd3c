"""The measurement: arms interleaved, each restarted for every repetition, warm-up thrown away.

The proxy has one core to itself, wrk (or the open-loop generator) and the upstreams share another. CPU is
what the kernel charges to the proxy's process tree while the load runs, so requests per CPU second do not
depend on the load core keeping up. They do depend on what neighbours do to caches and clock: hence ratios.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loadtest import figures, load, openloop, processes, procfs
from loadtest.bench import arms, configs, results, stage, wrk
from sidecar import clock

MEMORY_RATE = 3000.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run does; seconds are per arm, per repetition, per kind of load."""

    arms: tuple[arms.Arm, ...]
    repetitions: int = 5
    seconds: float = 5.0
    warmup_s: float = 1.0
    rate: float = 1000.0
    path: str = "/"
    connections: int = 16
    upstream: str = "nginx"
    endpoints: int = 3
    memory: bool = True
    memory_requests: int = 20_000
    memory_endpoints: int = 100

    def duration_s(self) -> float:
        """About how long it takes."""
        each = 2 * (self.seconds + self.warmup_s) + 1.5
        memory = len(self.arms) * (self.memory_requests / MEMORY_RATE + 1.5) if self.memory else 0.0
        return len(self.arms) * self.repetitions * each + memory + 3


class Bench:
    """One run. `say` gets a line per measurement."""

    def __init__(self, settings: Settings, children: processes.Children, say: Callable[[str], None]) -> None:
        self.settings = settings
        self._children = children
        self._say = say
        self._script = children.directory / "report.lua"
        self._script.write_text(wrk.SCRIPT)
        self._stage = stage.Stage(children, settings.upstream, settings.path)
        self.proxy_core, self.load_core = self._stage.proxy_core, self._stage.load_core

    def pinning(self) -> str:
        """Who ran where, for the reader of a table."""
        if self.proxy_core is None:
            return "One core for everything: nothing was pinned."
        return (
            f"Proxy alone on core {self.proxy_core}; wrk, generator and upstreams on core {self.load_core}."
        )

    def repetitions(self) -> list[results.Repetition]:
        """Every arm, every repetition, in rotated order."""
        done: list[results.Repetition] = []
        total = len(self.settings.arms) * self.settings.repetitions
        with self._stage.upstreams(self.settings.endpoints) as endpoints:
            for number in range(self.settings.repetitions):
                for arm in figures.rotated(self.settings.arms, number):
                    with self._stage.standing(arm, endpoints) as standing:
                        done.append(self._repetition(standing, number))
                    self._say(f"[{len(done):3}/{total}] {_line(done[-1])}")
        return done

    def memory(self) -> list[results.Memory]:
        """Every arm with a proxy, once: memory repeats to within a percent."""
        done: list[results.Memory] = []
        with self._stage.upstreams(self.settings.memory_endpoints, one_process=True) as endpoints:
            for arm in self.settings.arms:
                if arm.launch is None:
                    continue
                with self._stage.standing(arm, endpoints) as standing:
                    done.append(self._memory(standing))
                self._say(f"[memory] {arm.name:12} {done[-1].started_mib:.0f} → {done[-1].after_mib:.0f} MiB")
        return done

    def _repetition(self, standing: stage.Standing, number: int) -> results.Repetition:
        self._burst(standing, self.settings.warmup_s)
        saturated = self._saturated(standing)
        return results.Repetition(standing.arm.name, number, saturated, self._steady(standing))

    def _burst(self, standing: stage.Standing, seconds: float) -> wrk.Burst:
        return wrk.burst(
            standing.target,
            self.settings.path,
            connections=self.settings.connections,
            seconds=seconds,
            core=self.load_core,
            script=self._script,
        )

    def _saturated(self, standing: stage.Standing) -> results.Saturated:
        start_s, cpu_s, busy_s = clock.now(), standing.cpu_s(), self._core_busy_s()
        burst = self._burst(standing, self.settings.seconds)
        wall_s = clock.now() - start_s
        used_s = standing.cpu_s() - cpu_s
        others_s = self._core_busy_s() - busy_s - used_s
        proxied = standing.child is not None and used_s > 0
        return results.Saturated(
            requests_per_s=burst.requests_per_s,
            p50_ms=burst.p50_ms,
            p99_ms=burst.p99_ms,
            failed=burst.failed,
            requests_per_cpu_s=burst.requests / used_s if proxied else None,
            cpu_us=used_s / burst.requests * 1e6 if proxied and burst.requests else None,
            core_used=used_s / wall_s if proxied else None,
            core_stolen=max(0.0, others_s / wall_s) if proxied and self.proxy_core is not None else None,
            rss_mib=standing.rss_mib(),
        )

    def _core_busy_s(self) -> float:
        return procfs.core_busy_s(self.proxy_core) if self.proxy_core is not None else 0.0

    def _steady(self, standing: stage.Standing) -> results.Steady:
        plan = self._plan(standing, self.settings.rate, self.settings.seconds, self.settings.warmup_s)
        cpu_s = standing.cpu_s()
        generator = load.start(self._children, plan, core=self.load_core)
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
        samples = load.start(self._children, plan, core=self.load_core).finish()
        failed = sum(load.failures(samples).values())
        return results.Memory(standing.arm.name, started_mib, standing.rss_mib() or 0.0, failed)

    def _plan(self, standing: stage.Standing, rate: float, seconds: float, warmup_s: float) -> openloop.Plan:
        return openloop.Plan(
            standing.target, configs.AUTHORITY, self.settings.path, rate, seconds, warmup_s=warmup_s
        )


def _line(done: results.Repetition) -> str:
    saturated, steady = done.saturated, done.steady
    cpu = f"{saturated.cpu_us:5.1f} µs CPU" if saturated.cpu_us is not None else " " * 12
    return (
        f"{done.arm:12} {saturated.requests_per_s:7,.0f}/s {cpu}   open loop p50 {steady.p50_ms:.2f}"
        f" p99 {steady.p99_ms:.2f} p99.9 {steady.p999_ms:.2f} ms"
    )
