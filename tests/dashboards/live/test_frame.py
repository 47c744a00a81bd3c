"""Frames as JSON, and what changes between two of them."""

import copy
import math
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboards.live import delta, frame
from dashboards.live.eventlog import EventLog

LEAVES = st.one_of(st.booleans(), st.integers(-2, 2), st.sampled_from(["", "x", 0.5, [], [1], [1, 2]]))
NAMES = st.sampled_from("abc")
INNER = st.dictionaries(NAMES, st.one_of(LEAVES, st.dictionaries(NAMES, LEAVES, max_size=2)), max_size=3)
OBJECTS = st.dictionaries(NAMES, st.one_of(LEAVES, INNER), max_size=3)
EASY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOURCE = frame.Source(kind="mesh", name="test", every_s=1.0)


def text(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@EASY
@given(OBJECTS, OBJECTS)
def test_what_changed_makes_the_one_of_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    kept = copy.deepcopy(before)
    assert text(delta.merge(before, delta.between(before, after))) == text(after)
    assert before == kept, "nothing is changed in place"


@EASY
@given(OBJECTS)
def test_between_the_same_there_is_nothing(same: dict[str, Any]) -> None:
    assert delta.between(same, copy.deepcopy(same)) == {}


@EASY
@given(st.lists(OBJECTS, min_size=1, max_size=6))
def test_a_row_of_changes_ends_where_the_last_frame_is(frames: list[dict[str, Any]]) -> None:
    held: dict[str, Any] = {}
    for before, after in zip([{}, *frames], frames, strict=False):
        held = delta.merge(held, delta.between(before, after))
    assert text(held) == text(frames[-1])


def test_one_and_true_are_not_the_same_to_a_page() -> None:
    assert delta.between({"a": 1}, {"a": True}) == {"a": True}


def test_what_is_not_known_or_not_finite_is_not_there() -> None:
    cell = frame.Cell(share=0.5, regret=math.nan, cost_s=math.inf)
    row = frame.Row(gap=None, cells={"10.0.0.1:1": cell})
    made = frame.plain(frame.Frame(at=1.0, source=SOURCE, services={"s": frame.Service(rows={"c": row})}))
    assert made["services"]["s"]["rows"]["c"] == {"cells": {"10.0.0.1:1": {"share": 0.5}}}
    assert "market" not in made
    assert made["schema"] == frame.SCHEMA


def test_numbers_have_four_digits_that_count_and_instants_are_kept_to_the_millisecond() -> None:
    event = frame.Event(at=1790000000.12345, kind="k", text="t")
    market = frame.Market(cycle=1, at=1790000000.9876, potential=-123456.789, potentials=(0.123456, 2.0))
    made = frame.plain(frame.Frame(at=1790000000.12345, source=SOURCE, events={"1": event}, market=market))
    assert made["at"] == made["events"]["1"]["at"] == 1790000000.123
    assert made["market"]["at"] == 1790000000.988
    assert made["market"]["potential"] == -123500.0
    assert made["market"]["potentials"] == [0.1235, 2.0]


def test_a_frame_never_says_null() -> None:
    made = frame.plain(
        frame.Frame(at=1.0, source=SOURCE, market=frame.Market(cycle=1, at=0.0, nodes={"n": frame.Node()}))
    )
    assert b"null" not in orjson.dumps(made)


def test_the_log_forgets_the_oldest_and_numbers_go_on() -> None:
    log = EventLog(kept=2)
    for text_ in ("one", "two", "three"):
        log.add(1.0, "k", text_)
    assert {number: event.text for number, event in log.events.items()} == {"2": "two", "3": "three"}


def test_a_text_that_is_too_long_is_cut() -> None:
    log = EventLog()
    log.add(1.0, "k", "x" * 5000)
    assert len(log.events["1"].text) == 300
