"""The golden signals as Prometheus has them: one query each for all pods, and how its answer is read. Pure.

Every query looks back over one window (`{w}`), so that what it says is never older than that: a bare selector would
answer with a value of up to five minutes ago (Prometheus, "Staleness").
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Key = tuple[str, str, str]
"""Namespace, pod, container; "" where the series has no such label."""

_POD: Final = "namespace, pod"
_CONTAINER: Final = "namespace, pod, container"
_APP: Final = '{container!="",container!="POD"}'


@dataclass(frozen=True, slots=True)
class Signal:
    """One row: what `Observation` calls it, the query, and the values that make sense."""

    name: str
    query: str
    most: float = math.inf
    by: tuple[str, str, str] = ("namespace", "pod", "container")
    """The labels that make the key."""

    def over(self, window_s: float) -> str:
        """The query that looks back so far."""
        return self.query.replace("{w}", f"{1000 * window_s:.0f}ms")


SIGNALS: Final = (
    Signal("demand", f"max by ({_POD}) (last_over_time(mbcas_demand_intensity[{{w}}]))", most=1.0),
    Signal(
        "usage_m",
        f"1000 * sum by ({_CONTAINER}) (rate(container_cpu_usage_seconds_total{_APP}[{{w}}]))",
    ),
    Signal(
        "throttled",
        f"sum by ({_CONTAINER}) (increase(container_cpu_cfs_throttled_periods_total{_APP}[{{w}}]))"
        f" / sum by ({_CONTAINER}) (increase(container_cpu_cfs_periods_total{_APP}[{{w}}]))",
        most=1.0,
    ),
    Signal(
        "usage_bytes",
        f"max by ({_CONTAINER}) (last_over_time(container_memory_working_set_bytes{_APP}[{{w}}]))",
        most=2.0**60,
    ),
    Signal("rate", f'sum by ({_POD}) (rate(equilibrium_requests_total{{listener="inbound"}}[{{w}}]))'),
    Signal(
        "failing",
        f'(sum by ({_POD}) (rate(equilibrium_responses_total{{listener="inbound",status=~"5.."}}[{{w}}]))'
        f' or 0 * sum by ({_POD}) (rate(equilibrium_responses_total{{listener="inbound"}}[{{w}}])))'
        f' / sum by ({_POD}) (rate(equilibrium_responses_total{{listener="inbound"}}[{{w}}]))',
        most=1.0,
    ),
    Signal(
        # what its callers' sidecars measured: `action` is the pod's name, or its address
        "latency_s",
        "histogram_quantile(0.95, sum by (action, le) (rate(equilibrium_request_latency_bucket[{w}])))",
        by=("", "action", ""),
    ),
)


@dataclass(slots=True)
class Series:
    """What one query said: usable values by key, and what was not usable, by a word."""

    values: dict[Key, float] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def read(signal: Signal, said: Mapping[str, Any]) -> Series:
    """From an answer of `/api/v1/query`. Raises ValueError when it is none, or a refusal.

    Of a vector each sample stands for itself: one that makes no sense is dropped and counted, the others count.
    """
    if said.get("status") != "success":
        raise ValueError(
            f"{said.get('errorType') or 'error'}: {str(said.get('error') or 'no reason given')[:200]}"
        )
    data = said.get("data")
    kind = data.get("resultType") if isinstance(data, dict) else type(data).__name__
    samples = data.get("result") if isinstance(data, dict) else None
    if kind != "vector" or not isinstance(samples, list):
        raise ValueError(f"the answer is a {str(kind)[:40]}, not a vector of samples")
    warnings = said.get("warnings")
    warnings = warnings if isinstance(warnings, list) else [warnings]
    series = Series(warnings=[str(each)[:200] for each in warnings if each][:5])
    for sample in samples:
        _take(signal, sample, series)
    return series


def _take(signal: Signal, sample: object, series: Series) -> None:
    if not isinstance(sample, dict) or not isinstance(sample.get("metric"), dict):
        series.dropped["shape"] += 1
        return
    labels = sample["metric"]
    key = tuple(str(labels.get(name, "")) if name else "" for name in signal.by)
    value = _number(sample.get("value"))
    if value is None:
        series.dropped["shape"] += 1
    elif math.isnan(value):
        series.dropped["nan"] += 1  # 0 / 0: nothing happened
    elif not 0 <= value <= signal.most + 1e-6 or math.isinf(value):
        series.dropped["range"] += 1
    elif not key[1]:
        series.dropped["labels"] += 1
    else:
        series.values[key[0], key[1], key[2]] = min(value, signal.most)


def _number(value: object) -> float | None:
    """The second of `[time, "text"]`."""
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], str):
        return None
    try:
        return float(value[1])
    except ValueError:
        return None
