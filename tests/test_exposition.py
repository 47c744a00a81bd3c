"""The metrics page, read back with Prometheus' own parser."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from sidecar.exposition import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    Registry,
    UntypedMetricFamily,
)


class Fixed:
    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> tuple[Metric, ...]:
        return self._metrics


def page(*metrics: Metric) -> str:
    registry = Registry()
    registry.register(Fixed(*metrics))
    return registry.render().decode()


@given(
    st.lists(st.text(max_size=20), min_size=2, max_size=2),
    st.floats(),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=30),
)
def test_whatever_a_label_says_comes_back(labels: list[str], value: float, text: str) -> None:
    metric = GaugeMetricFamily("g", text.replace("\r", ""), labels=["b", "a"])
    try:
        [one.encode() for one in labels]
    except UnicodeEncodeError:
        return
    metric.add_metric(labels, value)
    [line] = [line for line in page(metric).split("\n") if line and not line.startswith("#")]
    [family] = text_string_to_metric_families(line + "\n")
    [sample] = family.samples
    assert sample.labels == {"b": labels[0], "a": labels[1]}
    assert sample.value == value or (math.isnan(value) and math.isnan(sample.value))


def test_a_counter_ends_in_total() -> None:
    counter = CounterMetricFamily("c", "How often", labels=["kind"])
    counter.add_metric(["x"], 3)
    told = page(counter)
    assert told == '# HELP c_total How often\n# TYPE c_total counter\nc_total{kind="x"} 3.0\n'
    [family] = text_string_to_metric_families(told)
    assert family.type == "counter"


def test_without_labels_there_are_no_braces() -> None:
    assert page(GaugeMetricFamily("g", "One", value=0.5)).endswith("\ng 0.5\n")
    assert page(UntypedMetricFamily("u", "Two", value=1)).endswith("# TYPE u untyped\nu 1.0\n")


def test_a_histogram_has_its_buckets_count_and_sum() -> None:
    histogram = HistogramMetricFamily("h", "Seconds", labels=["service"])
    histogram.add_metric(["bus"], [("0.1", 2.0), ("+Inf", 5.0)], sum_value=1.5)
    [family] = text_string_to_metric_families(page(histogram))
    assert family.type == "histogram"
    values = {(s.name, s.labels.get("le")): s.value for s in family.samples}
    assert values == {
        ("h_bucket", "0.1"): 2.0,
        ("h_bucket", "+Inf"): 5.0,
        ("h_count", None): 5.0,
        ("h_sum", None): 1.5,
    }


def test_as_many_values_as_labels() -> None:
    with pytest.raises(ValueError, match="zip"):
        GaugeMetricFamily("g", "", labels=["a", "b"]).add_metric(["x"], 1)


def test_a_help_of_two_lines_stays_one() -> None:
    assert page(GaugeMetricFamily("g", "a\nb\\c", value=1)).startswith("# HELP g a\\nb\\\\c\n")
