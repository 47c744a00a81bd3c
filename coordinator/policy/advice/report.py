"""What a sidecar says of itself: its services, their endpoints as it sees them, whom it trusts, what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coordinator.policy.advice import endpoints as packing
from coordinator.policy.advice.endpoints import EndpointReport, Endpoints
from coordinator.policy.advice.reading import Reader

__all__ = ["EndpointReport", "Report", "ReportedEvent", "Reputation", "ServiceReport", "read"]

MOST_SERVICES = 128
MOST_ENDPOINTS = 512
"""Of one service."""
MOST_IN_ALL = 4096
"""Endpoints of one report."""
MOST_REPUTATIONS = 256
MOST_EVENTS = 64
FASTEST_PER_S = 100_000.0
"""No sidecar has more requests, nor is anything that is counted in requests or seconds larger."""
LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """`service`: HOST.NAMESPACE:PORT in the feed's spelling."""

    service: str
    rate_per_s: float = 0.0
    gap: float | None = None
    nash: float | None = None
    lyapunov: float | None = None
    potential: float | None = None
    p99_s: float | None = None
    obeys: bool | None = None
    conditional_regret: float | None = None
    endpoints: Sequence[EndpointReport] = ()
    """Packed where they were read: each look at one makes it anew."""

    @property
    def words(self) -> tuple[packing.Words, ...]:
        """Address, name and health of each."""
        return packing.words(self.endpoints)

    @property
    def sent_per_s(self) -> float:
        """The sum of its endpoints' rates."""
        return packing.sent_per_s(self.endpoints)

    def unpacked(self) -> "ServiceReport":
        """The same, for who looks at its endpoints again and again."""
        return replace(self, endpoints=tuple(self.endpoints))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reputation:
    """How the reporting sidecar sees a caller; `score` in [0, 1]."""

    caller: str
    score: float
    punished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEvent:
    """`at`: wall-clock seconds."""

    kind: str
    at: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One question of `POST /v1/advice`. `since` is empty where the sidecar has no answer yet."""

    namespace: str
    workload: str
    pod: str
    node: str = ""
    zone: str = ""
    since: str = ""
    wait_s: float = 0.0
    services: tuple[ServiceReport, ...] = ()
    reputations: tuple[Reputation, ...] = ()
    events: tuple[ReportedEvent, ...] = ()

    @property
    def sidecar(self) -> str:
        """Who it is, for everybody: namespace/pod."""
        return f"{self.namespace}/{self.pod}"

    @property
    def size(self) -> int:
        """Endpoints in it."""
        return sum(len(service.endpoints) for service in self.services)


def read(plain: object) -> Report:
    """Of what JSON made of a question. Raises ValueError naming every mistake (the first 20 in full).

    Fields nobody knows are ignored: a newer sidecar may say more.
    """
    reader = Reader(plain, "")
    if (count := _endpoints_in(plain)) > MOST_IN_ALL:  # before each is looked at: a body has room for 300,000
        reader.flaw("services", f"{count} endpoints in all", f"at most {MOST_IN_ALL}")
        reader.raise_flaws()
    report = Report(
        namespace=reader.label("namespace", needed=True),
        workload=reader.workload("workload"),
        pod=reader.label("pod", needed=True),
        node=reader.label("node"),
        zone=reader.label("zone"),
        since=reader.text("since", 256),
        wait_s=reader.number("wait_s", 0.0, LONGEST_S) or 0.0,
        services=tuple(_service(each) for each in reader.parts("services", MOST_SERVICES)),
        reputations=tuple(_reputation(each) for each in reader.parts("reputations", MOST_REPUTATIONS)),
        events=tuple(_event(each) for each in reader.parts("events", MOST_EVENTS)),
    )
    home = report.workload.partition("/")[0]
    if home and report.namespace and home != report.namespace:
        reader.flaw("namespace", f"{report.namespace!r} is not the workload's", home)
    reader.once("services", [each.service for each in report.services])
    reader.raise_flaws()
    return report


def _endpoints_in(plain: object) -> int:
    services = plain.get("services") if isinstance(plain, dict) else None
    lists = (
        each.get("endpoints")
        for each in (services if isinstance(services, list) else ())
        if isinstance(each, dict)
    )
    return sum(len(endpoints) for endpoints in lists if isinstance(endpoints, list))


def _service(reader: Reader) -> ServiceReport:
    endpoints = [_endpoint(each) for each in reader.parts("endpoints", MOST_ENDPOINTS)]
    reader.once("endpoints", [each.address for each in endpoints])
    return ServiceReport(
        service=reader.service("service"),
        rate_per_s=reader.number("rate_per_s", 0.0, FASTEST_PER_S) or 0.0,
        gap=reader.number("gap", -1e9, 1e9),
        nash=reader.number("nash", 0.0, 1.0),
        lyapunov=reader.number("lyapunov", 0.0, 1e9),
        potential=reader.number("potential", -1e9, 1e9),
        p99_s=reader.number("p99_s", 0.0, LONGEST_S),
        obeys=reader.flag("obeys"),
        conditional_regret=reader.number("conditional_regret", -1e9, 1e9),
        endpoints=Endpoints(endpoints),
    )


def _endpoint(reader: Reader) -> EndpointReport:
    return EndpointReport(
        address=reader.address("address"),
        name=reader.label("name"),
        rate_per_s=reader.number("rate_per_s", 0.0, FASTEST_PER_S) or 0.0,
        latency_s=reader.number("latency_s", 0.0, LONGEST_S),
        load=reader.number("load", 0.0, FASTEST_PER_S),
        share=reader.number("share", 0.0, 1.0),
        mix=reader.number("mix", 0.0, 1.0),
        regret=reader.number("regret", -1e9, 1e9),
        cost_s=reader.number("cost_s", 0.0, LONGEST_S),
        health=reader.label("health"),
    )


def _reputation(reader: Reader) -> Reputation:
    return Reputation(
        caller=reader.label("caller", needed=True),
        score=reader.number("score", 0.0, 1.0, needed=True) or 0.0,
        punished=reader.flag("punished") or False,
    )


def _event(reader: Reader) -> ReportedEvent:
    return ReportedEvent(
        kind=reader.label("kind", needed=True),
        at=reader.number("at", 0.0, 1e12, needed=True) or 0.0,
        detail=reader.text("detail", 500),
    )
