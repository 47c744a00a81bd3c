"""Advice in the router: followed while it is good, and harmless whatever it says."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy import confidence, slots
from sidecar.policy.advice import Column
from sidecar.policy.router import NoEndpoint, Router, RouterConfig
from sidecar.policy.ticket import Ticket

A, B, C = "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"
ROUTE = "GET /"


def column(
    *actions: dict[str, float], epoch: int = 1, first: int = 0, life: float = 1e6, slot_s: float = 1.0
) -> Column:
    return Column(epoch, first, slot_s, 0.0, actions, life)


def always(action: dict[str, float], **more: float) -> Column:
    return column(*[action] * 2000, **more)


def router_of(config: RouterConfig | None = None, addresses: tuple[str, ...] = (A, B, C)) -> Router:
    router = Router(config or RouterConfig(), rng=random.Random(7))
    router.set_endpoints(addresses, 0.0)
    return router


def told(router: Router, now: float) -> dict[str, object]:
    said = router.snapshot(now)["advice"]
    assert isinstance(said, dict)
    return said


def play(
    router: Router,
    seconds: float,
    start: float = 0.0,
    rate: float = 100.0,
    took: dict[str, float] | None = None,
) -> list[Ticket]:
    """Requests one after another that take 10 ms, or what `took` says; each settled before the next but one."""
    tickets, now, rng = [], start, random.Random(11)
    while now < start + seconds:
        ticket = router.pick(ROUTE, now)
        ticket.succeeded(now + (took or {}).get(ticket.endpoint, 0.010) * (0.8 + 0.4 * rng.random()))
        tickets.append(ticket)
        now += 1.0 / rate
    return tickets


# -- following


def test_without_advice_there_is_none_to_tell() -> None:
    router = router_of()
    router.advise(None, 0.0)
    assert router.snapshot(0.0)["advice"] is None
    assert router.pick(ROUTE, 0.0).advised == ""


def test_good_advice_is_followed_by_ever_more_requests() -> None:
    router = router_of()
    router.advise(always({A: 0.5, B: 0.5}), 0.0)
    tickets = play(router, 12.0)
    first, last = tickets[:100], tickets[-200:]
    assert sum(t.reason == "advice" for t in first) < 40
    assert sum(t.reason == "advice" for t in last) > 180
    said = told(router, 12.0)
    assert said["obeys"] is True
    assert said["why"] == "obeyed"
    assert said["followed"] == sum(t.reason == "advice" for t in tickets)
    assert said["followed"] + said["ignored"] == sum(t.reason != "probe" for t in tickets)  # type: ignore[operator]


def test_a_followed_request_says_so_and_goes_where_it_was_sent() -> None:
    router = router_of()
    router.advise(always({A: 1 / 3, B: 2 / 3}), 0.0)
    for ticket in play(router, 8.0):
        if ticket.reason == "advice":
            assert ticket.advised == ticket.endpoint != C
        else:  # of an endpoint that has had its most, another is taken
            assert ticket.advised != ticket.endpoint


@pytest.mark.parametrize("shares", [{A: 0.5, B: 0.25, C: 0.25}, {A: 0.2, B: 0.4, C: 0.4}])
def test_busy_endpoints_share_as_advised(shares: dict[str, float]) -> None:
    """With many in flight the least loaded for its share is next, so counts keep to the shares."""
    router = router_of()
    router.advise(always(shares), 0.0)
    play(router, 8.0)
    router.advice and setattr(router.advice.trial, "part", 1.0)
    open_now = Counter(router.pick(ROUTE, 8.01).endpoint for _ in range(400))
    for address, share in shares.items():
        assert open_now[address] / 400 == pytest.approx(share, abs=0.05)


def test_the_action_changes_with_the_slot() -> None:
    router = router_of()
    router.advise(column(*[{A: 1.0}, {B: 1.0}] * 50, slot_s=2.0), 0.0)
    assert told(router, 0.5)["action"] == {A: 1.0}
    assert told(router, 2.5)["action"] == {B: 1.0}
    assert told(router, 4.5) | {"slot": 2} == told(router, 4.5)


def test_each_action_is_remembered_by_itself() -> None:
    router = router_of()
    router.advise(column(*[{A: 1.0}, {B: 0.5, C: 0.5}] * 50), 0.0)
    play(router, 10.0)
    assert router.advice is not None
    assert len(router.advice.confidence.trials) == 2


def test_memory_of_actions_is_bounded() -> None:
    router = router_of()
    actions = [{A: n / 1000, B: 1 - n / 1000} for n in range(confidence.MOST_ACTIONS + 40)]
    router.advise(column(*actions), 0.0)
    for second in range(len(actions)):
        router.tick(second + 0.5)
    assert router.advice is not None
    assert len(router.advice.confidence.trials) == confidence.MOST_ACTIONS


# -- when there is none for this instant


@pytest.mark.parametrize(
    ("given_column", "why"),
    [
        (column({A: 1.0}, first=100), "nothing for this slot"),
        (column({A: 1.0}, first=-50), "nothing for this slot"),
        (always({A: 1.0}, life=4.0), "expired"),
        (always({A: 1.0}, life=math.nan), "expired"),
        (always({A: 0.7}), "malformed: shares that do not sum to 1"),
        (always({A: math.nan, B: 1.0}), "malformed: a share that is not in 0..1"),
        (always({A: -1.0, B: 2.0}), "malformed: a share that is not in 0..1"),
        (always({A: math.inf}), "malformed: a share that is not in 0..1"),
        (always({}), "malformed: shares that do not sum to 1"),
        (always({"10.9.9.9:1": 1.0}), "for endpoints that are not here"),
        (always({"10.9.9.9:1": 0.6, A: 0.4}), "for endpoints that are not here"),
        (Column(1, 0, 0.0, 0.0, ({A: 1.0},), 1e6), "malformed: no times"),
        (Column(1, 0, math.nan, 0.0, ({A: 1.0},), 1e6), "malformed: no times"),
        (Column(1, 0, 1.0, math.nan, ({A: 1.0},), 1e6), "malformed: no times"),
        (Column(1, 0, 1.0, math.inf, ({A: 1.0},), 1e6), "malformed: no times"),
        (Column(1, 0, 1e-300, -1e308, ({A: 1.0},), 1e6), "malformed: no times"),
        (Column(1, 10**30, 1.0, 0.0, ({A: 1.0},), 1e6), "nothing for this slot"),
        (Column(1, 0, 1.0, 0.0, (), 1e6), "nothing for this slot"),
    ],
)
def test_what_cannot_be_meant_is_not_followed(given_column: Column, why: str) -> None:
    router, rival = router_of(), router_of()
    router.advise(given_column, 5.0)
    picks = [ticket.endpoint for ticket in play(router, 1.0, start=5.0)]
    assert picks == [ticket.endpoint for ticket in play(rival, 1.0, start=5.0)]
    said = told(router, 6.0)
    assert (said["why"], said["obeys"], said["action"]) == (why, False, {})


def test_after_expiry_requests_go_as_without_advice() -> None:
    router = router_of()
    router.advise(always({A: 0.5, B: 0.5}, life=6.0), 0.0)
    assert any(t.reason == "advice" for t in play(router, 5.9))
    assert not any(t.reason == "advice" for t in play(router, 3.0, start=6.1))
    assert told(router, 9.0)["why"] == "expired"


def test_withdrawn_advice_is_followed_no_more() -> None:
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    play(router, 5.0)
    router.advise(None, 5.0)
    assert not any(t.reason == "advice" for t in play(router, 2.0, start=5.1))
    assert told(router, 7.2)["epoch"] is None


def test_an_older_epoch_waits_until_the_newer_has_expired() -> None:
    router = router_of()
    router.advise(always({A: 1.0}, epoch=9, life=10.0), 0.0)
    router.advise(always({B: 1.0}, epoch=3), 1.0)
    assert told(router, 2.0)["epoch"] == 9
    router.advise(always({B: 1.0}, epoch=3), 10.5)
    assert told(router, 11.0)["epoch"] == 3


def test_shares_of_endpoints_that_left_are_our_own_mixs_business() -> None:
    router = router_of(addresses=(A, B, C, "10.0.0.4:8080"))
    router.advise(always({A: 0.4, B: 0.4, "10.0.0.4:8080": 0.2}), 0.0)
    play(router, 8.0)
    router.set_endpoints([A, B, C], 8.0)
    tickets = play(router, 5.0, start=8.1)
    followed = [t for t in tickets if t.reason == "advice"]
    assert {t.endpoint for t in followed} == {A, B}
    assert 0.7 < len(followed) / len(tickets) < 0.9


# -- lies


def test_an_endpoint_much_slower_than_the_others_is_not_taken() -> None:
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    tickets = play(router, 20.0, took={A: 0.5})
    assert sum(t.endpoint == A for t in tickets) < 0.02 * len(tickets)
    assert router.advice is not None
    assert router.advice.disobeyed >= 1
    assert part_of(router) <= confidence.FIRST, "what nobody follows earns nothing"


def test_an_endpoint_that_hangs_is_not_taken() -> None:
    router, now = router_of(), 0.0
    router.advise(always({A: 1.0}), 0.0)
    asked: Counter[str] = Counter()
    while now < 20.0:
        ticket = router.pick(ROUTE, now)
        asked[ticket.endpoint] += 1
        if ticket.endpoint != A:
            ticket.succeeded(now + 0.01)
        now += 0.01
    assert asked[A] < 40


def test_an_ejected_endpoint_is_not_taken() -> None:
    router, now = router_of(), 0.0
    router.advise(always({A: 1.0}), 0.0)
    failed = 0
    while now < 20.0:
        ticket = router.pick(ROUTE, now)
        if ticket.endpoint == A:
            ticket.failed(now + 0.001)
            failed += 1
        else:
            ticket.succeeded(now + 0.01)
        now += 0.01
    assert failed < 20


def test_a_lie_that_the_veto_lets_pass_is_found_by_what_it_costs() -> None:
    """Twice as slow is no trouble of the endpoint; it is regretted all the same."""
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    tickets = play(router, 30.0, took={A: 0.022})
    assert router.advice is not None
    assert router.advice.disobeyed >= 1
    assert sum(t.reason == "advice" for t in tickets[1000:]) < 0.02 * len(tickets)


def test_a_liar_who_never_repeats_himself_is_found() -> None:
    router, rng = router_of(), random.Random(5)
    slow = [{A: 1 - x, B: x} for x in (rng.random() * 0.02 for _ in range(200))]
    router.advise(column(*slow), 0.0)
    play(router, 30.0, took={A: 0.022})
    assert router.advice is not None
    assert router.advice.disobeyed >= 1


def test_trust_returns_and_is_lost_for_longer() -> None:
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    tickets = play(router, 300.0, took={A: 0.022})
    assert router.advice is not None
    assert 2 <= router.advice.disobeyed <= 6
    assert router.advice.everything.trust.lost_s + router.advice.trial.trust.lost_s > 10.0
    assert sum(t.reason == "advice" for t in tickets) < 0.01 * len(tickets)


def test_after_a_lie_good_advice_is_obeyed_again() -> None:
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    play(router, 8.0, took={A: 0.5})
    router.advise(always({B: 0.5, C: 0.5}, epoch=2), 8.0)
    assert [t.reason for t in play(router, 30.0, start=8.0, took={A: 0.5})[-100:]].count("advice") > 80


def test_trust_belongs_to_what_it_was_earned_with() -> None:
    """Who was honest for a minute and then herds everybody begins with an eighth; what is much the same goes on."""
    router = router_of()
    router.advise(always({B: 0.5, C: 0.5}), 0.0)
    play(router, 10.0)
    router.advise(always({B: 0.6, C: 0.4}, epoch=2), 10.0)
    assert sum(t.reason == "advice" for t in play(router, 1.0, start=10.0)) > 80
    router.advise(always({A: 1.0}, epoch=3), 11.0)
    assert sum(t.reason == "advice" for t in play(router, 1.0, start=11.0)) < 30
    router.advise(always({B: 0.6, C: 0.4}, epoch=4), 12.0)
    assert sum(t.reason == "advice" for t in play(router, 1.0, start=12.0)) > 80


POD = [f"10.0.1.{n}:8080" for n in range(50)]


def part_of(router: Router) -> float:
    """Of the requests that follow, now."""
    assert router.advice is not None
    return router.advice.trial.part


@pytest.mark.parametrize(
    ("told_to", "most"),
    [(1, confidence.UNEARNED / 50), (5, 5 * confidence.UNEARNED / 50), (25, confidence.FIRST)],
)
def test_what_all_are_told_at_first_adds_only_so_much_to_an_endpoints_load(told_to: int, most: float) -> None:
    """All on one of fifty is the worst lie: if everybody hears it, as much as it had is added there."""
    router = router_of(addresses=tuple(POD))
    router.advise(always(dict.fromkeys(POD[:told_to], 1 / told_to)), 0.0)
    assert part_of(router) == pytest.approx(most)


def test_an_endpoint_that_has_little_from_us_gets_little_at_first() -> None:
    router = router_of(addresses=tuple(POD))
    play(router, 60.0, took={POD[0]: 0.030})
    router.advise(always({POD[0]: 1.0}), 60.0)
    slow = part_of(router)
    router.advise(always({POD[1]: 1.0}, epoch=2), 60.0)
    assert slow < part_of(router) < confidence.FIRST
    assert slow >= confidence.UNEARNED * slots.LEAST_MIX / 50


def test_small_beginnings_grow_as_fast() -> None:
    """Fewer answers are waited for while less is at stake."""
    router = router_of(addresses=tuple(POD))
    router.advise(always(dict.fromkeys(POD[:3], 1 / 3)), 0.0)
    assert part_of(router) < confidence.FIRST
    play(router, 15.0)
    assert part_of(router) == 1.0 - confidence.COMPARED


def test_trust_passes_on_to_what_crowds_no_more() -> None:
    """Another block of as many endpoints goes on, at first with less; all on one endpoint starts again."""
    router = router_of(addresses=tuple(POD))
    router.advise(always(dict.fromkeys(POD[:6], 1 / 6)), 0.0)
    play(router, 15.0)
    router.advise(always(dict.fromkeys(POD[5:11], 1 / 6), epoch=2), 15.0)
    assert confidence.FIRST < part_of(router) < 1.0 - confidence.COMPARED
    router.advise(always({POD[20]: 1.0}, epoch=3), 15.1)
    assert part_of(router) < 2 * confidence.UNEARNED / 50


def test_a_lie_does_not_hide_in_what_has_earned_trust() -> None:
    """A quarter more to one endpoint, from everybody, is much for it, however well known the rest is."""
    router = router_of(addresses=tuple(POD))
    honest = dict.fromkeys(POD[:6], 1 / 6)
    router.advise(always(honest), 0.0)
    play(router, 15.0)
    nearly = dict.fromkeys(POD[:6], 0.95 / 6) | {POD[6]: 0.05}
    router.advise(always(nearly, epoch=2), 15.0)
    assert part_of(router) > 0.9
    herded = {address: 0.6 * share for address, share in honest.items()} | {POD[7]: 0.4}
    router.advise(always(herded, epoch=3), 15.1)
    assert part_of(router) < 0.6


def test_no_endpoint_gets_more_than_its_most() -> None:
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    tickets = play(router, 20.0)
    assert sum(t.endpoint == A for t in tickets[-500:]) < 0.9 * 500
    assert told(router, 20.0)["ignored_because"]["share"] > 0  # type: ignore[index]


shares = st.dictionaries(
    st.sampled_from([A, B, C, "10.0.0.9:1", ""]), st.floats(allow_nan=True, allow_infinity=True), max_size=4
)


@given(
    actions=st.lists(shares, max_size=5),
    first=st.integers(-(10**20), 10**20),
    slot_s=st.floats(allow_nan=True),
    zero_at=st.floats(allow_nan=True),
    expires_at=st.floats(allow_nan=True),
    epoch=st.integers(),
)
@settings(deadline=None)
def test_nothing_that_is_advised_stops_a_request(
    actions: list[dict[str, float]], first: int, slot_s: float, zero_at: float, expires_at: float, epoch: int
) -> None:
    router = router_of()
    router.advise(Column(epoch, first, slot_s, zero_at, tuple(actions), expires_at), 1.0)
    for ticket in play(router, 0.3, start=1.0):
        assert ticket.endpoint in (A, B, C)
    router.snapshot(2.0)


# -- what goes on as without


def test_a_second_attempt_is_our_own_business() -> None:
    router = router_of()
    router.advise(always({A: 0.5, B: 0.5}), 0.0)
    play(router, 6.0)
    for _ in range(50):
        ticket = router.pick(ROUTE, 6.1, exclude={A})
        assert (ticket.endpoint != A, ticket.reason, ticket.advised) == (True, "best-of-mix", "")
        ticket.succeeded(6.1)


def test_probes_go_on() -> None:
    router = router_of()
    router.advise(always({A: 0.5, B: 0.5}), 0.0)
    play(router, 2.0, took={C: 0.4})
    assert any(t.reason == "probe" for t in play(router, 60.0, start=2.0, took={C: 0.4}))


def test_who_observes_never_obeys_and_says_what_it_would() -> None:
    router = router_of(RouterConfig(observe=True))
    router.advise(always({A: 1.0}), 0.0)
    tickets = play(router, 8.0)
    assert {t.reason for t in tickets} == {"observe"}
    said = told(router, 8.0)
    assert said["followed"] == 0
    assert said["ignored_because"] == {"observe": len(tickets)}
    would = router.snapshot(8.0)["would"]
    assert isinstance(would, dict)
    assert would[A] > would[B]


def test_round_robin_takes_no_advice() -> None:
    router, rival = (router_of(RouterConfig(learner="none", strategy="none")) for _ in range(2))
    router.advise(always({A: 1.0}), 0.0)
    assert [router.pick(ROUTE, 0.1).endpoint for _ in range(9)] == [
        rival.pick(ROUTE, 0.1).endpoint for _ in range(9)
    ]
    said = told(router, 1.0)
    assert (said["obeys"], said["action"]) == (False, {A: 1.0})


def test_in_a_panic_advice_is_not_asked() -> None:
    router = router_of()
    router.advise(always({A: 1.0}), 0.0)
    play(router, 6.0)
    for standing in router.roster.playing:
        standing.health = "ejected"
    router.health.review(router.roster.playing)
    assert {router.pick(ROUTE, 6.1).reason for _ in range(30)} == {"panic"}


def test_without_endpoints_there_is_nothing_to_advise() -> None:
    router = Router(rng=random.Random(1))
    router.advise(always({A: 1.0}), 0.0)
    with pytest.raises(NoEndpoint):
        router.pick(ROUTE, 0.1)
    router.set_endpoints([A], 0.2)
    assert router.pick(ROUTE, 0.3).endpoint == A


def test_words_explain_what_was_advised() -> None:
    router = router_of()
    router.advise(always({A: 0.5, B: 0.5}, epoch=13), 0.0)
    play(router, 12.0)
    words = router.explain({A: "bus-1", B: "bus-2"}, 12.0)
    assert "epoch 13" in words
    assert "bus-1 50%" in words
    assert "as the coordinator advised" in words
