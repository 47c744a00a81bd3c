"""What is given up when there is too little: memory, queues, early drops, and what the proxy itself costs."""

from typing import Final

from dashboards.grafana.panel import (
    NAMESPACE,
    POD,
    SIDECAR,
    WORKLOAD,
    Dashboard,
    Panel,
    Query,
    Row,
    one,
    quantile,
    rate,
)

_DEGRADED: Final = f'equilibrium_degradation_state{{{SIDECAR},state="degraded"}}'
_RESPONSES: Final = f'equilibrium_responses_total{{{SIDECAR},listener="inbound"}}'

_GLANCE: Final = (
    Panel(
        title="Pods degraded",
        why="They accept less than usual, to stay alive (alert EquilibriumDegraded).",
        queries=one(f"sum({_DEGRADED})"),
        kind="stat",
        width=6,
        height=4,
        warn=1,
        bad=3,
    ),
    Panel(
        title="Highest memory pressure",
        why="Memory in use over its limit, of any source.",
        queries=one(f"max(equilibrium_memory_pressure{{{SIDECAR}}})"),
        unit="percentunit",
        kind="stat",
        width=6,
        height=4,
        warn=0.8,
        bad=0.9,
    ),
    Panel(
        title="Drops per second",
        why="Requests refused at the doors of applications, of all causes.",
        queries=one(f"sum({rate(f'equilibrium_drops_total{{{SIDECAR}}}')})"),
        unit="reqps",
        kind="stat",
        width=6,
        height=4,
        warn=0.1,
        bad=10,
    ),
    Panel(
        title="Policy failures",
        why="Exceptions in policy code since the sidecars started; requests went on round robin. Any is a "
        "defect: report it (alert EquilibriumPolicyFailures).",
        queries=one(f"sum(equilibrium_policy_failures_total{{{SIDECAR}}})"),
        kind="stat",
        width=6,
        height=4,
        bad=1,
    ),
)

_MEMORY: Final = (
    Panel(
        title="Memory pressure",
        why="By pod and source: the application as its control group or its usage URL tells it, self for "
        "the sidecar alone. What counts is how it approaches 1: slowly is a leak or a small limit, at "
        "once is one request.",
        queries=one(
            f"max by (namespace, pod, source) (equilibrium_memory_pressure{{{SIDECAR}}})",
            "{{pod}} {{source}}",
        ),
        unit="percentunit",
        least=0,
        most=1,
        bad=0.9,
    ),
    Panel(
        title="Scale",
        why="Share of the usual work a pod accepts: halves quickly under pressure, grows back in small "
        "steps (AIMD). A saw that never reaches 1 is a pod that is too small.",
        queries=one(f"min by (namespace, pod) (equilibrium_degradation_scale{{{SIDECAR}}})", "{{pod}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Publishing scale",
        why="Share of its own publishing (events, access log) that a sidecar allows itself: the first "
        "thing it gives up.",
        queries=one(f"min by (namespace, pod) (equilibrium_publishing_scale{{{SIDECAR}}})", "{{pod}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Degraded",
        why="Red while a pod is degraded. Many short bars: the limits of its governor are too near its "
        "normal use.",
        queries=one(f"max by (namespace, pod) ({_DEGRADED})", "{{pod}}"),
        kind="state-timeline",
        unit="bool",
        bad=1,
        width=12,
    ),
    Panel(
        title="Transitions",
        why="States entered so far. degraded and recovering that climb together are a pod that goes back "
        "and forth.",
        queries=one(
            f"sum by (workload, state) (equilibrium_degradation_transitions_total{{{SIDECAR}}})",
            "{{workload}} {{state}}",
        ),
        width=12,
    ),
)

_OVERLOAD: Final = (
    Panel(
        title="Queue fill",
        why="Requests waiting for admission over the queue's bound. Some is right under load; full means "
        "drops for want of room.",
        queries=one(f"max by (namespace, pod) (equilibrium_queue_fill{{{SIDECAR}}})", "{{pod}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Early drop probability (RED)",
        why="Chance of refusal of those beyond their share, rising before the queue is full, so that "
        "callers slow down one by one and not all at once.",
        queries=one(f"max by (namespace, pod) (equilibrium_red_drop_probability{{{SIDECAR}}})", "{{pod}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Drops by cause",
        why="red: early. full: the queue is. deadline: would have answered too late. punished, defence: "
        "see cooperation.",
        queries=one(
            f"sum by (workload, cause) ({rate(f'equilibrium_drops_total{{{SIDECAR}}}')})",
            "{{workload}} {{cause}}",
        ),
        unit="reqps",
        stacked=True,
    ),
    Panel(
        title="Slots in use",
        why="Inbound requests in flight over the limit the sidecar has found for its application.",
        queries=one(f"max by (namespace, pod) (equilibrium_capacity_utilisation{{{SIDECAR}}})", "{{pod}}"),
        unit="percentunit",
        least=0,
    ),
    Panel(
        title="Headroom",
        why="1 − use, never negative. The pod with the least decides how much more a workload takes.",
        queries=one(f"min by (namespace, pod) (equilibrium_headroom{{{SIDECAR}}})", "{{pod}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Requests given to the application at once",
        why="The adaptive limit. It falls when latency rises with load and grows while it does not; 1000 "
        "is: no reason to limit yet.",
        queries=one(f"min by (namespace, pod) (equilibrium_concurrency_limit{{{SIDECAR}}})", "{{pod}}"),
        least=0,
    ),
)

_PROXY: Final = (
    Panel(
        title="Events",
        why="So far, by kind: MEM_PRESSURE, DEGRADED_MODE, SCALE_DOWN, SCALE_UP, BUF_SAT and what "
        "sidecars do themselves (discovery: news of endpoints). discovery_error: the source of "
        "endpoints is away, the last good list stays.",
        queries=one(f"sum by (kind) (equilibrium_events_total{{{SIDECAR}}})", "{{kind}}"),
    ),
    Panel(
        title="Overhead of the proxy, p50 and p99",
        why="Time a request spends in the sidecar itself, both listeners.",
        queries=(
            Query(
                quantile(0.5, "equilibrium_proxy_overhead_seconds", "listener", SIDECAR), "p50 {{listener}}"
            ),
            Query(
                quantile(0.99, "equilibrium_proxy_overhead_seconds", "listener", SIDECAR), "p99 {{listener}}"
            ),
        ),
        unit="s",
        least=0,
    ),
    Panel(
        title="Responses by status",
        why="What callers got through inbound listeners. 0: no response was sent.",
        queries=one(
            f"sum by (status) ({rate(_RESPONSES)})",
            "{{status}}",
        ),
        unit="reqps",
        stacked=True,
    ),
)

DASHBOARD: Final = Dashboard(
    name="degradation",
    title="Equilibrium: degradation",
    why="Who is short of memory or capacity, what is given up for it, and what the proxy itself costs.",
    variables=(NAMESPACE, WORKLOAD, POD),
    rows=(
        Row("At a glance", _GLANCE),
        Row("Memory", _MEMORY),
        Row("Overload", _OVERLOAD),
        Row("The proxy", _PROXY),
    ),
)
