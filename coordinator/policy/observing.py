"""What is believed of a pod, from all who said something: its sidecar, then Prometheus, then the default. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from coordinator.policy.answers import Demand
from coordinator.policy.observation import DEFAULT_DEMAND, Observation, Source
from coordinator.policy.signals import Key
from coordinator.policy.subject import Subject

Signals = Mapping[str, Mapping[Key, float]]


@dataclass(slots=True)
class Scraped:
    """What Prometheus said, by signal; `at`: when the oldest of it was measured. `why`: what is missing of it."""

    values: Signals = field(default_factory=dict)
    at: float = 0.0
    why: str = ""


class Observer:
    """Joins the answers of one cycle."""

    def __init__(self, subjects: Iterable[Subject], scraped: Scraped | None, now: float) -> None:
        self._scraped = scraped
        self._now = now
        self._namesakes = Counter(subject.name for subject in subjects)

    def observe(self, subject: Subject, said: Demand | str | None) -> Observation:
        """`said`: by its sidecar; a text says why there is no answer, None that there is no sidecar."""
        usage_m = self._signal("usage_m", subject)
        usage_bytes = self._signal("usage_bytes", subject)
        throttled = self._signal("throttled", subject)
        demand, source, reason = self._demand(subject, said, usage_m, throttled)
        if isinstance(said, Demand) and usage_bytes is None:
            usage_bytes = said.usage_bytes
        if isinstance(said, Demand) and said.throttled is not None and throttled is None:
            throttled = said.throttled
        return Observation(
            demand=demand,
            source=source,
            at=self._scraped.at if source == "prometheus" and self._scraped is not None else self._now,
            usage_m=usage_m,
            usage_bytes=None if usage_bytes is None else int(usage_bytes),
            throttled=throttled,
            latency_s=self._latency_s(subject),
            rate=self._signal("rate", subject),
            failing=self._signal("failing", subject),
            reason=reason,
        )

    def _demand(
        self, subject: Subject, said: Demand | str | None, usage_m: float | None, throttled: float | None
    ) -> tuple[float, Source, str]:
        if isinstance(said, Demand):
            unseen = (throttled or 0.0) > (said.throttled or 0.0)
            reason = "with throttling as Prometheus has it" if unseen else ""
            return (with_throttling(said, throttled or 0.0) if unseen else said.demand), "sidecar", reason
        why = said or "it has no sidecar"
        scraped = self._signal("demand", subject)
        if scraped is not None:
            return scraped, "prometheus", f"{why}; its last word to Prometheus"
        if usage_m is not None and subject.cpu_m > 0:
            return (
                saturation(usage_m, subject.cpu_m, throttled),
                "prometheus",
                f"{why}; from use and throttling",
            )
        missing = (
            "no Prometheus is set"
            if self._scraped is None
            else self._scraped.why or "no series in Prometheus"
        )
        return DEFAULT_DEMAND, "default", f"{why}; {missing}"

    def _signal(self, name: str, subject: Subject) -> float | None:
        """Of its container, or of the pod as a whole."""
        if self._scraped is None:
            return None
        values = self._scraped.values.get(name) or {}
        found = values.get((subject.namespace, subject.name, subject.container))
        return values.get((subject.namespace, subject.name, "")) if found is None else found

    def _latency_s(self, subject: Subject) -> float | None:
        """Callers know a pod by its name, which two namespaces may have, or by its address with the app's port."""
        if self._scraped is None:
            return None
        values = self._scraped.values.get("latency_s") or {}
        named = values.get(("", subject.name, ""))
        if named is not None and self._namesakes[subject.name] == 1:
            return named
        host = (subject.sidecar or "").rpartition(":")[0]
        found = [
            value for (_, action, _), value in values.items() if host and action.rpartition(":")[0] == host
        ]
        return max(found, default=None)


def with_throttling(said: Demand, throttled: float) -> float:
    """Demand as the sidecar would say it, had it seen how often the app is held back (docs/demand.md, the formula).

    A sidecar in a container of its own cannot see that, and says 0.
    """
    seen = said.throttled or 0.0
    return 1.0 if seen >= 1.0 else 1.0 - (1.0 - said.demand) * (1.0 - throttled) / (1.0 - seen)


def saturation(usage_m: float, cpu_m: int, throttled: float | None) -> float:
    """Demand where no queue is known: 1 − (1 − use) · (1 − throttling), use as a share of what the pod has.

    The formula of docs/demand.md, with use where the queue would stand: an idle pod wants nothing beyond its floor, one
    that uses or is refused all it has wants all it can get.
    """
    used = min(1.0, max(0.0, usage_m / cpu_m))
    return 1.0 - (1.0 - used) * (1.0 - (throttled or 0.0))
