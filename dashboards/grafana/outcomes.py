"""What becomes of requests, and of the coordinator's advice: the lower half of the routing dashboard."""

from typing import Final

from dashboards.grafana.panel import (
    ADVISED,
    ROUTED,
    SIDECAR,
    Panel,
    Query,
    Row,
    at_least_zero,
    one,
    quantile,
    rate,
)

_COUNT: Final = f"equilibrium_request_count{{{ROUTED}}}"
_FOLLOWED: Final = f"sum by (service) ({rate(f'equilibrium_advice_followed_total{{{ROUTED}}}')})"
_IGNORED: Final = f"sum by (service) ({rate(f'equilibrium_advice_ignored_total{{{ROUTED}}}')})"

_LATENCY: Final = (
    Panel(
        title="Latency of a service, p50 and p99",
        why="Of attempts. When p99 leaves p50 behind, look for one endpoint that does so on the right.",
        queries=(
            Query(quantile(0.5, "equilibrium_request_latency", "service", ROUTED), "p50 {{service}}"),
            Query(quantile(0.99, "equilibrium_request_latency", "service", ROUTED), "p99 {{service}}"),
        ),
        unit="s",
        least=0,
    ),
    Panel(
        title="p99 by endpoint",
        why="One line above the rest is a slow pod: its share should be falling. All together: load, or "
        "what is behind them.",
        queries=one(
            quantile(0.99, "equilibrium_request_latency", "service, action", ROUTED),
            "{{service}} → {{action}}",
        ),
        unit="s",
        least=0,
    ),
    Panel(
        title="Time spent in the proxy, p99",
        why="Of all sidecars, by listener. It grows with CPU starvation of the sidecar first.",
        queries=one(
            quantile(0.99, "equilibrium_proxy_overhead_seconds", "listener", SIDECAR), "{{listener}}"
        ),
        unit="s",
        least=0,
    ),
    Panel(
        title="Attempts by outcome",
        why="failed: a reset, a timeout, a 5xx that says something about the endpoint. abandoned: the "
        "client left, or a hedge won.",
        queries=one(f"sum by (service, outcome) ({rate(_COUNT)})", "{{service}} {{outcome}}"),
        unit="reqps",
        stacked=True,
    ),
    Panel(
        title="Health of endpoints",
        why="How many sidecars see an endpoint in a state. Sidecars that disagree for long see it over "
        "different networks.",
        queries=one(
            f"sum by (service, action, state) (equilibrium_endpoint_health{{{ROUTED}}})",
            "{{service}} → {{action}} {{state}}",
        ),
    ),
    Panel(
        title="Hidden type of endpoints: not healthy",
        why="Posterior that an endpoint is degraded or failing, the worst sidecar's. It should follow "
        "faults within seconds and forgive them.",
        queries=one(
            f'max by (service, action, type) (equilibrium_endpoint_type_probability{{{ROUTED},type!="healthy"}})',
            "{{service}} → {{action}} {{type}}",
        ),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Retries and hedges",
        why="Per second. Retries follow failures; hedges are second copies sent to cut the tail, at most "
        "a few percent.",
        queries=(
            Query(f"sum({rate(f'equilibrium_retries_total{{{SIDECAR}}}')})", "retries"),
            Query(f"sum({rate(f'equilibrium_hedges_total{{{SIDECAR}}}')})", "hedges"),
        ),
        unit="reqps",
        least=0,
    ),
    Panel(
        title="Errors of our own, by reason",
        why="Answers the sidecar gave itself, by X-GT-Reason (docs/errors.md has each). unknown-service "
        "is a name nobody knows; no-endpoint, shed and overflow are load.",
        queries=one(
            at_least_zero(f"sum by (reason) ({rate(f'equilibrium_errors_total{{{SIDECAR}}}')})", "reason"),
            "{{reason}}",
        ),
        unit="reqps",
        stacked=True,
    ),
    Panel(
        title="In flight and connections",
        why="Requests between head and end; connections to endpoints, busy and idle. In flight that only "
        "grows is a hang behind.",
        queries=(
            Query(f"sum by (listener) (equilibrium_in_flight{{{SIDECAR}}})", "in flight, {{listener}}"),
            Query(
                f"sum by (listener, state) (equilibrium_upstream_connections{{{SIDECAR}}})",
                "{{listener}} connections {{state}}",
            ),
        ),
    ),
)

_ADVICE: Final = (
    Panel(
        title="Advice followed and ignored",
        why="Picks per second while there was advice. Ignored for a while is a sidecar defending itself; "
        "ignored by most means the coordinator's picture is wrong (alert EquilibriumAdviceDisobeyed).",
        queries=(
            Query(_FOLLOWED, "followed {{service}}"),
            Query(_IGNORED, "ignored {{service}}"),
        ),
        unit="reqps",
        stacked=True,
        width=6,
    ),
    Panel(
        title="Why advice is ignored",
        why="comparison: a few percent for ever, to know what one's own mix would cost. trust: not yet, "
        "it grows with good experience. regret: obeying cost too much. cost, unfit, share: this "
        "endpoint is not fit now. observe: the mode.",
        queries=one(
            at_least_zero(
                f"sum by (reason) ({rate(f'equilibrium_advice_ignored_total{{{ROUTED}}}')})", "reason"
            ),
            "{{reason}}",
        ),
        unit="reqps",
        stacked=True,
        width=6,
    ),
    Panel(
        title="Advice gap",
        why="The certificate, relative to mean cost: the most any sidecar could gain by disobeying. At "
        "most the slack the coordinator allows itself (docs/advice.md), which is below what sidecars "
        "tolerate; above that they will ignore it.",
        queries=one(f"max by (service) (equilibrium_advice_gap{{{ADVISED}}})", "{{service}}"),
        unit="percentunit",
        width=6,
    ),
    Panel(
        title="Welfare ratio of the advice",
        why="Total cost of the advice over that of the best profile found: 1 is the social optimum of the "
        "measured game.",
        queries=one(f"max by (service) (equilibrium_advice_welfare_ratio{{{ADVISED}}})", "{{service}}"),
        least=1,
        width=6,
    ),
)

ROWS: Final = (Row("Latency and outcomes", _LATENCY), Row("Advice", _ADVICE))
