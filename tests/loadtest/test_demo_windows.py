import math

import pytest

from loadtest.demo import chapters, windows
from loadtest.demo.recording import Played
from loadtest.load import Sample

PODS = ("a", "b")


def _at(*due_s: float) -> list[Sample]:
    return [Sample(each, 1.0, "200", "a") for each in due_s]


def test_a_request_belongs_to_the_instant_it_was_due() -> None:
    late = Sample(1.9, 5000.0, "200", "a")
    assert windows.between([*_at(0.5, 1.0), late, *_at(2.0)], 1.0, 2.0) == [*_at(1.0), late]


def test_shares_are_of_what_pods_answered_whatever_they_answered() -> None:
    samples = [Sample(0, 1, "200", "a"), Sample(0, 1, "503", "a"), Sample(0, 1, "200", "b")]
    lost = [Sample(0, 5000, "timeout", "")] * 7
    assert windows.shares([*samples, *lost], PODS) == {"a": 2 / 3, "b": 1 / 3}


def test_a_lost_request_counts_with_the_time_it_was_waited_for() -> None:
    samples = [*_at(*range(98)), Sample(98, 5000, "timeout", ""), Sample(99, 5000, "timeout", "")]
    assert windows.percentile(99, samples) == 5000


def test_failing_fast_does_not_improve_the_tail() -> None:
    slow = [Sample(0, 100.0, "200", "a")] * 10
    assert windows.percentile(50, [*slow, *[Sample(0, 0.1, "503", "b")] * 90]) == 100.0


def test_fractions_are_of_all_requests() -> None:
    samples = [
        Sample(0, 1, "200", "a"),
        Sample(0, 1500, "200", "a"),
        Sample(0, 1, "503", "b"),
        Sample(0, 2, "200", "a"),
    ]
    assert windows.slower_than(1000, samples) == 0.25
    assert windows.failed(samples) == 0.25
    assert windows.slow_or_lost(1000, samples) == 0.5
    assert math.isnan(windows.failed([]))


def test_sliding_windows_are_whole_and_within_the_stretch() -> None:
    assert list(windows.sliding(10, 16, 5, 0.5)) == [(10, 15), (10.5, 15.5), (11, 16)]
    assert list(windows.sliding(10, 14.9, 5, 0.5)) == []


def test_total_variation_is_the_share_that_moved() -> None:
    assert windows.variation({"a": 1.0}, {"b": 1.0}) == 1.0
    assert windows.variation({"a": 0.5, "b": 0.5}, {"a": 0.75, "b": 0.25}) == 0.25


@pytest.mark.parametrize(("seconds", "left_out_s"), [(12, 2.0), (8, 2.0), (4, 1.0)])
def test_the_first_two_seconds_of_a_chapter_do_not_count(seconds: float, left_out_s: float) -> None:
    assert (
        windows.settled(Played(chapters.Chapter("steady", seconds), 5.0, 5.0 + seconds))[0]
        == 5.0 + left_out_s
    )


def test_seconds_without_requests_are_left_out_of_charts() -> None:
    found = windows.seconds(_at(0.1, 0.2, 2.5), PODS, 0.0, 3.0)
    assert [each.at_s for each in found] == [0.5, 2.5]
    assert found[0].shares == {"a": 1.0, "b": 0.0}
