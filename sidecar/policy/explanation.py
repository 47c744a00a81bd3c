"""A router's mind in words, for `/explain`: who gets how much and why, and what the last requests would have cost
elsewhere."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sidecar.game import nash
from sidecar.policy.ledger import WINDOW
from sidecar.policy.standing import ADMITTED, Standing
from sidecar.policy.telling import prediction_errors

if TYPE_CHECKING:
    from sidecar.policy.router import Router

_WHY: Final = {
    "best-of-mix": "cheapest of a few drawn from the mix",
    "advice": "as the coordinator advised",
    "probe": "a probe: it had not been tried for a while",
    "panic": "panic: too few endpoints are healthy, so all are played",
    "observe": "in turn (observe mode)",
    "round-robin": "in turn",
}


def explain(router: "Router", names: Mapping[str, str], now: float) -> str:
    """`/explain`: `names` are what people call the endpoints."""
    lines = [_headline(router), ""]
    playing = router.roster.playing
    if router.config.learner == "none":
        return "\n".join([*lines, "Endpoints take turns; nothing is learned."])
    errors = prediction_errors(playing)
    best = min([s.cost_s for s in playing], default=0.0)
    width = max([len(names.get(s.address, s.address)) for s in playing], default=8)
    lines.append(
        f"{'endpoint':{width}}  share   mix  regret  cost ms  × best  slowdown  in flight  error  state"
    )
    shares = router.ledger.shares(WINDOW)
    regrets = router.learner.regrets()
    for s in playing:
        share = f"{shares[s.place]:5.0%}" if shares else "    –"
        error = errors[s.address]
        lines.append(
            f"{names.get(s.address, s.address):{width}}  {share}  {router.mix[s.place]:4.0%}"
            f"  {regrets[s.place]:6.3f}  {s.cost_s * 1000:7.1f}  {s.cost_s / max(best, 1e-9):6.1f}"
            f"  {s.slowdown:8.1f}  {s.in_flight:9}  {'    –' if error is None else f'{error:5.0%}'}  {_state(s, now)}"
        )
    return "\n".join(
        [
            *lines,
            "",
            *_verdict(router),
            *_advised(router, names, now),
            "",
            "The last requests:",
            *_picks(router, names),
        ]
    )


def _headline(router: "Router") -> str:
    mode = ", observing only: requests go round robin" if router.config.observe else ""
    baseline = router.baselines.service_s
    usual = f"; a request usually takes {baseline * 1000:.1f} ms to its first byte" if baseline else ""
    return f"strategy {router.config.strategy}{mode}{usual}"


def _state(standing: Standing, now: float) -> str:
    """The reason an endpoint costs what it costs, worst first."""
    overdue = standing.overdue(now)
    if standing.closing_until > now:
        return f"{standing.health}, draining"
    if standing.unreliability(now) > 0.0:
        row = standing.failures.in_a_row
        return f"{standing.health}, fails more than its peers" + (f" ({row} in a row)" if row > 1 else "")
    if overdue > max(standing.slowdown, 1.0):
        return f"{standing.health}, an answer is overdue"
    return f"{standing.health}, slow" if standing.slowdown > 3.0 else standing.health


def _verdict(router: "Router") -> list[str]:
    gap = router.ledger.gap([s.address for s in router.roster.playing if s.health == ADMITTED])
    rate = router.ledger.rate_per_s()
    if gap is None:
        return ["Too few requests in the last 5 s to speak of an equilibrium."]
    at = "at" if gap <= nash.TOLERANCE else "not at"
    moving = "" if rate is None else f"; shares move by {rate:.3f} per second"
    return [f"{at} equilibrium: the best deviation would gain {gap:.1%}{moving}.".capitalize()]


def _advised(router: "Router", names: Mapping[str, str], now: float) -> list[str]:
    advised = router.advice
    if advised is None or advised.column is None:
        return []
    column, regret = advised.column, advised.everything.regret()
    left = max(0.0, column.expires_at - now)
    lines = [f"Advice: epoch {column.epoch}, for {left:.0f} s more; {advised.why}."]
    if advised.action:
        shares = sorted(advised.action.items(), key=lambda item: -item[1])
        listed = ", ".join([f"{names.get(address, address)} {share:.0%}" for address, share in shares])
        lines.append(f"  now: {listed}")
    worse = f"{abs(regret):.1%} {'more' if regret > 0.0 else 'less'} than requests drawn from our own mix"
    lines.append(
        f"  {advised.followed} requests followed, {sum(advised.ignored.values())} did not; it costs {worse}."
    )
    return lines


def _picks(router: "Router", names: Mapping[str, str]) -> list[str]:
    lines = []
    for decision in reversed(router.recent):
        ticket = decision.ticket
        name = names.get(ticket.endpoint, ticket.endpoint)
        others = ", ".join(
            f"{names.get(s.address, s.address)} {cost * 1000:.1f} ms"
            for s, cost in zip(decision.standings, decision.costs, strict=False)
            if s.address != ticket.endpoint
        )
        instead = f"; the others would have cost: {others}" if others else ""
        lines.append(
            f"  {ticket.route} → {name}, {_WHY.get(ticket.reason, ticket.reason)},"
            f" predicted {ticket.predicted_s * 1000:.1f} ms{instead}"
        )
    return lines or ["  none yet"]
