"""The gate: who goes in, who waits, who is refused. Virtual time; an application behind it where it matters."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.admission import ADMITTED, OVER, QUEUED, REFUSED, Admission, AdmissionConfig, Ask
from sidecar.policy.overload.limit import FixedLimit, Limit
from sidecar.policy.overload.limits import make
from tests.game.play import bounded
from tests.policy.rush import SERVICE_S, WORKERS, Caller, Rush

CAPACITY = WORKERS / SERVICE_S


def gate(slots: int = 2, **config: float) -> Admission:
    """A gate of so many slots."""
    settings = AdmissionConfig(**config)  # type: ignore[arg-type]
    return Admission(settings, FixedLimit(slots), random.Random(1))


def full(slots: int = 2, **config: float) -> tuple[Admission, list[Ask]]:
    """A gate whose slots are all taken, and who took them."""
    the_gate = gate(slots, **config)
    inside = [Ask("inside", 1.0, 0.0) for _ in range(slots)]
    assert [the_gate.arrive(ask, 0.0) for ask in inside] == [""] * slots
    return the_gate, inside


def known(slots: int = 2, took_s: float = 0.1, **config: float) -> tuple[Admission, list[Ask]]:
    """A full gate that knows how long an answer takes; the time is 100 s."""
    the_gate = gate(slots, **config)
    the_gate.sweep(0.0)
    for n in range(40):
        asks = [Ask("inside", 1.0, n * took_s) for _ in range(slots)]
        for ask in asks:
            the_gate.arrive(ask, n * took_s)
        for ask in asks:
            the_gate.finish(ask, (n + 1) * took_s, took_s=took_s)
    inside = [Ask("inside", 1.0, 100.0) for _ in range(slots)]
    for ask in inside:
        the_gate.arrive(ask, 100.0)
    the_gate.sweep(100.0)
    return the_gate, inside


def rush(
    callers: dict[str, Caller], seconds: float = 20.0, limit: Limit | None = None, **config: float
) -> Rush:
    """These callers at the gate of an application of eight workers."""
    settings = AdmissionConfig(**config)  # type: ignore[arg-type]
    return Rush(limit or FixedLimit(WORKERS), settings).run(seconds, callers)


# -- slots


def test_while_there_is_room_everybody_walks_in() -> None:
    the_gate = gate(3)
    asks = [Ask("a", 1.0, 0.0) for _ in range(3)]
    assert [the_gate.arrive(ask, 0.5) for ask in asks] == ["", "", ""]
    assert {(ask.state, ask.admitted_at) for ask in asks} == {(ADMITTED, 0.5)}
    assert (the_gate.in_flight, the_gate.utilisation, the_gate.room.callers) == (3, 1.0, 0), (
        "and nothing is kept of it"
    )


def test_without_room_one_waits_and_goes_in_when_another_is_over() -> None:
    the_gate, inside = full()
    ask = Ask("a", 1.0, 1.0)
    assert the_gate.arrive(ask, 1.0) == "queued"
    assert (ask.state, the_gate.queued) == (QUEUED, 1)
    assert the_gate.finish(inside[0], 1.2, took_s=0.2) is ask
    assert (ask.state, ask.admitted_at, the_gate.in_flight, the_gate.queued) == (ADMITTED, 1.2, 2, 0)


def test_nobody_overtakes_who_waits() -> None:
    the_gate, _ = full()
    the_gate.arrive(Ask("a", 1.0, 1.0), 1.0)
    the_gate._limit.value = 3  # grown, and nobody has called next yet
    the_gate.sweep(1.0)
    assert the_gate.arrive(Ask("b", 1.0, 1.1), 1.1) == "queued"


def test_a_request_is_over_only_once() -> None:
    the_gate, inside = full()
    the_gate.finish(inside[0], 1.0, took_s=None)
    assert the_gate.finish(inside[0], 1.0, took_s=None) is None
    assert the_gate.in_flight == 1, "a slot given back twice"


def test_one_that_was_never_admitted_has_no_slot_to_give_back() -> None:
    the_gate, _ = full()
    ask = Ask("a", 1.0, 1.0)
    the_gate.arrive(ask, 1.0)
    assert the_gate.finish(ask, 1.0, took_s=None) is None
    assert (the_gate.in_flight, the_gate.queued) == (2, 1)


def test_a_limit_that_grew_lets_in_several() -> None:
    the_gate, inside = full(2)
    waiting = [Ask("a", 1.0, 1.0) for _ in range(4)]
    for ask in waiting:
        the_gate.arrive(ask, 1.0)
    the_gate._limit.value = 5
    the_gate.sweep(1.0)
    let_in = [the_gate.finish(inside[0], 1.0, took_s=None)]
    while (ask_in := the_gate.next(1.0)) is not None:
        let_in.append(ask_in)
    assert let_in == waiting[:4]
    assert the_gate.in_flight == 5


def at_a_rate(the_gate: Admission, per_s: int, start: float, seconds: float) -> int:
    """Requests of no length, evenly; how many went in."""
    went_in = 0
    for n in range(int(seconds * per_s)):
        now = start + n / per_s
        if n % max(1, per_s // 20) == 0:
            the_gate.sweep(now)
        ask: Ask | None = Ask("a", 1.0, now)
        assert ask is not None
        if the_gate.arrive(ask, now) != "":
            ask = the_gate.next(now)
        while ask is not None:
            went_in += 1
            ask = the_gate.finish(ask, now, took_s=0.001) or the_gate.next(now)
    return went_in


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.1])
def test_the_scale_is_a_share_of_the_usual_rate_however_few_the_requests_in_flight(scale: float) -> None:
    the_gate = gate(100)
    assert at_a_rate(the_gate, 200, 0.0, 10.0) == 2000
    the_gate.scale = scale
    assert at_a_rate(the_gate, 200, 10.0, 10.0) == pytest.approx(2000 * scale, rel=0.1)
    the_gate.scale = 1.0
    assert at_a_rate(the_gate, 200, 20.0, 10.0) >= 2000, "and all of it afterwards"


def test_what_is_usual_is_not_unlearned_while_less_is_done() -> None:
    the_gate = gate(100)
    at_a_rate(the_gate, 200, 0.0, 10.0)
    for n, scale in enumerate((0.5, 0.25, 0.5)):
        the_gate.scale = scale
        went_in = at_a_rate(the_gate, 200, 10.0 + 30.0 * n, 30.0)
        assert went_in == pytest.approx(6000 * scale, rel=0.1)


def test_the_scale_multiplies_the_limit_and_leaves_a_slot() -> None:
    the_gate = gate(10)
    seen = []
    for scale in (0.5, 0.1, 0.0, -1.0, math.nan, 7.0):
        the_gate.scale = scale
        seen.append(the_gate.slots)
    assert seen == [5, 1, 1, 1, 1, 10]


def test_an_overloaded_application_gets_less() -> None:
    the_gate = Admission(AdmissionConfig(), make("gradient", 100), random.Random(1))
    the_gate.overloaded(1.0)
    assert the_gate.slots == 90


# -- the waiting room


@bounded(100)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["arrive", "arrive", "over", "leave"])),
        max_size=150,
    ),
    st.integers(1, 20),
)
def test_the_queue_is_never_above_its_bound_and_no_slot_is_lost(
    happenings: list[tuple[str, str]], slots: int
) -> None:
    the_gate = gate(slots, least_queue=4)
    asks: list[Ask] = []
    for n, (caller, what) in enumerate(happenings):
        now = n * 0.01
        if what == "arrive":
            asks.append(Ask(caller, 1.0 + ord(caller) % 3, now, bid=n % 3))
            the_gate.arrive(asks[-1], now)
        elif what == "over":
            inside = [ask for ask in asks if ask.state == ADMITTED]
            if inside:
                the_gate.finish(inside[0], now, took_s=0.1)
        else:
            for ask in [ask for ask in asks if ask.state == QUEUED][:1]:
                the_gate.withdraw(ask, now)
        states = [ask.state for ask in asks]
        assert the_gate.queued <= the_gate.room.bound == max(4, slots // 2)
        assert the_gate.in_flight == states.count(ADMITTED) <= slots
        assert the_gate.queued == states.count(QUEUED)
        assert states.count(REFUSED) == sum(the_gate.drops.values())
        assert the_gate.queued == 0 or the_gate.in_flight == slots, "a slot idles while somebody waits"


def test_the_queue_has_half_as_many_places_as_there_are_slots_but_some_at_least() -> None:
    assert [gate(slots).room.bound for slots in (1, 16, 100)] == [10, 10, 50]


def test_the_flooder_crowds_out_itself() -> None:
    the_gate, _ = full(least_queue=8)
    meek = [Ask("meek", 1.0, 0.0) for _ in range(3)]
    for ask in meek:
        the_gate.arrive(ask, 0.0)
    for n in range(100):
        the_gate.arrive(Ask("flood", 1.0, n / 1000), n / 1000)
    assert [ask.state for ask in meek] == [QUEUED] * 3
    assert the_gate.queued == 8
    assert the_gate.drops["full"] + the_gate.drops["red"] == 95


def test_a_caller_within_its_share_makes_room_for_itself() -> None:
    the_gate, _ = full(least_queue=8)
    flood = [Ask("flood", 1.0, 0.0) for _ in range(200)]
    for ask in flood:
        the_gate.arrive(ask, 0.0)
    assert the_gate.room.fill == 1.0
    ask = Ask("meek", 1.0, 0.1)
    assert the_gate.arrive(ask, 0.1) == "queued"
    gone = the_gate.evicted
    assert gone is not None
    assert (gone.caller, gone.state, gone.cause) == ("flood", REFUSED, "full")
    assert gone is [waited for waited in flood if waited is gone or waited.state == QUEUED][-1], "the newest"


@bounded(200)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=200),
    st.lists(st.floats(0.1, 10.0), min_size=6, max_size=6),
)
def test_nobody_within_its_share_of_the_places_is_evicted(
    arrivals: list[tuple[int, bool]], weights: list[float]
) -> None:
    the_gate, inside = full(1, least_queue=8)
    now = 0.0
    for who, over in arrivals:
        now += 0.001
        if over:
            inside.append(the_gate.finish(inside[-1], now, took_s=None) or inside[-1])
        ask = Ask(str(who), weights[who], now)
        said = the_gate.arrive(ask, now)
        gone = ask if said == "full" else the_gate.evicted
        if said == "":
            inside.append(ask)
        if gone is not None:
            flows = the_gate._waiting.backlogged
            total = sum(weights[int(name)] for name in {*flows, gone.caller})
            places = the_gate._waiting.backlog(gone.caller) + 1
            assert places > the_gate.room.bound * gone.weight / total, (
                "it had no more than its part of the places"
            )


def test_early_refusals_hit_those_beyond_their_share() -> None:
    callers = {"flood": Caller(3.0 * CAPACITY), "meek": Caller(0.2 * CAPACITY)}
    world = rush(callers, limit=FixedLimit(40))
    red = [visit.ask.caller for visit in world.visits if visit.ask.cause == "red"]
    assert red.count("flood") > 1000
    assert red.count("meek") <= 0.01 * sum(visit.ask.caller == "meek" for visit in world.visits)


def test_a_client_that_left_waits_no_longer() -> None:
    the_gate, inside = full()
    first, second = Ask("a", 1.0, 0.1), Ask("a", 1.0, 0.1)
    the_gate.arrive(first, 0.1)
    the_gate.arrive(second, 0.1)
    the_gate.withdraw(first, 0.2)
    the_gate.withdraw(first, 0.2)
    assert (first.state, the_gate.queued) == (OVER, 1)
    assert the_gate.finish(inside[0], 0.3, took_s=None) is second


def test_nobody_waits_for_ever() -> None:
    the_gate, _ = full(most_wait_s=0.5)
    ask = Ask("a", 1.0, 1.0)
    the_gate.arrive(ask, 1.0)
    assert the_gate.sweep(1.45) == []
    assert the_gate.sweep(1.5) == [ask]
    assert (ask.state, ask.cause, the_gate.queued, the_gate.drops["full"]) == (REFUSED, "full", 0, 1)


# -- fairness


def test_budgets_three_to_one_are_admitted_three_to_one() -> None:
    world = rush({"rich": Caller(2 * CAPACITY, 3.0), "poor": Caller(2 * CAPACITY, 1.0)})
    assert world.served("rich", 2.0) / world.served("poor", 2.0) == pytest.approx(3.0, rel=0.1)
    assert world.goodput(2.0) >= 0.95 * CAPACITY, "being fair must not waste the application"
    assert world.overfull == 0


@pytest.mark.parametrize("name", ["gradient", "aimd"])
def test_that_holds_with_a_limit_that_moves(name: str) -> None:
    callers = {"rich": Caller(2 * CAPACITY, 3.0), "poor": Caller(2 * CAPACITY, 1.0)}
    world = rush(callers, 30.0, limit=make(name, 100))
    assert world.served("rich", 5.0) / world.served("poor", 5.0) == pytest.approx(3.0, rel=0.1)
    assert world.overfull == 0


def test_a_caller_within_its_share_does_not_notice_a_flooder() -> None:
    world = rush({"flood": Caller(5 * CAPACITY), "meek": Caller(0.3 * CAPACITY)})
    sent = sum(visit.ask.caller == "meek" for visit in world.visits)
    assert world.served("meek") >= 0.97 * sent


def test_what_one_caller_does_not_use_another_may() -> None:
    world = rush({"rich": Caller(0.1 * CAPACITY, 9.0), "poor": Caller(2 * CAPACITY, 1.0)})
    assert world.served("poor", 2.0) >= 0.85 * CAPACITY * 18.0


@pytest.mark.parametrize("weight", [0.01, 0.1])
def test_nobody_with_a_weight_starves(weight: float) -> None:
    world = rush({"flood": Caller(3 * CAPACITY, 1.0), "small": Caller(50.0, weight)}, 40.0)
    due_s = (1.0 + weight) / (weight * CAPACITY)  # from one of its turns to the next
    # A part of less than one place keeps nobody waiting for its turn: when it comes, the next request takes it.
    assert world.served("small", 2.0) >= 0.85 * 38.0 / (due_s + 1.0 / 50.0), "its turn did not come"


def test_a_flooder_of_bids_does_not_starve_who_cannot_bid() -> None:
    world = rush({"flood": Caller(3 * CAPACITY, bid=1.0), "small": Caller(CAPACITY, bid=0.0)})
    assert world.served("small", 2.0) >= 0.45 * CAPACITY * 18.0


# -- what nobody claims is sold


def shares_of(world: Rush) -> tuple[float, float]:
    """Served in the last 2 s, while `absent` still counts as present: bidder, silent."""
    start = world.now - 2.0
    return world.served("bidder", start) / CAPACITY / 2.0, world.served("silent", start) / CAPACITY / 2.0


def spare(bid: float) -> Rush:
    """A third caller was here and left; its part of the capacity is spare for ten seconds."""
    world = rush({name: Caller(CAPACITY) for name in ("bidder", "silent", "absent")}, 3.0, balance_s=1000.0)
    return world.run(3.0, {"bidder": Caller(CAPACITY, bid=bid), "silent": Caller(CAPACITY)})


def test_a_spare_share_goes_to_the_bid() -> None:
    bidder, silent = shares_of(spare(bid=1.0))
    assert bidder == pytest.approx(2 / 3, abs=0.07), "its own third and the spare one"
    assert silent == pytest.approx(1 / 3, abs=0.07), "and nobody's own"


def test_without_bids_a_spare_share_goes_by_weight() -> None:
    bidder, silent = shares_of(spare(bid=0.0))
    assert bidder == pytest.approx(1 / 2, abs=0.05)
    assert silent == pytest.approx(1 / 2, abs=0.05)


def test_the_winner_pays_what_the_next_one_offered() -> None:
    the_gate, inside = full(1, ageing_per_s=2.0)
    high, low = Ask("high", 5.0, 0.0, bid=4.0), Ask("low", 5.0, 0.0, bid=3.0)
    the_gate.arrive(high, 0.0)
    the_gate.arrive(low, 0.0)
    for name in ("high", "low"):  # nobody is entitled to anything
        purse = the_gate.room.purses.get(name)
        assert purse is not None
        purse.tokens = 0.0
    assert the_gate.finish(inside[0], 0.1, took_s=None) is high
    assert high.paid == pytest.approx(3.0), "they waited equally long"
    assert the_gate.room.price == high.paid
    purse = the_gate.room.purses.get("high")
    assert purse is not None
    assert purse.balance == pytest.approx(50.0 - 3.0)


def test_nobody_bids_more_than_its_balance() -> None:
    the_gate, _ = full(1, balance_s=2.0)
    ask = Ask("a", 1.5, 0.0, bid=1e9)
    the_gate.arrive(ask, 0.0)
    assert ask.bid == 3.0


def test_over_time_nobody_pays_more_than_its_budget() -> None:
    world = rush(
        {
            "a": Caller(CAPACITY, bid=1.0),
            "b": Caller(CAPACITY, bid=0.9),
            "c": Caller(0.1 * CAPACITY, weight=4.0),
        },
        10.0,
    )
    paid = {name: sum(v.ask.paid for v in world.visits if v.ask.caller == name) for name in "ab"}
    assert paid["a"] > 5.0, "the spare part is sold"
    assert max(paid.values()) <= 10.0 + 10.0 + 1e-6, "ten seconds of budget, and ten saved up"


# -- deadlines and what cannot be served


def test_a_deadline_that_has_passed_is_refused_even_with_room() -> None:
    the_gate = gate()
    assert the_gate.arrive(Ask("a", 1.0, 1.0, deadline=0.9), 1.0) == "deadline"
    assert the_gate.in_flight == 0


def test_a_deadline_that_the_queue_would_miss_is_refused_at_once() -> None:
    the_gate, _ = known(2, took_s=0.1)
    assert the_gate.capacity == pytest.approx(20.0, rel=0.05)
    for _ in range(3):
        assert the_gate.arrive(Ask("a", 1.0, 100.0), 100.0) == "queued"
    # Four have to end before (0.2 s), then it takes 0.1 s itself.
    assert the_gate.arrive(Ask("a", 1.0, 100.0, deadline=100.27), 100.0) == "deadline"
    assert the_gate.arrive(Ask("a", 1.0, 100.0, deadline=100.33), 100.0) == "queued"
    assert the_gate.drops == {"red": 0, "full": 0, "deadline": 1}


def test_a_queued_one_that_can_no_longer_make_it_leaves() -> None:
    the_gate, _ = known(2, took_s=0.1)
    ask = Ask("a", 1.0, 100.0, deadline=100.3)
    assert the_gate.arrive(ask, 100.0) == "queued"
    assert the_gate.sweep(100.15) == []
    assert the_gate.sweep(100.22) == [ask]
    assert ask.cause == "deadline"


def test_one_whose_deadline_passes_unseen_does_not_take_the_slot() -> None:
    the_gate, inside = full()
    late, patient = Ask("a", 1.0, 0.1, deadline=0.2), Ask("a", 1.0, 0.1)
    the_gate.arrive(late, 0.1)
    the_gate.arrive(patient, 0.1)
    assert the_gate.finish(inside[0], 0.25, took_s=None) is patient
    assert the_gate.sweep(0.26) == [late]
    assert (late.state, late.cause) == (REFUSED, "deadline")


def test_most_of_those_admitted_make_their_deadline() -> None:
    world = rush({"all": Caller(3 * CAPACITY, patience_s=0.2)})
    inside = [visit for visit in world.since(2.0) if visit.ask.admitted_at and visit.done_at <= world.now]
    made = sum(visit.latency_s <= 0.2 for visit in inside)
    assert made >= 0.97 * len(inside)
    assert world.goodput(2.0) >= 0.9 * CAPACITY


def test_what_could_not_be_served_within_the_longest_wait_is_refused_at_once() -> None:
    the_gate, _ = known(
        1, took_s=0.2, least_queue=8, most_wait_s=0.5
    )  # five a second: two and a half in half a second
    said = [the_gate.arrive(Ask("a", 1.0, 100.0), 100.0) for _ in range(4)]
    assert said == ["queued", "queued", "full", "full"]
    assert the_gate.arrive(Ask("b", 1.0, 100.0), 100.0) == "queued", "whose turn comes soon may wait"


# -- probes


def test_a_probe_path_goes_in_past_the_gate_ten_times_a_second() -> None:
    the_gate = Admission(AdmissionConfig(probe_paths=(b"/healthz",)), FixedLimit(1), random.Random(1))
    assert sum(the_gate.exempt(b"/healthz", 5.0) for _ in range(30)) == 10
    assert sum(the_gate.exempt(b"/healthz?verbose", 5.0 + n / 100) for n in range(1, 101)) == 10
    assert (the_gate.in_flight, the_gate.decisions["exempt"]) == (0, 20)


@pytest.mark.parametrize("path", [b"/", b"/healthz/", b"/healthzz", b"/HEALTHZ", b"", b"?/healthz"])
def test_no_other_path_does(path: bytes) -> None:
    the_gate = Admission(AdmissionConfig(probe_paths=(b"/healthz",)), FixedLimit(1), random.Random(1))
    assert not the_gate.exempt(path, 0.0)
    assert not gate().exempt(b"/healthz", 0.0), "none is configured"


# -- what is told


def test_congestion_is_told_for_a_second() -> None:
    the_gate, _ = full()
    told = []
    for now in (1.0, 2.0, 2.05, 2.2):
        if now == 2.0:
            the_gate.arrive(Ask("a", 1.0, 1.1), 1.1)
        the_gate.sweep(now)
        told.append(the_gate.congested)
    assert told == [False, True, True, False]


def test_capacity_is_what_a_saturated_application_serves() -> None:
    world = rush({"all": Caller(3 * CAPACITY)}, limit=make("gradient", 100))
    assert world.gate.capacity == pytest.approx(CAPACITY, rel=0.1)
    assert world.gate.headroom <= 0.1 * CAPACITY


def test_headroom_is_what_is_left() -> None:
    world = rush({"all": Caller(0.5 * CAPACITY)})
    assert world.gate.headroom == pytest.approx(0.5 * CAPACITY, rel=0.25)


def test_every_arrival_is_decided_once() -> None:
    world = rush({"all": Caller(3 * CAPACITY)}, 5.0)
    decisions = world.gate.decisions
    assert decisions["admitted"] + decisions["queued"] + decisions["refused"] == len(world.visits)
    assert sum(world.gate.drops.values()) == sum(visit.ask.state == REFUSED for visit in world.visits)


def test_the_queue_tells_how_full_it_is() -> None:
    the_gate, _ = full(least_queue=10)
    for n in range(8):
        the_gate.arrive(Ask(str(n), 1.0, 0.0), 0.0)
    assert the_gate.room.fill == pytest.approx(0.8)
    assert the_gate.room.red == pytest.approx(0.15)


# -- memory and nonsense


def test_a_hundred_thousand_names_do_not_grow_memory() -> None:
    the_gate, _ = full(most_callers=1024)
    for n in range(100_000):
        the_gate.arrive(Ask(f"ns/{n}", 1.0, n * 1e-4), n * 1e-4)
        if n % 100 == 0:
            the_gate.sweep(n * 1e-4)
    assert the_gate.room.callers <= 1024 + the_gate.room.bound


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -1.0, 0.0, 1e300])
def test_nonsense_is_never_an_exception(nonsense: float) -> None:
    the_gate, inside = known(1)
    for ask in (
        Ask("a", nonsense, 100.0),
        Ask("b", 1.0, 100.0, bid=nonsense),
        Ask("c", 1.0, 100.0, deadline=nonsense),
    ):
        the_gate.arrive(ask, 100.0)
    left = the_gate.finish(inside[0], 100.1, took_s=nonsense)
    while left is not None:
        left = the_gate.finish(left, 100.1, took_s=nonsense)
    the_gate.sweep(101.0)
    assert the_gate.in_flight == the_gate.queued == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"least_queue": 0},
        {"queue_share": -1.0},
        {"most_wait_s": 0.0},
        {"probe_rate": -1.0},
        {"most_callers": 0},
    ],
)
def test_a_gate_of_nonsense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"least_queue|queue_share"):
        AdmissionConfig(**bad)  # type: ignore[arg-type]
