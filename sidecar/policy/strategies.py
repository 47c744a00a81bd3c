"""What a strategy sets: one table, `STRATEGIES`, of which docs/routing.md is the readable form."""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """Every knob of the routing game. The defaults are the `balanced` strategy."""

    strategy: str = "balanced"
    learner: str = "predictive"
    """predictive, external, conditional (game/regret.py); none: round robin."""
    observe: bool = False
    """Decide and record, but route round robin."""

    memory: float = 0.98
    """ρ: how much regret survives 50 ms."""
    dead_zone: float = 0.02
    """Losses this close to the mean are no reason to move."""
    trust: float = 1.0
    """κ: weight of what is seen now against remembered regret. Down for shared or stale signals."""
    slack: float = 0.05
    """Endpoints this close to the mean loss are all drawn: who is luckiest must not take everything."""
    luck: float = 2.0
    """Endpoints less than this many times as slow as the fastest count as equally fast."""
    draws: int = 3
    """Endpoints drawn from the mix, of which the cheapest is taken. One for stale signals."""
    max_share: float = 0.8
    """Of one endpoint over 1 s, while another admitted one costs at most twice as much."""

    slow_memory_s: float = 2.0
    """Time constant by which a slow endpoint is forgiven as it answers faster."""
    most_slowdown: float = 32.0
    """Worse than this is not worse: it would only take longer to forgive."""
    error_memory_s: float = 10.0
    error_price_s: float = 5.0
    """A failure costs as much as waiting this long."""
    congestion_weight: float = 0.0
    """w: how much reported congestion counts; 0 until it is shown to gain."""

    probe_slow_s: float = 5.0
    probe_slow_most_s: float = 5.0
    """A slow endpoint is tried again this often."""
    probe_hopeful_s: float = 0.75
    """One that has just answered well, until it is trusted."""
    probe_failing_s: float = 4.0
    probe_failing_most_s: float = 60.0
    probe_share: float = 0.003
    """Of all requests, for probes that cannot be hedged."""
    hedged_probe_share: float = 0.02
    """And for those that can: nobody waits for them, but a sparse caller must not mostly probe."""
    warmup_s: float = 10.0
    """A newcomer takes its share over this time, a tenth of it at once."""

    eject_at: float = 0.9
    """Posterior of failing."""
    most_ejected: float = 0.5
    readmit_after: int = 2
    """Good answers in a row."""

    hedging: bool = False
    """Send a second copy of a replayable request at its route's p95. Off: extra load needs consent."""
    hedge_samples: int = 20
    """Responses of a route before its p95 is believed."""
    advice_tolerance: float = 0.05
    """ε: advice is obeyed while it costs at most so much more than our own mix, relative to the mean cost."""
    advice_veto: float = 4.0
    """A recommended endpoint that takes more than this many times as long as the quickest is not taken."""
    aperture_above: int = 50
    aperture: int = 20
    """Of more endpoints than the one, the other many are played, chosen once."""


_BALANCED: Final = RouterConfig()

STRATEGIES: Final = {
    "balanced": _BALANCED,
    "aggressive-learning": replace(
        _BALANCED,
        strategy="aggressive-learning",
        memory=0.95,
        draws=5,
        slow_memory_s=1.0,
        error_memory_s=5.0,
        probe_slow_s=1.5,
        probe_slow_most_s=3.0,
        probe_hopeful_s=0.4,
        probe_failing_s=2.5,
        probe_failing_most_s=30.0,
        probe_share=0.01,
        warmup_s=5.0,
    ),
    "conservative": replace(
        _BALANCED,
        strategy="conservative",
        memory=0.99,
        dead_zone=0.04,
        max_share=0.6,
        slow_memory_s=4.0,
        error_memory_s=20.0,
        probe_share=0.002,
        warmup_s=20.0,
    ),
    "none": replace(_BALANCED, strategy="none", learner="none"),
}
