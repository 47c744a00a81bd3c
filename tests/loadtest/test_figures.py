import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest import figures


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50), (99, 99), (99.9, 100), (100, 100), (0, 1), (1, 1), (1.5, 2)]
)
def test_percentile_is_nearest_rank(percent: float, expected: float) -> None:
    assert figures.percentile([float(n) for n in range(1, 101)], percent) == expected


def test_percentile_rank_is_not_moved_by_binary_fractions() -> None:
    # 99.9 * 1000 / 100 is 999.0000000000001 in floats; the rank is 999
    assert figures.percentile([float(n) for n in range(1, 1001)], 99.9) == 999


def test_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(figures.percentile([], 50))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_percentile_covers_its_share(values: list[float], percent: float) -> None:
    found = figures.percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-6


def test_spread_ignores_what_was_not_measured() -> None:
    assert figures.spread([3.0, None, 1.0, 2.0]) == figures.Spread(2.0, 1.0, 3.0)
    assert figures.spread([None]) is None


def test_spread_reads_as_median_and_range() -> None:
    assert figures.Spread(1234.5, 1000.0, 2000.0).text(0) == "1,234 (1,000–2,000)"


def test_a_spread_without_a_range_is_one_number() -> None:
    assert figures.Spread(12.31, 12.29, 12.34).text(1) == "12.3"


def test_ratios_pair_repetitions() -> None:
    assert figures.ratios([2.0, None, 9.0], [1.0, 1.0, 3.0]) == [2.0, 3.0]


def test_ratios_leave_out_a_denominator_of_zero_or_none() -> None:
    assert figures.ratios([2.0, 2.0], [0.0, None]) == []


def test_ratios_refuse_series_of_different_length() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        figures.ratios([1.0, 2.0], [1.0])


def test_differences_keep_zero() -> None:
    assert figures.differences([1.0, 0.0, None], [0.0, 0.0, 1.0]) == [1.0, 0.0]


def test_shares_sum_to_one_or_are_all_zero() -> None:
    assert figures.shares({"a": 1, "b": 3}) == {"a": 0.25, "b": 0.75}
    assert figures.shares({"a": 0}) == {"a": 0.0}


def test_rotation_gives_every_arm_every_place() -> None:
    arms = ["a", "b", "c"]
    assert {tuple(figures.rotated(arms, by)) for by in range(6)} == {
        ("a", "b", "c"),
        ("b", "c", "a"),
        ("c", "a", "b"),
    }
    assert figures.rotated([], 3) == []
