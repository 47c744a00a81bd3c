"""Where requests go and why: shares, regret, equilibrium; `outcomes` has the rest of the dashboard."""

from typing import Final

from dashboards.grafana import outcomes
from dashboards.grafana.panel import (
    NAMESPACE,
    POD,
    ROUTED,
    SERVICE,
    WORKLOAD,
    Dashboard,
    Panel,
    Row,
    one,
    quantile,
    rate,
)

_COUNT: Final = f"equilibrium_request_count{{{ROUTED}}}"
_FAILED: Final = f'equilibrium_request_count{{{ROUTED},outcome="failed"}}'

_GLANCE: Final = (
    Panel(
        title="Attempts per second",
        why="All attempts of the sidecars chosen above, retries and hedges included.",
        queries=one(f"sum({rate(_COUNT)})"),
        unit="reqps",
        kind="stat",
        width=4,
        height=4,
    ),
    Panel(
        title="Attempts that failed",
        why="Share of attempts, not of requests: a retry that succeeds hides its first attempt from the "
        "caller.",
        queries=one(f"sum({rate(_FAILED)}) / (sum({rate(_COUNT)}) > 0)"),
        unit="percentunit",
        kind="stat",
        width=4,
        height=4,
        warn=0.01,
        bad=0.05,
    ),
    Panel(
        title="p99, slowest service",
        why="Of attempts, from pick to the end of the response.",
        queries=one(f"max({quantile(0.99, 'equilibrium_request_latency', 'service', ROUTED)})"),
        unit="s",
        kind="stat",
        width=4,
        height=4,
    ),
    Panel(
        title="In Nash equilibrium",
        why="Share of (sidecar, service) pairs in which no single change of the mix would gain more than "
        "15 %. Pairs with little traffic (below 50 requests in 5 s) are not counted.",
        queries=one(f"avg(equilibrium_nash_equilibrium{{{ROUTED}}})"),
        unit="percentunit",
        kind="stat",
        width=4,
        height=4,
        warn=0.9,
        bad=0.5,
    ),
    Panel(
        title="Largest V",
        why="V = half the squared regret vector. It goes to 0 as mixes settle; look below when it stays up.",
        queries=one(f"max(equilibrium_convergence_distance{{{ROUTED}}})"),
        kind="stat",
        width=4,
        height=4,
    ),
    Panel(
        title="Endpoints not admitted",
        why="Ejected or on probation, as seen by any sidecar. One for a while is the mesh doing its work; "
        "most of a service at once is an outage of that service, or a network problem of the callers.",
        queries=one(
            f'count(max by (service, action) (equilibrium_endpoint_health{{{ROUTED},state!="admitted"}}))'
            " or vector(0)"
        ),
        kind="stat",
        width=4,
        height=4,
        warn=1,
        bad=3,
    ),
)

_SHARES: Final = (
    Panel(
        title="Share of attempts by endpoint",
        why="Where requests really went. Compare with the mix beside it: best-of-mix draws a few and "
        "takes the cheapest, so shares lean further to fast endpoints than probabilities. A slow pod "
        "should sink within seconds, a healed one come back within 5 to 11 s.",
        queries=one(
            f"sum by (service, action) ({rate(_COUNT)}) / on (service) group_left () "
            f"(sum by (service) ({rate(_COUNT)}) > 0)",
            "{{service}} → {{action}}",
        ),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Routing probability",
        why="The mix, mean over sidecars. It should settle. Swinging between endpoints without end is "
        "flapping: look at V and at whether costs differ at all.",
        queries=one(
            f"avg by (service, action) (equilibrium_routing_probability{{{ROUTED}}})",
            "{{service}} → {{action}}",
        ),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Predicted cost of an endpoint",
        why="What one more request is expected to cost there: what the mix is learnt from. In equilibrium "
        "all endpoints that are used cost about the same.",
        queries=one(
            f"avg by (service, action) (equilibrium_predicted_cost_seconds{{{ROUTED}}})",
            "{{service}} → {{action}}",
        ),
        unit="s",
        least=0,
    ),
)

_GAME: Final = (
    Panel(
        title="Regret by endpoint",
        why="Discounted sum of what would have been saved by playing this endpoint more. Positive and "
        "growing: the mix is behind. Near 0 everywhere: nothing to regret.",
        queries=one(
            f"max by (service, action) (equilibrium_regret_total{{{ROUTED}}})", "{{service}} → {{action}}"
        ),
    ),
    Panel(
        title="Regret, mean of a service",
        why="The worst sidecar's. Falls after each change. One service that stays above the others is one "
        "whose endpoints keep changing.",
        queries=one(f"max by (service) (equilibrium_regret_average{{{ROUTED}}})", "{{service}}"),
    ),
    Panel(
        title="Gap",
        why="What the best single deviation would gain, relative to the best cost. Nash is called at 15 "
        "%. A steady gap with a steady mix means exploration or a share cap holds it.",
        queries=one(f"max by (service) (equilibrium_nash_gap{{{ROUTED}}})", "{{service}}"),
        unit="percentunit",
        least=0,
        bad=0.15,
    ),
    Panel(
        title="Nash indicator",
        why="Share of sidecars in equilibrium, by service. Brief dips at deployments and faults are "
        "right; minutes below one half are not (alert EquilibriumNoNash).",
        queries=one(f"avg by (service) (equilibrium_nash_equilibrium{{{ROUTED}}})", "{{service}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="V",
        why="The Lyapunov function of the learning: falls while it converges, jumps at a change, falls "
        "again. Rising while costs stay is flapping (alert EquilibriumRoutingFlaps).",
        queries=one(f"max by (service) (equilibrium_convergence_distance{{{ROUTED}}})", "{{service}}"),
        least=0,
    ),
    Panel(
        title="Potential",
        why="Beckmann's potential over measured latency curves: lower is better, and single sidecars that "
        "improve lower it. It follows load, so compare at equal load.",
        queries=one(f"avg by (service) (equilibrium_potential{{{ROUTED}}})", "{{service}}"),
    ),
    Panel(
        title="Seconds to converge, p90",
        why="From a change (endpoints, health, shares) until shares move by less than 0.05 per second; of all changes "
        "since the sidecars started.",
        queries=one(
            f"histogram_quantile(0.9, sum by (le, service) (equilibrium_convergence_seconds_bucket{{{ROUTED}}}))",
            "{{service}}",
        ),
        unit="s",
    ),
    Panel(
        title="Prediction error",
        why="Predicted against measured cost over 10 s. Above a half the mix is learnt from noise: few "
        "requests, or latency that depends on something the prediction does not see.",
        queries=one(
            f"max by (service, action) (equilibrium_cost_prediction_error{{{ROUTED}}})",
            "{{service}} → {{action}}",
        ),
        unit="percentunit",
        least=0,
        bad=0.5,
    ),
    Panel(
        title="Picks by reason",
        why="best-of-mix should be most of it, probe a few percent. advice: the coordinator's. panic: too "
        "many endpoints are ejected, so all are used. fail-static: the policy failed.",
        queries=one(
            f"sum by (reason) ({rate(f'equilibrium_picks_total{{{ROUTED}}}')})",
            "{{reason}}",
        ),
        unit="reqps",
        stacked=True,
    ),
)

DASHBOARD: Final = Dashboard(
    name="routing",
    title="Equilibrium: routing",
    why="Where requests go, whether the mixes have settled, what it costs, and what the coordinator advises.",
    variables=(NAMESPACE, WORKLOAD, POD, SERVICE),
    rows=(
        Row("At a glance", _GLANCE),
        Row("Shares", _SHARES),
        Row("The game", _GAME),
        *outcomes.ROWS,
    ),
)
