"""A column on the wire: the same advice at every instant, in as few slots as will do."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.advice import answer

ACTIONS = st.sampled_from(
    [{"10.0.0.1:80": 1.0}, {"10.0.0.1:80": 0.5, "10.0.0.2:80": 0.5}, {"10.0.0.2:80": 1.0}]
)


@given(
    st.integers(0, 2**40),
    st.integers(1000, 60_000),
    st.one_of(
        st.lists(ACTIONS, min_size=1, max_size=40),
        st.builds(lambda one, often: [one] * often, ACTIONS, st.integers(1, 40)),
    ),
    st.data(),
)
def test_at_every_instant_of_the_column_the_answer_says_what_the_column_says(first, slot_ms, actions, data):
    told_first, told_ms, told = answer.slots(first, slot_ms, tuple(actions))
    at_ms = data.draw(st.integers(first * slot_ms, (first + len(actions)) * slot_ms - 1))
    assert told[at_ms // told_ms - told_first] == actions[at_ms // slot_ms - first]
    assert told_ms >= slot_ms


def test_the_same_in_every_slot_is_said_twice_and_no_more():
    first, slot_ms, told = answer.slots(1_790_000_000, 1000, ({"a": 1.0},) * 21)
    assert (slot_ms, len(told)) == (21_000, 2)
    assert first * slot_ms <= 1_790_000_000_000


def test_slots_that_differ_are_said_one_by_one():
    actions = ({"a": 1.0},) * 20 + ({"b": 1.0},)
    assert answer.slots(7, 1000, actions) == (7, 1000, list(actions))


def test_no_slot_is_longer_than_sidecars_take():
    actions = ({"a": 1.0},) * 2000
    first, slot_ms, told = answer.slots(7, 3000, actions)
    assert (first, slot_ms, len(told)) == (7, 3000, 2000)
