"""What one candidate does next, and for how long it believes, told step by step."""

import pytest

from coordinator.policy.leadership import RELEASED_S, SHARE, Elector, Read, Record, Terms, Wait, Write

TERMS = Terms(duration_s=15, renew_s=3, retry_s=2)
BELIEF_S = SHARE * 15


def elector(identity: str = "a") -> Elector:
    return Elector(identity, TERMS, lambda _, most: most)


def record(holder: str = "b", version: str = "1", **fields: object) -> Record:
    return Record(**{"holder": holder, "version": version, "uid": "u", "duration_s": 15} | fields)


def leading(at: float = 0.0) -> Elector:
    """It took over a record that was free; the renewal was sent at `at`."""
    one = elector()
    one.read(record(""), at - 15)
    assert isinstance(one.step(at), Write)
    one.written(record("a", "2"), at + 0.1)
    assert one.left_s(at + 0.1) > 0
    return one


def test_it_reads_before_anything_else():
    assert elector().step(0) == Read()


def test_belief_counts_from_when_the_renewal_was_sent_and_not_from_the_answer():
    one = elector()
    one.read(record(""), 0)
    one.step(15)
    assert one.left_s(16) == 0, "sent is not accepted"
    one.written(record("a", "2"), 18)
    assert one.left_s(18) == pytest.approx(BELIEF_S - 3)


def test_an_answer_later_than_the_lease_lasts_gives_nothing():
    one = elector()
    one.read(record(""), 0)
    one.step(15)
    one.written(record("a", "2"), 15 + 20)
    assert one.left_s(15 + 20) == 0


def test_a_follower_waits_the_whole_duration_from_when_it_first_saw_the_record():
    one = elector()
    one.step(100)
    one.read(record(), 100)
    for now in (102, 104, 106, 108, 110, 112, 114):
        assert one.step(now) == Read()
        one.read(record(), now)
    assert one.step(114.9) == Wait(pytest.approx(0.1))
    assert one.step(115) == Write(holder="a", duration_s=15, transitions=1, version="1", acquired=True)


def test_a_follower_starts_waiting_anew_whenever_the_record_changes():
    one = elector()
    one.read(record(version="1"), 0)
    one.read(record(version="2"), 14)
    assert isinstance(one.step(15), Wait)
    one.step(16)
    one.read(record(version="2"), 16)
    assert isinstance(one.step(28.9), Read), "it looks, and does not write"
    assert isinstance(one.step(29), Write)


def test_the_duration_that_counts_is_the_one_in_the_record():
    one = elector()
    one.read(record(duration_s=60), 0)
    assert isinstance(one.step(15), Read)
    assert isinstance(one.step(60), Write)


def test_a_record_that_names_no_duration_is_waited_for_with_our_own():
    one = elector()
    one.read(record("", duration_s=None), 0)
    assert isinstance(one.step(14.9), Read)
    assert isinstance(one.step(15), Write)


def test_a_released_record_is_free_after_a_second():
    one = elector()
    one.read(record("", duration_s=RELEASED_S), 0)
    assert one.step(0.5) == Wait(0.5)
    assert isinstance(one.step(1), Write)


def test_it_renews_on_time_with_the_version_it_knows_and_the_same_transitions():
    one = leading()
    assert isinstance(one.step(2.9), Wait)
    assert one.step(3) == Write(holder="a", duration_s=15, transitions=0, version="2", acquired=False)


def test_a_renewal_whose_end_nobody_knows_leaves_belief_as_it_was_and_is_followed_by_a_read():
    one = leading()
    one.step(3)
    one.lost(6)
    assert one.left_s(6) == pytest.approx(BELIEF_S - 6)
    step = one.step(6)
    assert isinstance(step, Wait)
    assert step.seconds <= 1
    assert one.step(6 + step.seconds) == Read()
    one.read(record("a", "3"), 7.5)
    assert one.left_s(7.5) == pytest.approx(BELIEF_S - 7.5), "that it was written is no answer to when"
    assert one.step(7.5) == Write(holder="a", duration_s=15, transitions=0, version="3", acquired=False)


def test_one_who_hears_nothing_writes_nothing():
    one = elector()
    one.read(record(), 0)
    one.step(2)
    one.lost(5)
    assert one.step(16) == Read(), "the record would be free, but do answers get here?"


def test_three_lost_requests_in_a_row_end_belief_without_anybody_saying_so():
    one = leading()
    now = 0.0
    while now < 15:
        step = one.step(now)
        if isinstance(step, Wait):
            now += step.seconds
        else:
            now += TERMS.timeout_s
            one.lost(now)
    assert one.left_s(BELIEF_S) == 0
    assert one.left_s(BELIEF_S - 0.1) > 0


def test_a_conflict_is_followed_by_a_read_and_ends_nothing_by_itself():
    one = leading()
    one.step(3)
    one.refused(3.1)
    assert one.left_s(3.1) > 0
    assert one.step(3.5) == Read()


def test_seeing_another_holder_ends_belief_at_once():
    one = leading()
    one.step(3)
    one.refused(3.1)
    one.read(record("b", "7"), 3.6)
    assert one.left_s(3.6) == 0
    assert isinstance(one.step(4), Wait)


def test_a_record_that_is_not_there_is_made_and_leads_only_a_duration_later():
    one = elector()
    one.step(0)
    one.read(None, 0)
    assert one.step(0) == Write(holder="a", duration_s=15, transitions=0, version=None, acquired=True)
    one.written(record("a", "1"), 0.1)
    now = 0.1
    while now < 15.1:
        assert one.left_s(now) == 0, "whoever held one that was deleted may still believe"
        step = one.step(now)
        if isinstance(step, Write):
            one.written(record("a", str(now)), now)
        else:
            now += step.seconds
    assert one.left_s(now) > 0


def test_a_record_that_we_made_without_hearing_so_waits_as_long():
    one = elector()
    one.read(None, 0)
    one.step(0)
    one.lost(3)
    one.read(record("a", "1"), 5)
    one.step(5)
    one.written(record("a", "2"), 5.1)
    assert one.left_s(15.5) == 0, "though it believes from a renewal by now, had it not made the record"


def test_a_leader_whose_record_is_deleted_keeps_what_it_had_and_no_more():
    one = leading()
    one.step(3)
    one.refused(3.1)
    one.read(None, 3.4)
    assert one.step(3.4).version is None
    one.written(record("a", "9", uid="new"), 3.5)
    assert one.left_s(3.5) == pytest.approx(BELIEF_S - 3.5)
    one.step(6.4)
    one.written(record("a", "10", uid="new"), 6.5)
    assert one.left_s(BELIEF_S) == 0
    one.step(17)
    one.written(record("a", "11", uid="new"), 17.1)
    assert one.left_s(18.4) == 0
    assert one.left_s(18.6) > 0


def test_a_record_with_our_name_from_a_former_life_is_not_ours():
    one = elector("a")
    one.read(record("a", "1"), 0)
    assert one.left_s(1) == 0
    assert one.step(3) == Read()
    assert one.step(15).acquired


def test_going_leaves_the_record_free_and_believes_nothing_from_then_on():
    one = leading()
    one.resign()
    assert one.left_s(0.2) == 0
    assert one.step(0.2) == Write(
        holder="", duration_s=RELEASED_S, transitions=0, version="2", acquired=False
    )
    one.written(record("", "3"), 0.3)
    assert one.step(0.3) == Wait(float("inf"))
    assert one.left_s(0.3) == 0


def test_going_in_the_middle_of_a_renewal_reads_first():
    one = leading()
    one.step(3)
    one.resign()
    one.written(record("a", "3"), 3.1)
    assert one.left_s(3.1) == 0
    assert isinstance(one.step(3.1), Write)
    one.refused(3.2)
    assert one.step(3.2) == Read()
    one.read(record("b", "4"), 3.3)
    assert one.step(3.3) == Wait(float("inf")), "it is another's"


def test_going_while_nobody_knows_whether_a_renewal_was_done_reads_first():
    one = leading()
    one.step(3)
    one.resign()
    assert one.step(3.1) == Read()


def test_going_right_after_making_the_record_does_not_free_it():
    one = elector()
    one.read(None, 0)
    one.step(0)
    one.written(record("a", "1"), 0.1)
    one.resign()
    assert one.step(5) == Wait(float("inf")), "else the next would lead before the former has run out"


def test_one_who_never_wrote_goes_without_a_word():
    one = elector()
    one.resign()
    assert one.step(0) == Wait(float("inf"))


def test_a_server_that_asks_for_patience_gets_it_within_reason():
    for asked_s, waited_s in ((0.0, 2.0), (2.5, 2.5), (3600.0, TERMS.timeout_s)):
        one = elector()
        one.step(0)
        one.lost(0, asked_s)
        assert one.step(0) == Wait(waited_s)


def test_a_process_that_stood_still_believes_nothing_and_writes_what_it_knows_only_by_compare_and_swap():
    one = leading()
    assert one.left_s(1000) == 0
    assert one.step(1000) == Write(holder="a", duration_s=15, transitions=0, version="2", acquired=False)
    one.refused(1000.1)
    one.read(record("b", "50"), 1000.5)
    assert one.left_s(1000.5) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"duration_s": 0.5},
        {"duration_s": 1.5},
        {"renew_s": 0},
        {"renew_s": 8},
        {"retry_s": 0},
        {"retry_s": 9},
        {"duration_s": float("nan")},
    ],
)
def test_terms_that_cannot_work_are_refused(fields):
    with pytest.raises(ValueError, match="allowed"):
        Terms(**fields)


def test_whoever_makes_a_deleted_record_anew_waits_as_long_as_the_one_before_may_believe():
    one = elector()
    one.read(record(duration_s=60), 0)
    one.read(None, 1)
    assert isinstance(one.step(1), Write)
    one.written(record("a", "2", uid="v"), 1)
    for now in range(2, 61):
        assert one.left_s(now) == 0, "its holder may not know yet"
        if isinstance(step := one.step(now), Write):
            one.written(record("a", f"{now + 2}", uid="v"), now)
        else:
            assert isinstance(step, Wait)
    one.step(61)
    one.written(record("a", "99", uid="v"), 61)
    assert one.left_s(61) == pytest.approx(BELIEF_S)
