"""The rivals of the routing lab: each keeps the promise it is known for, with the constants it ships with."""

import heapq
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.lab.rules.argmin import Argmin
from loadtest.lab.rules.aversion import Aversion
from loadtest.lab.rules.board import PowerOfTwoBoard
from loadtest.lab.rules.c3 import C3
from loadtest.lab.rules.counting import Counting
from loadtest.lab.rules.envoy import LeastRequestOutlier
from loadtest.lab.rules.linkerd import PeakEwmaP2C
from loadtest.lab.rules.prequal import Prequal, reuse_budget
from loadtest.lab.rules.rule import Load, Rule
from loadtest.lab.rules.scan import FullScan
from loadtest.lab.rules.simple import LeastConnections, Random, RoundRobin
from loadtest.lab.rules.table import RULES, Setting

FAST_S, SLOW_S = 0.01, 0.1
R = TypeVar("R", bound=Rule)


def made(name: str, pods: Sequence[int], seed: int = 1) -> Rule:
    rule = RULES[name].make(Setting(pods=len(pods), sidecars=4))(random.Random(seed))
    rule.members(pods, 0.0)
    return rule


def joined(rule: R, pods: int) -> R:
    rule.members(range(pods), 0.0)
    return rule


def once(rule: Rule, now: float, took_s: float = FAST_S, *, ok: bool = True, load: Load | None = None) -> int:
    """One request, by itself."""
    pod = rule.pick(-1, now)
    rule.settled(-1, pod, now + took_s, took_s, ok=ok, load=load)
    return pod


def told(rule: Rule, pod: int, now: float, took_s: float = FAST_S, *, ok: bool = True) -> None:
    """An answer of this pod, whatever the rule would have picked."""
    if isinstance(rule, Counting):
        rule.in_flight[pod] += 1
    rule.settled(-1, pod, now, took_s, ok=ok, load=None)


def shares(
    rule: Rule,
    mean_s: Sequence[float],
    failing: Sequence[int] = (),
    requests: int = 5000,
    per_s: float = 250.0,
) -> list[float]:
    """Of each pod, under an open load, with exponential latencies; probes are answered at once."""
    rng = random.Random(7)
    busy = [0] * len(mean_s)
    picked: Counter[int] = Counter()
    pending: list[tuple[float, int, int, float]] = []

    def settle_until(now: float) -> None:
        while pending and pending[0][0] <= now:
            at, request, pod, took_s = heapq.heappop(pending)
            busy[pod] -= 1
            load = Load(busy[pod], mean_s[pod]) if rule.hears_loads else None
            rule.settled(request, pod, at, took_s, ok=pod not in failing, load=load)

    for request in range(requests):
        now = request / per_s
        settle_until(now)
        pod = rule.pick(request, now)
        busy[pod] += 1
        picked[pod] += 1
        took_s = mean_s[pod] * rng.expovariate(1.0)
        heapq.heappush(pending, (now + took_s, request, pod, took_s))
        for target in rule.probe_targets(now) if rule.probes_per_request else ():
            rule.probed(target, now, Load(busy[target], mean_s[target]))
    settle_until(math.inf)
    return [picked[pod] / requests for pod in range(len(mean_s))]


# -- all of them


def test_the_table_names_every_rival() -> None:
    assert {
        "round-robin",
        "random",
        "least-connections",
        "envoy",
        "linkerd",
        "linkerd-penalised",
        "full-scan",
        "full-scan-5s",
        "c3",
        "prequal",
        "argmin",
        "board-p2c",
    } <= set(RULES)
    assert all(kind.name == name and kind.title for name, kind in RULES.items())


RIVALS = sorted(set(RULES) - {"equilibrium"})


@pytest.mark.parametrize("name", RIVALS)
def test_equal_pods_share_alike(name: str) -> None:
    assert shares(made(name, range(4)), [FAST_S] * 4) == pytest.approx([0.25] * 4, abs=0.06)


@pytest.mark.parametrize("name", RIVALS)
def test_the_same_seed_gives_the_same_picks(name: str) -> None:
    took_s = [FAST_S, FAST_S, SLOW_S]
    assert shares(made(name, range(3)), took_s, [1], 500) == shares(made(name, range(3)), took_s, [1], 500)


@pytest.mark.parametrize("name", RIVALS)
def test_one_pod_takes_everything_even_when_it_fails(name: str) -> None:
    assert shares(made(name, range(1)), [FAST_S], [0], 100) == [1.0]


@pytest.mark.parametrize("name", RIVALS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_happens_only_members_are_picked_and_counts_stay_right(
    name: str, data: st.DataObject
) -> None:
    rule = made(name, range(3))
    members, now = [0, 1, 2], 0.0
    waiting: list[tuple[int, int, float]] = []
    happenings = st.sampled_from(["pick", "pick", "settle", "fail", "abandon", "members", "board"])
    for request, what in enumerate(data.draw(st.lists(happenings, max_size=60))):
        now += data.draw(st.sampled_from([0.0, 0.001, 0.5, 11.0]))
        if what == "pick":
            pod = rule.pick(request, now)
            assert pod in members
            waiting.append((request, pod, now))
            for target in rule.probe_targets(now) if rule.probes_per_request else ():
                assert target in members
                rule.probed(target, now, Load(len(waiting), FAST_S))
        elif what == "members":
            members = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=6, unique=True))
            rule.members(members, now)
        elif what == "board":
            rule.board([float(n % 3) for n in range(7)], now)
        elif waiting:
            one, pod, at = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            if what == "abandon":
                rule.abandoned(one, pod, now)
            else:
                rule.settled(one, pod, now, now - at, ok=what == "settle", load=Load(1, FAST_S))
        if isinstance(rule, Counting):
            open_ = Counter(pod for _, pod, _ in waiting)
            assert rule.in_flight == [open_[pod] for pod in range(len(rule.in_flight))]
        if isinstance(rule, Argmin):
            assert all(standing.in_flight >= 0 for standing in rule.standings)


# -- those that learn nothing


def test_round_robin_visits_all_before_any_again() -> None:
    rule = joined(RoundRobin(random.Random(1)), 5)
    assert {rule.pick(n, 0.0) for n in range(5)} == set(range(5))


def test_round_robins_do_not_walk_in_step() -> None:
    assert len({joined(RoundRobin(random.Random(seed)), 5).pick(0, 0.0) for seed in range(40)}) == 5


def test_random_does_not_care_what_happens() -> None:
    took = shares(joined(Random(random.Random(1)), 3), [FAST_S, FAST_S, 1.0], [2])
    assert took == pytest.approx([1 / 3] * 3, abs=0.03)


def test_least_connections_goes_where_nothing_is_in_flight() -> None:
    rule = joined(LeastConnections(random.Random(1)), 4)
    assert sorted(rule.pick(n, 0.0) for n in range(4)) == [0, 1, 2, 3]
    rule.settled(2, 2, 1.0, 1.0, ok=True, load=None)
    assert rule.pick(9, 1.0) == 2


# -- Envoy


def test_envoy_draws_its_two_with_replacement() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 10)
    rule.in_flight = [1] * 9 + [0]
    idle = 0
    for n in range(4000):
        pod = rule.pick(n, 0.0)
        idle += pod == 9
        rule.abandoned(n, pod, 0.0)
    assert idle / 4000 == pytest.approx(1 - 0.9**2, abs=0.02)


def test_envoy_ejects_at_the_fifth_failure_in_a_row() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 3)
    for _ in range(4):
        told(rule, 0, 0.0, ok=False)
    told(rule, 0, 0.0)
    for _ in range(4):
        told(rule, 0, 0.0, ok=False)
    assert rule.outliers.healthy == [0, 1, 2]
    told(rule, 0, 0.0, ok=False)
    assert rule.outliers.healthy == [1, 2]
    assert 0 not in {once(rule, 1.0) for _ in range(100)}


@pytest.mark.parametrize(("pods", "most"), [(3, 1), (10, 1), (19, 1), (20, 2), (30, 3)])
def test_envoy_ejects_a_tenth_but_always_one(pods: int, most: int) -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), pods)
    for pod in range(pods):
        for _ in range(5):
            told(rule, pod, 0.0, ok=False)
    assert len(rule.outliers.healthy) == pods - most


def returned_after_s(rule: LeastRequestOutlier, since: float) -> float:
    """Seconds until pod 0 is let in again."""
    for _ in range(5):
        told(rule, 0, since, ok=False)
    now = since
    while 0 not in rule.outliers.healthy:
        now += 1.0
        rule.outliers.sweep(now)
    return now - since


def test_envoy_lets_back_in_at_a_sweep_later_each_time() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 3)
    now = 0.0
    for base in (30.0, 60.0, 90.0):
        took = returned_after_s(rule, now)
        assert base <= took <= base + 11.0
        now += took + 1.0


def test_envoy_never_ejects_for_more_than_five_minutes_plus_a_sweep() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 3)
    now = 0.0
    for _ in range(14):
        now += returned_after_s(rule, now) + 1.0
    assert 300.0 <= returned_after_s(rule, now) <= 311.0


def test_envoy_forgets_an_ejection_with_each_healthy_interval() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 3)
    now = returned_after_s(rule, 0.0) + 1.0
    now += returned_after_s(rule, now) + 25.0
    rule.outliers.sweep(now)
    assert 30.0 <= returned_after_s(rule, now) <= 41.0


def success_rates(pods: int, tried: int, failed_by_first: int) -> LeastRequestOutlier:
    rule = joined(LeastRequestOutlier(random.Random(1)), pods)
    for pod in range(pods):
        for n in range(tried):
            told(rule, pod, 0.0, ok=pod != 0 or n % 2 == 0 or n >= 2 * failed_by_first)
    rule.outliers.sweep(11.0)
    return rule


def test_envoy_ejects_who_succeeds_less_than_its_peers() -> None:
    assert 0 not in success_rates(5, 100, 30).outliers.healthy


@pytest.mark.parametrize(("pods", "tried"), [(4, 100), (5, 99)])
def test_envoy_judges_success_only_with_enough_hosts_and_requests(pods: int, tried: int) -> None:
    assert 0 in success_rates(pods, tried, 30).outliers.healthy


def test_envoy_panics_when_most_are_ejected() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 1)
    for _ in range(5):
        told(rule, 0, 0.0, ok=False)
    assert rule.outliers.healthy == []
    assert once(rule, 0.1) == 0


def test_envoy_does_not_mind_slowness() -> None:
    rule = joined(LeastRequestOutlier(random.Random(1)), 3)
    shares(rule, [FAST_S, FAST_S, 1.0])
    assert rule.outliers.healthy == [0, 1, 2]


# -- Linkerd


def test_a_peak_is_believed_at_once_and_fades_over_ten_seconds() -> None:
    rule = joined(PeakEwmaP2C(random.Random(1)), 2)
    told(rule, 0, 1.0, took_s=2.0)
    assert rule.rtt_s(0, 1.0) == 2.0
    assert rule.rtt_s(0, 11.0) == pytest.approx(2.0 / math.e)
    told(rule, 0, 11.0, took_s=0.1)
    assert rule.rtt_s(0, 11.0) == pytest.approx(2.0 / math.e + 0.1 * (1 - 1 / math.e))


def test_linkerd_starts_at_thirty_milliseconds() -> None:
    assert joined(PeakEwmaP2C(random.Random(1)), 2).rtt_s(1, 0.0) == 0.03


def test_a_black_hole_gets_a_fifth_of_ten_from_power_of_two() -> None:
    rule = joined(PeakEwmaP2C(random.Random(1)), 10)
    assert shares(rule, [0.001] + [FAST_S] * 9, [0])[0] == pytest.approx(0.2, abs=0.02)


def test_penalised_failures_close_the_black_hole() -> None:
    rule = joined(PeakEwmaP2C(random.Random(1), penalise=True), 10)
    assert shares(rule, [0.001] + [FAST_S] * 9, [0])[0] < 0.01


def test_a_penalty_is_five_seconds_or_what_it_was_already() -> None:
    rule = joined(PeakEwmaP2C(random.Random(1), penalise=True), 2)
    told(rule, 0, 0.0, took_s=0.001, ok=False)
    assert rule.rtt_s(0, 0.0) == 5.0
    told(rule, 1, 0.0, took_s=9.0)
    told(rule, 1, 0.0, took_s=0.001, ok=False)
    assert rule.rtt_s(1, 0.0) == 9.0


def test_power_of_two_has_a_sampling_floor() -> None:
    slow = shares(joined(PeakEwmaP2C(random.Random(1)), 4), [SLOW_S * 5] * 2 + [FAST_S] * 2)
    assert slow[0] + slow[1] >= 1 / 6 - 0.02  # both draws are slow ones


def test_what_a_dropped_request_waited_is_a_sample() -> None:
    rule = joined(PeakEwmaP2C(random.Random(1)), 1)
    rule.pick(1, 0.0)
    rule.abandoned(1, 0, 3.0)
    assert rule.rtt_s(0, 3.0) == 3.0


# -- full scan


def test_a_full_scan_has_no_sampling_floor() -> None:
    slow = shares(joined(FullScan(random.Random(1)), 4), [SLOW_S * 5] * 2 + [FAST_S] * 2)
    assert slow[0] + slow[1] < 0.01


def test_a_full_scan_falls_for_a_black_hole_unless_failures_cost() -> None:
    took_s = [0.001] + [FAST_S] * 9
    assert shares(joined(FullScan(random.Random(1)), 10), took_s, [0])[0] > 0.5
    assert shares(joined(FullScan(random.Random(1), error_s=5.0), 10), took_s, [0])[0] < 0.01


def test_a_full_scan_holds_its_estimate_until_the_next_sample() -> None:
    rule = joined(FullScan(random.Random(1)), 2)
    told(rule, 0, 0.0, took_s=2.0)
    for n in range(10):
        assert once(rule, 10.0 * n, took_s=0.02) == 1
    assert rule.latency_s[0] == 2.0
    told(rule, 0, 10.0, took_s=0.0)
    assert rule.latency_s[0] == pytest.approx(2.0 / math.e)


# -- C3


def c3_of(n_clients: int, loads: Sequence[Load]) -> C3:
    rule = joined(C3(random.Random(1), n_clients), len(loads))
    for pod, load in enumerate(loads):
        rule.in_flight[pod] += 1
        rule.settled(-1, pod, 0.0, FAST_S, ok=True, load=load)
    return rule


def test_c3_ranks_by_the_cube_of_the_queue() -> None:
    rule = c3_of(4, [Load(2, 0.008)])
    assert rule.rank(0) == pytest.approx(FAST_S - 0.008 + 3**3 * 0.008)
    rule.in_flight[0] = 2
    assert rule.rank(0) == pytest.approx(FAST_S - 0.008 + (1 + 2 * 4 + 2) ** 3 * 0.008)


def test_c3_prefers_a_slower_pod_to_a_longer_queue() -> None:
    assert c3_of(1, [Load(3, 0.005), Load(1, 0.03)]).pick(0, 0.0) == 1  # 4³ × 5 ms against 2³ × 30 ms
    assert c3_of(1, [Load(1, 0.005), Load(1, 0.03)]).pick(0, 0.0) == 0


def test_c3_tries_those_without_statistics_first() -> None:
    rule = joined(C3(random.Random(1), 1), 3)
    first = {once(rule, 0.0, load=Load(0, FAST_S)) for _ in range(3)}
    assert first == {0, 1, 2}


def test_c3_sends_one_request_at_a_time_to_the_unknown() -> None:
    rule = c3_of(1, [Load(0, FAST_S)] * 2)
    rule.members(range(3), 0.0)
    assert rule.pick(0, 0.0) == 2
    assert {rule.pick(n, 0.0) for n in range(1, 5)} == {0, 1}


def test_c3_moves_those_not_chosen_towards_the_winner() -> None:
    rule = c3_of(1, [Load(0, 0.01), Load(10, 0.11)])
    rule.adjusts = True
    assert rule.pick(0, 0.0) == 0
    assert rule.queue == pytest.approx([0.0, 8.5])
    assert rule.service_s == pytest.approx([0.01, 0.095])


def test_c3_as_published_leaves_those_not_chosen_alone() -> None:
    rule = joined(C3(random.Random(1), 1, adjusts=False), 2)
    for pod, load in enumerate([Load(0, 0.01), Load(10, 0.11)]):
        rule.in_flight[pod] += 1
        rule.settled(-1, pod, 0.0, FAST_S, ok=True, load=load)
    assert rule.pick(0, 0.0) == 0
    assert rule.queue == [0.0, 10.0]


def test_c3_weighs_a_response_with_three_tenths() -> None:
    rule = c3_of(1, [Load(0, 0.01)])
    rule.pick(0, 0.0)
    rule.settled(0, 0, 0.0, 0.11, ok=True, load=Load(10, 0.02))
    assert (rule.response_s[0], rule.service_s[0], rule.queue[0]) == pytest.approx((0.04, 0.013, 3.0))


# -- Prequal


def probes(loads: Sequence[Load], now: float = 0.0) -> Prequal:
    rule = joined(Prequal(random.Random(1)), len(loads))
    for pod, load in enumerate(loads):
        rule.probed(pod, now, load)
    return rule


def test_prequal_takes_the_fastest_of_the_cold() -> None:
    cold = [Load(1, 0.05), Load(2, 0.02), Load(3, 0.03), Load(1, 0.04), Load(1, 0.06), Load(1, 0.07)]
    assert probes([Load(9, 0.001), *cold]).pick(0, 0.0) == 2


def test_prequal_takes_the_emptiest_when_all_are_hot() -> None:
    rule = probes([Load(30, 0.001), Load(20, 0.09)])
    for _ in range(64):
        rule.probed(0, 0.0, Load(1, 0.001))  # what it has heard lately
    rule.probed(0, 0.0, Load(30, 0.001))
    assert rule.pick(0, 0.0) == 1


def test_prequal_counts_its_own_pick() -> None:
    rule = probes([Load(1, 0.01)] * 3)
    assert rule.rif[rule.pick(0, 0.0)] == 2


def test_prequal_is_random_with_fewer_than_two_fresh_probes() -> None:
    rule = probes([Load(0, 0.001)] + [Load(50, 1.0)] * 4)
    picked = {rule.pick(n, 1.001) for n in range(100)}
    assert picked == set(range(5))
    assert rule.pool == []


def test_prequal_removes_what_it_used_and_the_oldest_or_the_worst_in_turn() -> None:
    rule = probes([Load(1, seconds) for seconds in (0.02, 0.01, 0.09, 0.03, 0.04, 0.05, 0.06, 0.07)])
    assert rule.pick(0, 0.0) == 1
    assert rule.pool == [2, 3, 4, 5, 6, 7]  # without the oldest
    assert rule.pick(1, 0.0) == 3
    assert rule.pool == [4, 5, 6, 7]  # without the slowest


def test_prequal_pools_sixteen_probes_one_for_each_pod() -> None:
    rule = probes([Load(1, 0.01)] * 20)
    assert rule.pool == list(range(4, 20))
    rule.probed(4, 0.1, Load(1, 0.01))
    assert rule.pool == [*range(5, 20), 4]


@pytest.mark.parametrize(
    ("pods", "uses"),
    [(3, 16.0), (20, 1.0), (24, 16.0), (25, 16.0), (40, 2.5), (100, 2.0 / 1.52), (1000, 1.02)],
)
def test_prequal_uses_a_probe_as_often_as_the_paper_says(pods: int, uses: float) -> None:
    assert reuse_budget(pods) == pytest.approx(uses, rel=0.01)


def test_prequal_asks_three_different_pods() -> None:
    rule = joined(Prequal(random.Random(1)), 5)
    asked = [tuple(rule.probe_targets(0.0)) for _ in range(200)]
    assert all(len(set(targets)) == 3 for targets in asked)
    counts = Counter(pod for targets in asked for pod in targets)
    assert min(counts.values()) > 80


def test_prequal_drops_the_probe_of_who_fails() -> None:
    rule = probes([Load(0, 0.001), Load(1, 0.01), Load(1, 0.01)])
    told(rule, 0, 0.0, ok=False)
    assert 0 not in rule.pool


def averse(pods: int) -> Aversion:
    aversion = Aversion()
    aversion.pods = range(pods)
    for pod in range(pods):
        aversion.joined(pod)
    return aversion


def test_aversion_ejects_after_five_for_a_second_then_twice_as_long() -> None:
    aversion, now = averse(4), 0.0
    for expected in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        for _ in range(5):
            assert now >= aversion.until[0]
            aversion.settled(0, now, ok=False)
        assert aversion.until[0] == now + expected
        now = aversion.until[0]


def test_aversion_ejects_half_at_most() -> None:
    aversion = averse(5)
    for pod in range(5):
        for _ in range(5):
            aversion.settled(pod, 0.0, ok=False)
    assert [until > 0.0 for until in aversion.until] == [True, True, False, False, False]


def test_prequal_does_not_sink() -> None:
    assert shares(joined(Prequal(random.Random(1)), 10), [0.001] + [FAST_S] * 9, [0])[0] < 0.05


# -- our estimator without our game


def test_argmin_leaves_a_slow_pod_at_once() -> None:
    rule = joined(Argmin(random.Random(1)), 3)
    shares(rule, [FAST_S] * 3, requests=300)
    rest = [once(rule, 10.0 + 0.02 * n, took_s=SLOW_S if n == 0 else FAST_S) for n in range(50)]
    assert rest[0] not in rest[1:]


def test_argmin_tries_a_slow_pod_again() -> None:
    rule = joined(Argmin(random.Random(1)), 3)
    slow = once(rule, 0.0, took_s=SLOW_S)
    rest = [once(rule, 1.0 + 0.01 * n) for n in range(2000)]
    assert rest.count(slow) > 100  # it was unlucky once


def test_argmin_does_not_fall_for_a_black_hole() -> None:
    assert shares(joined(Argmin(random.Random(1)), 10), [0.001] + [FAST_S] * 9, [0])[0] < 0.01


def test_argmin_sees_what_is_overdue() -> None:
    rule = joined(Argmin(random.Random(1)), 2)
    shares(rule, [FAST_S] * 2, requests=300)
    hung = rule.pick(-1, 10.0)
    for n in range(20):  # the other has more in flight, but answers
        assert rule.pick(1000 + n, 12.0) != hung


def test_argmin_believes_the_board_instead_of_its_own_count() -> None:
    rule = joined(Argmin(random.Random(1)), 3)
    rule.board([5.0, 0.0, 5.0], 0.0)
    assert {rule.pick(n, 0.0) for n in range(20)} == {1}


def test_two_choices_on_a_stale_board_do_not_herd() -> None:
    rule = joined(PowerOfTwoBoard(random.Random(1)), 10)
    rule.board([1.0] * 9 + [0.0], 0.0)
    picked = Counter(rule.pick(n, 0.0) for n in range(4000))
    assert picked[9] / 4000 == pytest.approx(0.2, abs=0.02)
