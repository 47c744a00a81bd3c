"""Metrics as Prometheus reads them: families of samples, and the text format 0.0.4 of them. Pure.

Our own hundred lines where `prometheus_client` would do: importing it brings http.server, wsgiref and urllib.request,
1.1 MB in every pod, and nothing here counts, it only tells what others have counted. Names and calls are that
library's, and the tests read the result with its parser.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric:
    """One family. `name` is without the suffixes of its samples."""

    kind = "untyped"
    suffix = ""

    def __init__(self, name: str, text: str, labels: Sequence[str] = (), value: float | None = None) -> None:
        self.name = name + self.suffix
        self._text = text
        self._labels = tuple(labels)
        self._rows: list[str] = []
        if value is not None:
            self.add_metric((), value)

    def add_metric(self, labels: Sequence[str], value: float) -> None:
        """One series: the values of its labels, in the order of their names."""
        self._sample("", self._pairs(labels), value)

    def render(self) -> Iterator[str]:
        """Its lines."""
        yield f"# HELP {self.name} {_escaped(self._text)}\n"
        yield f"# TYPE {self.name} {self.kind}\n"
        yield from self._rows

    def _pairs(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        return list(zip(self._labels, labels, strict=True))

    def _sample(self, suffix: str, pairs: list[tuple[str, str]], value: float) -> None:
        told = ",".join([f'{name}="{_quoted(label)}"' for name, label in sorted(pairs)])
        self._rows.append(
            f"{self.name}{suffix}{{{told}}} {_number(value)}\n"
            if told
            else f"{self.name}{suffix} {_number(value)}\n"
        )


class UntypedMetricFamily(Metric):
    """Exposed under exactly its name."""


class GaugeMetricFamily(Metric):
    """Goes up and down."""

    kind = "gauge"


class CounterMetricFamily(Metric):
    """Only goes up; exposed with `_total` behind its name."""

    kind = "counter"
    suffix = "_total"


class HistogramMetricFamily(Metric):
    """Cumulative counts by upper bound."""

    kind = "histogram"

    def add_metric(  # type: ignore[override]
        self, labels: Sequence[str], buckets: Sequence[tuple[str, float]], sum_value: float
    ) -> None:
        """One series: (bound, how many up to it), the last bound +Inf; the sum of what was counted."""
        pairs = self._pairs(labels)
        for bound, count in buckets:
            self._sample("_bucket", [*pairs, ("le", bound)], count)
        self._sample("_count", pairs, buckets[-1][1])
        self._sample("_sum", pairs, sum_value)


class Collector(Protocol):
    """Knows some metrics."""

    def collect(self) -> Iterable[Metric]:
        """As they are now."""


class Registry:
    """All that one page tells."""

    def __init__(self) -> None:
        self._collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """From now on; names must not be another's."""
        self._collectors.append(collector)

    def render(self) -> bytes:
        """The page."""
        families = (family for collector in self._collectors for family in collector.collect())
        return "".join([line for family in families for line in family.render()]).encode()


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
