"""What one cycle saw, decided and did: filled from phase to phase, shown at /state, in the table and in metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from coordinator.kube.inventory import Found
from coordinator.policy.grant import Consent, Grant, Held
from coordinator.policy.observation import Observation
from coordinator.policy.outcome import Outcome
from coordinator.policy.plan import Plan
from coordinator.policy.subject import Subject
from coordinator.telemetry.fetch import Silence


@dataclass(slots=True, kw_only=True)
class Cycle:
    """One turn of the loop."""

    number: int
    wall_s: float
    """When it began."""
    leading: bool
    dry_run: bool = False
    found: Found | None = None
    market: tuple[Subject, ...] = ()
    """Those of `found` nobody else owns."""
    stood_down: list[Held] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    """Reasons of pods that begin to be left to somebody else; `resumed` of those that end."""
    memory_owned: set[str] = field(default_factory=set)
    """Uids of pods whose memory somebody else sets."""
    silences: list[Silence] = field(default_factory=list)
    """Of sidecars that did not say what their pod wants."""
    observations: Mapping[str, Observation] = field(default_factory=dict)
    """By uid."""
    plan: Plan | None = None
    idle: str = ""
    """Why nothing is done in this cycle; empty: something may be."""
    consents: list[tuple[Grant, Consent]] = field(default_factory=list)
    outcomes: list[tuple[Grant, Outcome]] = field(default_factory=list)
    """Of what was sent, reverts included, in the order it was sent."""
    judged: list[tuple[Grant, Outcome]] = field(default_factory=list)
    """Of earlier cycles, by what kubelets said meanwhile."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By phase and step."""
    failures: list[str] = field(default_factory=list)
    """What went wrong with single pods, and defects."""
