"""What was measured, one value per kind of load; what the tables and the JSON are made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Saturated:
    """wrk as fast as it goes. CPU and memory are the proxy's, None without one."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    requests_per_cpu_s: float | None
    cpu_us: float | None
    core_used: float | None
    core_stolen: float | None
    rss_mib: float | None


@dataclass(frozen=True, slots=True)
class Steady:
    """Open loop at a fixed rate; milliseconds from the instant each request was due."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    failed: int
    cpu_us: float | None
    generator_late_p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Repetition:
    """Everything one arm showed in one repetition."""

    arm: str
    number: int
    saturated: Saturated
    steady: Steady


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident MiB with many endpoints known: just started, and after the requests."""

    arm: str
    started_mib: float
    after_mib: float
    failed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run, with what is needed to judge it."""

    titles: dict[str, str]
    """Arm → what tables call it."""
    rounds: int
    seconds: float
    rate: float
    path: str
    endpoints: int
    connections: int
    upstream: str
    pinning: str
    memory_requests: int
    memory_endpoints: int
    repetitions: list[Repetition]
    memory: list[Memory]
    features: dict[str, float]
    """Step of our data path → CPU microseconds per request."""
    machine: dict[str, str]
    skipped: dict[str, str]
    """Arm → why it is not here."""

    def of(self, arm: str) -> list[Repetition]:
        """An arm's repetitions in order."""
        return sorted((each for each in self.repetitions if each.arm == arm), key=lambda each: each.number)

    def failed(self) -> dict[str, int]:
        """Arm → requests that were not answered 200, over all loads."""
        counts = dict.fromkeys(self.titles, 0)
        for each in self.repetitions:
            counts[each.arm] += each.saturated.failed + each.steady.failed
        for held in self.memory:
            counts[held.arm] += held.failed
        return counts
