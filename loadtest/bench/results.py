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
    """One section about cost: the same arms under the same loads, with what is needed to judge it."""

    titles: dict[str, str]
    """Arm → what tables call it."""
    rounds: int
    seconds: float
    rate: float
    path: str
    one_shot: bool
    """A connection per request, or connections that are kept."""
    endpoints: int
    connections: int
    upstream: str
    memory_requests: int
    memory_endpoints: int
    repetitions: list[Repetition]
    memory: list[Memory]

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


@dataclass(frozen=True, slots=True)
class Moment:
    """A slice of one trial; `at_s` is its beginning, 0 when the fault came."""

    at_s: float
    p99_ms: float | None
    failed_share: float
    bad_share: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One arm, one fault, once. Latencies are of all requests, however they ended."""

    arm: str
    fault: str
    number: int
    requests: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    failed_share: float
    first_failed_share: float
    """Of the requests due in the first second of the fault, which the other figures leave out."""
    bad_share: float
    """Of all requests the pods received, retries and hedges included."""
    back_s: float | None
    """From healing until every healed pod has a share again; None: not while it was watched."""
    moments: list[Moment]


@dataclass(frozen=True, slots=True)
class Tail:
    """The part about pods that go bad."""

    titles: dict[str, str]
    faults: dict[str, str]
    """Fault → what tables call it."""
    rounds: int
    rate: float
    delay_ms: float
    fault_s: float
    heal_s: float
    trials: list[Trial]


@dataclass(frozen=True, slots=True)
class Point:
    """One arm, saturated, with one thing set to one value."""

    arm: str
    axis: str
    value: int
    number: int
    requests_per_s: float
    cpu_us: float
    rss_mib: float
    failed: int


@dataclass(frozen=True, slots=True)
class Scale:
    """The part about more of everything."""

    titles: dict[str, str]
    axes: dict[str, str]
    """Axis → what tables call it."""
    rounds: int
    seconds: float
    connections: int
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Run:
    """Everything a run measured. A part that was not asked for is None, or empty."""

    pinning: str
    machine: dict[str, str]
    skipped: dict[str, str]
    """Arm → why it is not here."""
    broken: dict[str, str]
    """Part → why it broke off; what it had measured is lost."""
    took_s: float
    cost: Outcome | None
    bodies: list[Outcome]
    features: dict[str, float]
    """Step of our data path → CPU microseconds per request."""
    tail: Tail | None
    scale: Scale | None

    def measured(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.cost or self.bodies or self.tail or self.scale)

    def failed(self) -> dict[str, int]:
        """Arm → requests that failed although nothing was broken: the tail's do not count."""
        counts: dict[str, int] = {}
        for outcome in (*([self.cost] if self.cost else []), *self.bodies):
            for arm, count in outcome.failed().items():
                counts[arm] = counts.get(arm, 0) + count
        for point in self.scale.points if self.scale else []:
            counts[point.arm] = counts.get(point.arm, 0) + point.failed
        return counts
