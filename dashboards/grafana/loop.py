"""What the coordinator does about it, and how it is itself: the lower half of the market dashboard."""

from typing import Final

from dashboards.grafana.panel import SIZED, Panel, Query, Row, at_least_zero, one, rate

_POD: Final = "{{namespace}}/{{pod}}"
_CYCLE_BUCKETS: Final = "equilibrium_cycle_seconds_bucket"

_RESIZES: Final = (
    Panel(
        title="Resize deltas",
        why="CPU given (taken: below 0) in the last cycle by whoever leads. It dies down when load is "
        "steady. A saw is flapping: the guardrails damp it, and it should shrink.",
        queries=one(
            f"sum by (namespace, pod) (mbcas_resize_delta_mcores{{{SIZED}}})", _POD
        ),  # 0 of the others
        unit="mcores",
    ),
    Panel(
        title="Resize events",
        why="So far: up and down are resizes done. vetoed: the pod said no. infeasible, forbidden, "
        "unsupported: it cannot be; the log says why. deferred then revert: the kubelet had no room. "
        "restarted: no resize should do that.",
        queries=one(
            at_least_zero(f"sum by (action) (mbcas_resize_events_total{{{SIZED}}})", "action"), "{{action}}"
        ),
    ),
    Panel(
        title="Vetoes, by reason",
        why="refused is an answer of the pod and right; the others are faults on the way "
        "(docs/coordinator.md has each).",
        queries=one(
            at_least_zero("sum by (reason) (equilibrium_coordinator_vetoes_total)", "reason"), "{{reason}}"
        ),
    ),
    Panel(
        title="Held, skipped, left alone",
        why="Pods that keep what they have, by reason. cooldown and dead-band are the loop at rest; veto, "
        "settling and backoff are worth a look when they last.",
        queries=one(
            at_least_zero("max by (reason) (equilibrium_coordinator_held_pods)", "reason"), "{{reason}}"
        ),
    ),
    Panel(
        title="Stand-downs",
        why="Pods left to somebody else: hpa, vpa, a foreign resizer, drift. Solid: now; the other: how "
        "often it began.",
        queries=(
            Query(at_least_zero("max by (reason) (equilibrium_stood_down)", "reason"), "now {{reason}}"),
            Query(
                at_least_zero("sum by (reason) (equilibrium_stand_downs_total)", "reason"),
                "began {{reason}}",
            ),
        ),
    ),
    Panel(
        title="Pods by state",
        why="Opted in: in the market, skipped for a reason (a log line names it), or somebody else's.",
        queries=one("max by (state) (equilibrium_coordinator_pods)", "{{state}}"),
    ),
)

_COORDINATOR: Final = (
    Panel(
        title="Seconds of a cycle, p99 by phase",
        why="cycle is the whole. demand and negotiate wait for sidecars, patch for the API server; solve "
        "grows with pods per node. Near the cycle's period, the next ones are skipped.",
        queries=one(f"histogram_quantile(0.99, sum by (le, phase) ({rate(_CYCLE_BUCKETS)}))", "{{phase}}"),
        unit="s",
        least=0,
    ),
    Panel(
        title="Cycles by result",
        why="done, idle (not leading, dry run, stale), failed; skipped: due while another ran.",
        queries=(
            Query(f"sum by (result) ({rate('equilibrium_coordinator_cycles_total')})", "{{result}}"),
            Query(f"sum({rate('equilibrium_coordinator_cycles_skipped_total')})", "skipped"),
        ),
        unit="cps",
    ),
    Panel(
        title="Leading, by coordinator",
        why="One at a time. Gaps are changes of leader: at most 20 s.",
        queries=one("max by (pod, instance) (equilibrium_coordinator_leading)", "{{pod}} {{instance}}"),
        kind="state-timeline",
        unit="bool",
        warn=1,
        bad=0.5,
    ),
    Panel(
        title="What it could not learn",
        why="Sidecars that did not say what they want, queries Prometheus did not answer usefully, "
        "mishaps with the API server.",
        queries=(
            Query(
                at_least_zero("sum by (reason) (equilibrium_coordinator_silent_sidecars_total)", "reason"),
                "sidecar {{reason}}",
            ),
            Query(
                at_least_zero(
                    "sum by (signal) (equilibrium_coordinator_prometheus_failures_total)", "signal"
                ),
                "Prometheus {{signal}}",
            ),
            Query(
                at_least_zero("sum by (what) (equilibrium_coordinator_api_failures_total)", "what"),
                "API server {{what}}",
            ),
        ),
    ),
    Panel(
        title="Kubernetes Events",
        why="sent, dropped for want of room, failed: what kubectl describe shows of resizes.",
        queries=one(
            at_least_zero("sum by (result) (equilibrium_coordinator_events_total)", "result"), "{{result}}"
        ),
    ),
)

ROWS: Final = (Row("Resizes", _RESIZES), Row("The coordinator", _COORDINATOR))
