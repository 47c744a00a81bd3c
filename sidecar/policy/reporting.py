"""What a sidecar tells the coordinator of one service (docs/feed.md): who it asks how much, and how that goes. Pure.

Rates and shares are those of the last five seconds and leave probes out; latencies are means of about ten seconds,
to the first byte, as the caller sees them.
"""

from collections.abc import Mapping
from typing import Final

from sidecar.game import lyapunov, nash
from sidecar.policy import telling
from sidecar.policy.ledger import SLOT_S, WINDOW
from sidecar.policy.router import Router
from sidecar.policy.standing import ADMITTED, Standing

LEAST_ANSWERS: Final = 1.0
"""Of an endpoint's, faded over 10 s, before their mean is told."""


def report(service_name: str, router: Router, names: Mapping[str, str], now: float) -> dict[str, object]:
    """One service of a report: plain values, None for what is not known. `names`: what people call the endpoints."""
    router.tick(now)
    playing = router.roster.playing
    plays = [router.ledger.plays(standing.address, WINDOW, 1) for standing in playing]
    total = sum(plays)
    regrets = router.learner.regrets()
    gap = router.ledger.gap([s.address for s in playing if s.health == ADMITTED])
    advice = router.advice
    told: dict[str, object] = {
        "service": service_name,
        "rate_per_s": total / (WINDOW * SLOT_S),
        "gap": gap,
        "nash": None if gap is None else int(gap <= nash.TOLERANCE),
        "lyapunov": lyapunov.distance(regrets),
        "potential": telling.potential_of(playing),
        "p99_s": router.baselines.tail_s(0.99) or None,
        "obeys": advice is not None and advice.obeys and bool(advice.action),
        "conditional_regret": advice.trial.regret() if advice is not None else 0.0,
    }
    endpoints = []
    for place, standing in enumerate(playing):
        endpoint = _endpoint(standing, names.get(standing.address, standing.address))
        endpoint["rate_per_s"] = plays[place] / (WINDOW * SLOT_S)
        endpoint["share"] = plays[place] / total if total else 0.0
        endpoint["mix"] = router.mix[place] if place < len(router.mix) else 0.0
        endpoint["regret"] = regrets[place] if place < len(regrets) else 0.0
        endpoints.append(endpoint)
    told["endpoints"] = endpoints
    return told


def _endpoint(standing: Standing, name: str) -> dict[str, object]:
    seen = standing.curve
    return {
        "address": standing.address,
        "name": name,
        "latency_s": seen.cost / seen.weight if seen.weight >= LEAST_ANSWERS else None,
        "load": standing.load,
        "cost_s": standing.cost_s,
        "health": standing.health,
    }
