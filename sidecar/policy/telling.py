"""A router's mind, told: plain values for `/state` and metrics; `explanation` says it in words.

Every decision explains itself: which endpoint, why, what the others would have cost, how good predictions were.
"""

from typing import TYPE_CHECKING, Final

from sidecar.game import lyapunov, nash, potential
from sidecar.policy.ledger import SETTLED_PER_S, WINDOW
from sidecar.policy.standing import ADMITTED, Standing
from sidecar.policy.ticket import Ticket

if TYPE_CHECKING:
    from sidecar.policy.router import Router

LEAST_FORECASTS: Final = 20.0
"""Requests of an endpoint before its predictions are judged."""


class Decision:
    """One pick, and what every endpoint would have cost then (seconds; empty for probes)."""

    __slots__ = ("costs", "standings", "ticket")

    def __init__(self, ticket: Ticket, standings: list[Standing], costs: list[float]) -> None:
        self.ticket = ticket
        self.standings = standings
        self.costs = costs


def snapshot(router: "Router", now: float) -> dict[str, object]:
    """Everything, by endpoint address unless it says otherwise. Times in seconds."""
    told = _counts(router) | {"advice": advice(router, now)}
    if router.config.learner == "none":
        share = 1.0 / max(1, len(router.roster.playing))
        return told | {"mix": {s.address: share for s in router.roster.playing}, "gap": None, "nash": None}
    return told | _learned(router) | _equilibrium(router) | _seen(router)


def _counts(router: "Router") -> dict[str, object]:
    standings = router.roster.everyone.values()
    health = router.health
    return {
        "strategy": router.config.strategy,
        "mode": "observe" if router.config.observe else "active",
        "health": {s.address: s.health for s in standings},
        "in_flight": {s.address: s.in_flight for s in standings},
        "settled": {
            s.address: {"succeeded": s.succeeded, "failed": s.failed, "abandoned": s.abandoned}
            for s in standings
        },
        "reasons": dict(router.reasons),
        "events": {"ejected": health.ejected, "readmitted": health.readmitted, "panic": health.panics},
        "last_picks": [
            {
                "endpoint": d.ticket.endpoint,
                "reason": d.ticket.reason,
                "route": d.ticket.route,
                "predicted_s": d.ticket.predicted_s,
                "would_have_cost_s": {s.address: c for s, c in zip(d.standings, d.costs)},  # noqa: B905
            }
            for d in router.recent
        ],
    }


def _learned(router: "Router") -> dict[str, object]:
    playing = router.roster.playing
    regrets = router.learner.regrets()
    mix = router.mix
    return {
        "mix": {s.address: mix[s.place] for s in playing},
        "regrets": {s.address: regrets[s.place] for s in playing},
        "costs": {s.address: s.cost_s for s in playing},
        "slowdown": {s.address: s.slowdown for s in playing},
        "types": {
            s.address: {"healthy": p[0], "degraded": p[1], "failing": p[2]}
            for s, p in [(s, s.types.probability) for s in playing]
        },
        "would": {s.address: s.would for s in playing},
        "prediction_error": prediction_errors(playing),
    }


def _equilibrium(router: "Router") -> dict[str, object]:
    playing, ledger = router.roster.playing, router.ledger
    gap = ledger.gap([s.address for s in playing if s.health == ADMITTED])
    rate = ledger.rate_per_s()
    shares = ledger.shares(WINDOW) or []
    return {
        "shares": {s.address: share for s, share in zip(playing, shares)},  # noqa: B905
        "gap": gap,
        "nash": None if gap is None else int(gap <= nash.TOLERANCE),
        "lyapunov": lyapunov.distance(router.learner.regrets()),
        "potential": potential_of(playing),
        "convergence": {
            "rate_per_s": rate,
            "converged": None if rate is None else rate < SETTLED_PER_S,
            "last_s": ledger.last_settled_s if ledger.last_settled_s >= 0.0 else None,
        },
    }


def advice(router: "Router", now: float) -> dict[str, object] | None:
    """What the coordinator recommends and what becomes of it; None: it never has."""
    advised = router.advice
    if advised is None:
        return None
    plain = router.config.learner == "none"
    column = advised.column
    return {
        "epoch": column.epoch if column is not None else None,
        "slot": advised.slot if advised.action else None,
        "action": dict(advised.action),
        "obeys": advised.obeys and not plain,
        "why": "strategy none: endpoints take turns" if plain else advised.why,
        "conditional_regret": advised.trial.regret(),
        "regret": advised.everything.regret(),
        "followed": advised.followed,
        "ignored": sum(advised.ignored.values()),
        "ignored_because": dict(advised.ignored),
        "expires_in_s": max(0.0, column.expires_at - now) if column is not None else 0.0,
    }


def _seen(router: "Router") -> dict[str, object]:
    return {
        "routes": {
            route: {"median_s": sketch.median_s, "p95_s": sketch.p95_s, "samples": sketch.samples}
            for route, sketch in router.baselines.sketches.items()
        }
    }


def prediction_errors(standings: list[Standing]) -> dict[str, float | None]:
    """|predicted − observed| / observed over about 10 s, after one factor for all endpoints together."""
    known = [s.forecast for s in standings if s.forecast.weight >= LEAST_FORECASTS]
    predicted = sum([f.predicted_s for f in known])
    observed = sum([f.observed_s for f in known])
    if predicted <= 0.0 or observed <= 0.0:
        return {s.address: None for s in standings}
    factor = observed / predicted
    return {
        s.address: abs(factor * s.forecast.predicted_s - s.forecast.observed_s)
        / max(s.forecast.observed_s, 1e-9)
        if s.forecast.weight >= LEAST_FORECASTS
        else None
        for s in standings
    }


def potential_of(standings: list[Standing]) -> float | None:
    """Beckmann's, from the latency curves measured here; None until every endpoint in use has one."""
    curves, loads = [], []
    for standing in standings:
        curve = potential.fit(standing.curve)
        if curve is not None:
            curves.append(curve)
            loads.append(standing.load)
    return potential.beckmann(curves, loads) if curves else None
