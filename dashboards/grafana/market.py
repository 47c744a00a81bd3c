"""Who has how much CPU and why: use, allocation, budgets, demand; `loop` has the rest of the dashboard."""

from typing import Final

from dashboards.grafana import loop
from dashboards.grafana.panel import (
    APPLICATION,
    SIZED,
    SIZED_NAMESPACE,
    SIZED_POD,
    Dashboard,
    Panel,
    Query,
    Row,
    one,
    rate,
)

_POD: Final = "{{namespace}}/{{pod}}"
_USED_M: Final = (
    f"1000 * sum by (namespace, pod) ({rate(f'container_cpu_usage_seconds_total{{{APPLICATION}}}')})"
)
_BY: Final = "max by (namespace, pod)"  # several coordinators say the same
_ALLOC_M: Final = f"{_BY} (mbcas_alloc_cpu_mcores{{{SIZED}}})"
_BUDGET: Final = f"{_BY} (mbcas_budget{{{SIZED}}})"
_DEMAND: Final = f"{_BY} (mbcas_demand_intensity{{{SIZED}}})"
_TARGET_M: Final = f"{_BY} (mbcas_target_cpu_mcores{{{SIZED}}})"
_THROTTLED: Final = f"container_cpu_cfs_throttled_periods_total{{{APPLICATION}}}"
_PERIODS: Final = f"container_cpu_cfs_periods_total{{{APPLICATION}}}"

_GLANCE: Final = (
    Panel(
        title="Leading",
        why="Coordinators that may write. 1 is right; 0 for longer than a Lease (15 s): nobody resizes, "
        "pods keep what they have.",
        queries=one("sum(equilibrium_coordinator_leading)"),
        kind="stat",
        width=4,
        height=4,
        warn=1,
        bad=0.5,
    ),
    Panel(
        title="Pods in the market",
        why="Opted in and nobody else's.",
        queries=one('max(equilibrium_coordinator_pods{state="market"})'),
        kind="stat",
        width=4,
        height=4,
    ),
    Panel(
        title="CPU handed out",
        why="Sum of what pods in the market have.",
        queries=one(f"sum({_ALLOC_M})"),
        unit="mcores",
        kind="stat",
        width=4,
        height=4,
    ),
    Panel(
        title="… of which used",
        why="Over all pods. Near 1 everything is used; the market's work shows in who waits, not in this "
        "figure.",
        queries=one(f"sum({_USED_M} and on (namespace, pod) {_ALLOC_M}) / sum({_ALLOC_M})"),
        unit="percentunit",
        kind="stat",
        width=4,
        height=4,
    ),
    Panel(
        title="Fairness",
        why="1: what pods have above their floors is proportional to their bids; the worst pod of the "
        "worst node counts. It falls while guardrails hold amounts back, and stays low for a pod that "
        "vetoes.",
        queries=one("min(mbcas_fairness_ratio)"),
        unit="percentunit",
        kind="stat",
        width=4,
        height=4,
        warn=0.9,
        bad=0.5,
    ),
    Panel(
        title="Potential",
        why="0: every pod has what the market gives it (docs/market.md). With --allocator regret: minus "
        "the agents' potential.",
        queries=one("max(gtcas_global_potential)"),
        kind="stat",
        width=4,
        height=4,
    ),
)

_ALLOCATION: Final = (
    Panel(
        title="Usage and allocation",
        why="A pod whose use lies on its allocation is throttled: its demand should rise and the market "
        "give it more, if its budget buys it. A pod far below gives some up, down to its floor.",
        queries=(
            Query(f"{_USED_M} and on (namespace, pod) {_ALLOC_M}", f"used {_POD}"),
            Query(_ALLOC_M, f"has {_POD}"),
        ),
        unit="mcores",
        least=0,
        width=12,
    ),
    Panel(
        title="Usage over allocation",
        why="1: all it has. The market evens this out among pods of equal budget.",
        queries=one(f"({_USED_M}) / on (namespace, pod) {_ALLOC_M}", _POD),
        unit="percentunit",
        least=0,
        width=6,
    ),
    Panel(
        title="Throttled",
        why="Share of periods in which the kernel stopped the pod at its limit: what too little CPU is "
        "like from inside.",
        queries=one(
            f"sum by (namespace, pod) ({rate(_THROTTLED)})"
            f" / (sum by (namespace, pod) ({rate(_PERIODS)}) > 0) or 0 * {_ALLOC_M}",
            _POD,
        ),
        unit="percentunit",
        least=0,
        most=1,
        width=6,
    ),
    Panel(
        title="Allocation and budget",
        why="CPU per unit of budget. Pods that want equally much lie on one line; one above it has a "
        "floor it does not pay for, one below wants less or is held (why: held pods, below).",
        queries=one(f"{_ALLOC_M} / on (namespace, pod) {_BUDGET}", _POD),
        unit="mcores",
        least=0,
    ),
    Panel(
        title="Allocation and the market's figure",
        why="What it has less what the market would give it at once, before guardrails. Lines run to 0 as "
        "the loop takes pods there; one that stays away is held by a veto, a cooldown or the dead "
        "band.",
        queries=one(f"{_ALLOC_M} - on (namespace, pod) {_TARGET_M}", _POD),
        unit="mcores",
    ),
    Panel(
        title="Potential",
        why="Rises towards 0 while guardrails let amounts move, then stays: a plateau. Demand that "
        "changes moves the goal, so it falls at a spike and rises again within some cycles. A plateau "
        "well below 0: somebody is held, usually by a veto.",
        queries=one("max(gtcas_global_potential)", "potential"),
    ),
    Panel(
        title="Demand and allocation",
        why="Demand (0 to 1) by pod: how much more it could use. It should fall when a pod gets more. "
        "High demand with an allocation that does not grow: too small a budget, its cap, or a full "
        "node.",
        queries=one(_DEMAND, f"demand {_POD}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="CPU that demand waits for",
        why="Demand times allocation: roughly how much of what it has a pod waits for. The largest is who "
        "suffers most.",
        queries=one(f"{_DEMAND} * on (namespace, pod) {_ALLOC_M}", _POD),
        unit="mcores",
        least=0,
    ),
    Panel(
        title="Bids",
        why="Budget times average demand: what the market divides by. Compare with allocation above the "
        "floor.",
        queries=one(f"{_BY} (mbcas_effective_bid{{{SIZED}}})", _POD),
        least=0,
    ),
    Panel(
        title="Price of a core",
        why="By node: the bid that buys one core above the floor. The dearest node is the fullest; +Inf: "
        "nothing is left above floors.",
        queries=one("max by (node) (mbcas_price)", "{{node}}"),
        least=0,
    ),
    Panel(
        title="Fairness",
        why="See above. A dip at a change is right; a low line is one pod that cannot get its share.",
        queries=one("min(mbcas_fairness_ratio)", "fairness"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Now, by pod",
        why="A row a pod: has, market's figure, budget, bid, demand.",
        queries=(
            Query(_ALLOC_M, "has"),
            Query(_TARGET_M, "due"),
            Query(_BUDGET, "budget"),
            Query(f"{_BY} (mbcas_effective_bid{{{SIZED}}})", "bid"),
            Query(_DEMAND, "demand"),
        ),
        kind="table",
    ),
)

DASHBOARD: Final = Dashboard(
    name="market",
    title="Equilibrium: market",
    why="Who has how much CPU, what it is worth to them, and whether the loop has come to rest.",
    variables=(SIZED_NAMESPACE, SIZED_POD),
    rows=(
        Row("At a glance", _GLANCE),
        Row("Use, allocation, budgets", _ALLOCATION),
        *loop.ROWS,
    ),
)
