"""What is said of callers: the newest word counts, wherever it came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.store import gossip
from coordinator.store.gossip import KEPT_S, Gossip
from coordinator.store.interface import Standing


def said(score, at, caller="default/x", target="default/bus", punished=False):
    return Standing(caller=caller, target=target, score=score, punished=punished, at=at)


def test_the_newest_word_counts_whatever_the_order():
    for words in ([said(0.9, 100), said(0.4, 200)], [said(0.4, 200), said(0.9, 100)]):
        known = Gossip()
        known.hear(words, 200.0)
        assert known.known["default/x", "default/bus"].score == 0.4


def test_what_is_old_is_forgotten_and_what_comes_late_is_not_taken():
    known = Gossip()
    known.hear([said(0.4, 100)], 100.0)
    known.forget(100.0 + KEPT_S + 1)
    assert len(known) == 0
    known.hear([said(0.4, 100)], 101.0 + KEPT_S)
    assert len(known) == 0


def test_a_clock_far_ahead_is_not_believed():
    known = Gossip()
    known.hear([said(0.1, 10_000)], 100.0)
    assert len(known) == 0


def test_it_is_bounded_and_the_oldest_go_first(monkeypatch):
    monkeypatch.setattr(gossip, "MOST", 3)
    known = Gossip()
    known.hear([said(0.5, 100 + i, caller=f"default/c{i}") for i in range(5)], 110.0)
    assert {pair[0] for pair in known.known} == {"default/c2", "default/c3", "default/c4"}


WORDS = st.lists(
    st.builds(
        said,
        st.floats(0, 1),
        st.integers(0, 100),
        st.sampled_from(["a/x", "a/y"]),
        st.sampled_from(["a/b", "a/c"]),
    ),
    max_size=12,
)


@given(WORDS, WORDS)
def test_two_that_heard_the_same_know_the_same(one, two):
    left, right = Gossip(), Gossip()
    left.hear([*one, *two], 100.0)
    right.hear(two, 100.0)
    right.hear(one, 100.0)
    assert left.known == right.known


@given(st.builds(said, st.floats(0, 1), st.floats(0, 1e9), punished=st.booleans()))
def test_a_word_survives_being_written_down(word):
    assert gossip.of_plain((word.caller, word.target), gossip.plain(word)) == word


@pytest.mark.parametrize(
    "found", [None, 3, {}, {"score": 2, "punished": False, "at": 1}, {"score": 1, "punished": 1, "at": 1}]
)
def test_what_is_no_word_is_a_value_error(found):
    with pytest.raises(ValueError, match="no standing"):
        gossip.of_plain(("a/x", "a/y"), found)


def test_looking_through_all_of_them_is_not_every_reports_price(monkeypatch):
    looks = []
    whole = Gossip.forget
    monkeypatch.setattr(gossip, "MOST", 64)
    monkeypatch.setattr(Gossip, "forget", lambda self, wall_s: (looks.append(1), whole(self, wall_s)))
    known = Gossip()
    for i in range(640):
        known.hear([said(0.5, 100 + i / 10, caller=f"default/c{i}")], 164.0)
        assert len(known) <= 64
    assert len(looks) < 640 / 4
