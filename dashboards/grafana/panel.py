"""What a panel is, before Grafana's spelling of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "table", "state-timeline"]
Unit = Literal["none", "percentunit", "s", "reqps", "cps", "short", "mcores", "Bps", "bool", "decgbytes"]

SIDECAR = 'namespace=~"$namespace",workload=~"$workload",pod=~"$pod"'
"""Whose sidecar says it: labels of the scrape (dashboards/prometheus)."""
ROUTED = f'{SIDECAR},service=~"$service"'
"""… and where its requests go: a label of the series."""
ADVISED = 'service=~"($service)([.:].*)?"'
"""A service as coordinators call it, `name.namespace:port`, where sidecars may say less."""
SIZED = 'namespace=~"$namespace",pod=~"$pod"'
"""What a coordinator, or the kubelet, says of a pod."""
APPLICATION = f'{SIZED},container!~"|POD|equilibrium-.*"'
"""The kubelet's series of a pod's containers without ours, and without the sum over the pod."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and the legend (`{{label}}` is replaced)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`width` of 24 columns, `height` in rows of 30 px. `warn`, `bad`: where yellow and red begin."""

    title: str
    why: str
    """What to look for, shown as the panel's description."""
    queries: Sequence[Query]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 8
    least: float | None = None
    most: float | None = None
    warn: float | None = None
    bad: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and what is under it."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top: the values of a label of a series."""

    name: str
    label: str
    series: str
    """With a selector, as in `label_values(series, name)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """`name`: of its file; its uid is `equilibrium-` and this."""

    name: str
    title: str
    why: str
    variables: Sequence[Variable]
    rows: Sequence[Row]

    @property
    def panels(self) -> list[Panel]:
        """Of all rows."""
        return [panel for row in self.rows for panel in row.panels]


NAMESPACE = Variable("namespace", "Namespace", "equilibrium_headroom")
WORKLOAD = Variable("workload", "Workload", 'equilibrium_headroom{namespace=~"$namespace"}')
POD = Variable("pod", "Pod", 'equilibrium_headroom{namespace=~"$namespace",workload=~"$workload"}')
SERVICE = Variable("service", "Service called", f"equilibrium_convergence_distance{{{SIDECAR}}}")
SIZED_NAMESPACE = Variable("namespace", "Namespace", "mbcas_alloc_cpu_mcores")
SIZED_POD = Variable("pod", "Pod", 'mbcas_alloc_cpu_mcores{namespace=~"$namespace"}')


def one(expr: str, legend: str = "") -> tuple[Query, ...]:
    """A single query."""
    return (Query(expr, legend),)


def rate(series: str) -> str:
    """Per second, over Grafana's window."""
    return f"rate({series}[$__rate_interval])"


def quantile(share: float, series: str, by: str, selector: str) -> str:
    """Of a histogram, over all sidecars together."""
    buckets = rate(f"{series}_bucket{{{selector}}}")
    return f"histogram_quantile({share:g}, sum by (le, {by}) ({buckets}))"


def at_least_zero(expr: str, label: str) -> str:
    """A series that exists only once something has happened: 0 under a name of its own until then."""
    return f'({expr}) or label_replace(vector(0), "{label}", "none", "", "")'
