"""Against an adversary that rotates identities and paths: it is held off, nobody else is touched, and peace returns."""

import random
import sys

import pytest

from sidecar.game import minimax
from sidecar.policy import measures, suspects
from sidecar.policy.defence import Defence, DefenceConfig
from sidecar.policy.suspects import Group
from tests.policy.site import BAD_PREFIX, Request, Site, Tally, attack, honest

DETECTED_S = 10
"""By then an adversary is accused."""


def calm(site: Site, seconds: int) -> Tally:
    tally = Tally()
    for _ in range(seconds):
        requests = honest(site)
        tally.requests += requests
        site.second(requests)
    return tally


def under_attack(site: Site, seconds: int, **how: bool) -> Tally:
    tally = Tally()
    for _ in range(seconds):
        requests = honest(site) + attack(site, **how)
        tally.requests += requests
        site.second(requests)
    return tally


# -- a flood


def test_without_a_defence_the_flood_crowds_out_the_honest() -> None:
    """The adversary of these tests is one: with nobody ever accused, most honest requests are shed."""
    site = Site(DefenceConfig(accuse_at=2.0))
    calm(site, 20)
    tally = under_attack(site, 60)
    assert tally.share(honest=True) <= 0.5
    assert tally.admitted(honest=False) == 1.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_honest_are_served_although_somebody_rotates_at_three_times_the_capacity(seed: int) -> None:
    site = Site(seed=seed)
    calm(site, 20)
    tally = under_attack(site, 120)
    assert tally.share(honest=True) >= 0.95, "honest requests failed, the time until detection included"
    assert tally.touched_elsewhere() == 0, "the defence refused requests from other prefixes"


ROTATIONS = pytest.mark.parametrize(
    ("identities", "paths", "good"),
    [(True, True, True), (True, False, True), (False, True, False)],
    ids=["both", "identities", "paths that are of no use"],
)


@ROTATIONS
def test_its_admitted_share_falls_by_four_fifths(identities: bool, paths: bool, good: bool) -> None:
    site = Site()
    calm(site, 20)
    before = under_attack(site, 1, identities=identities, paths=paths, good=good)
    under_attack(site, DETECTED_S, identities=identities, paths=paths, good=good)
    after = under_attack(site, 60, identities=identities, paths=paths, good=good)
    assert before.admitted(honest=False) == 1.0
    assert after.admitted(honest=False) <= 0.2
    assert after.share(honest=True) >= 0.99


@ROTATIONS
def test_it_is_accused_within_ten_seconds_and_nobody_else_is(
    identities: bool, paths: bool, good: bool
) -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S, identities=identities, paths=paths, good=good)
    assert site.defence.adversaries == [BAD_PREFIX]
    assert site.defence.posterior()[BAD_PREFIX][2] >= 0.9


def test_an_adversary_that_changes_its_ways_stays_held_off() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    for how in ({"paths": False}, {"identities": True}, {"identities": True, "paths": False}):
        assert under_attack(site, 20, **how).admitted(honest=False) <= 0.2


def test_the_attack_is_held_off_as_long_as_it_lasts() -> None:
    """Calm is the defence's own doing: it must not be taken for peace."""
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    tally = under_attack(site, 600)
    assert tally.share(honest=True) >= 0.99
    assert tally.admitted(honest=False) <= 0.01


# -- the game that is played


def test_what_is_played_is_the_minimax_mix_and_its_certificate_is_exported() -> None:
    site = Site()
    calm(site, 20)
    for _ in range(60):
        site.second(honest(site) + attack(site, per_s=site.rng.randrange(100, 400)))
        assert site.defence.exploitability <= 0.05, "a best reply gains more than 5 % of the payoff range"
        assert sum(site.defence.probabilities.values()) == pytest.approx(1.0)
    assert set(site.defence.probabilities) == set(measures.MEASURES)
    assert site.defence.value < 0.0


def test_measures_are_drawn_as_often_as_the_mix_says() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    defence = site.defence
    defence._groups[BAD_PREFIX].mix = [0.25] + [0.0] * 6 + [0.0, 0.0, 0.75]  # admit, or drop by prefix
    answers = [defence.judge(f"x{n}", BAD_PREFIX, b"/", site.now, proven=False) for n in range(4000)]
    assert answers.count("drop") / 4000 == pytest.approx(0.75, abs=0.03)
    assert answers.count("admit") / 4000 == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("measure", "rotated", "hit"),
    [
        ("throttle-caller", "paths", True),
        ("drop-caller", "paths", True),
        ("delay-caller", "identities", False),
        ("throttle-caller", "identities", False),
        ("throttle-path", "identities", True),
        ("drop-path", "identities", True),
        ("throttle-path", "paths", False),
        ("drop-path", "paths", False),
        ("throttle-prefix", "both", True),
        ("drop-prefix", "both", True),
        ("delay-prefix", "both", True),
    ],
)
def test_each_measure_hits_what_its_row_of_the_matrix_says(measure: str, rotated: str, hit: bool) -> None:
    site = accused_site()
    play(site.defence, measure)
    identities, paths = rotated in ("identities", "both"), rotated in ("paths", "both")
    requests = attack(site, identities=identities, paths=paths)
    answers = [
        site.defence.judge(r.identity, r.prefix, r.path, site.now + n / 300, proven=False)
        for n, r in enumerate(requests)
    ]
    expected = measure.partition("-")[0] if hit else "admit"
    assert answers.count(expected) >= 0.95 * len(answers)


def test_throttling_a_prefix_leaves_it_what_it_sent_in_peace() -> None:
    site = Site()
    group = Group(site.defence.config, 0, site.now)
    group.usual_per_s, group.suspect = 20.0, True
    site.defence._groups[BAD_PREFIX] = group
    play(site.defence, "throttle-prefix")
    answers = [
        site.defence.judge(f"bot-{n}", BAD_PREFIX, b"/", site.now + n / 300, proven=False)
        for n in range(3000)
    ]
    assert answers.count("admit") == pytest.approx(20 * 10, abs=3), "ten seconds of it"


def test_a_rotated_query_is_the_same_path() -> None:
    site = accused_site()
    play(site.defence, "throttle-path")
    answers = [
        site.defence.judge("bot", BAD_PREFIX, b"/api/items?q=%d" % n, site.now, proven=False)
        for n in range(100)
    ]
    assert answers.count("throttle") >= 90


def accused_site() -> Site:
    site = Site()
    group = Group(site.defence.config, 0, site.now)
    group.suspect = True
    site.defence._groups[BAD_PREFIX] = group
    return site


def play(defence: Defence, measure: str) -> None:
    """That one and no other."""
    defence._groups[BAD_PREFIX].mix = [1.0 if name == measure else 0.0 for name in measures.MEASURES]


# -- nobody else


def test_proven_callers_are_admitted_even_from_an_accused_prefix() -> None:
    site = Site()
    calm(site, 20)
    tally = Tally()
    for _ in range(60):
        proven = [Request("default/shop", BAD_PREFIX, b"/pay", proven=True) for _ in range(5)]
        tally.requests += proven
        site.second(honest(site) + attack(site) + proven)
    assert site.defence.adversaries == [BAD_PREFIX]
    assert tally.touched_elsewhere() == 0


def test_proven_callers_leave_no_trace() -> None:
    defence = Defence(None, random.Random(1))
    for n in range(1000):
        assert defence.judge(f"ns/w{n}", f"10.{n % 250}.0.0/24", b"/", 0.0, proven=True) == "admit"
    assert not defence.posterior()


def test_a_popular_site_with_room_for_all_is_never_judged() -> None:
    site = Site(capacity_s=100.0)
    for _ in range(120):
        site.second([newcomer(site) for _ in range(500)])
        assert not site.defence.adversaries
    assert site.defence.probabilities == {"admit": 1.0}
    assert all(p[2] < 0.05 for p in site.defence.posterior().values()), "a crowd is no crime"


def test_nobody_is_judged_while_there_is_room_for_all() -> None:
    """Whatever it looks like: the same flood, an application that is not congested by it."""
    site = Site(capacity_s=10.0)
    calm(site, 20)
    assert under_attack(site, 60).admitted(honest=False) == 1.0
    assert not site.defence.adversaries


def test_a_rush_of_honest_newcomers_from_everywhere_is_not_an_attack_even_when_it_is_too_much() -> None:
    site = Site(capacity_s=1.0)
    for _ in range(30):
        site.second([newcomer(site) for _ in range(3000)], congested=True)
        assert not site.defence.adversaries, "no prefix asks for a notable part"


def test_a_gateway_through_which_everybody_comes_is_not_an_adversary() -> None:
    """One address, any path, all of the load, congested: greedy at most, and that is the police's affair."""
    site = Site()
    for _ in range(120):
        others = honest(site, per_s=20, prefixes=4)
        gateway = [Request("192.0.2.1", "192.0.2.0/24", b"/api/items/%d" % site.number()) for _ in range(200)]
        site.second(others + gateway, congested=True)
        assert not site.defence.adversaries


def test_a_greedy_caller_that_hides_nothing_is_left_to_the_police() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, 60, identities=False, paths=False)
    assert not site.defence.adversaries
    assert site.defence.posterior()[BAD_PREFIX][1] >= 0.9, "it is greedy all the same"


def test_when_the_application_fails_everybody_nobody_is_an_adversary_for_it() -> None:
    site = Site()
    for _ in range(60):
        requests = honest(site, per_s=20, prefixes=4)
        requests += [
            Request("192.0.2.1", "192.0.2.0/24", b"/api/items/%d" % site.number()) for _ in range(200)
        ]
        for request in requests:
            request.good = False
        site.second(requests, congested=True)
        assert not site.defence.adversaries


def test_few_requests_are_not_judged() -> None:
    site = Site()
    for _ in range(60):
        site.second(attack(site, per_s=4), congested=True)
    assert not site.defence.adversaries


def newcomer(site: Site) -> Request:
    """Somebody from one of two hundred prefixes, seen for the first time."""
    return Request(
        f"visitor-{site.number()}", f"10.{site.rng.randrange(200)}.0.0/24", b"/items/%d" % site.number()
    )


# -- peace


def test_peace_returns_after_the_attack() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, 60)
    calm(site, 25)
    assert site.defence.adversaries == []
    assert site.defence.probabilities == {"admit": 1.0}
    assert (site.defence.exploitability, site.defence.value) == (0.0, 0.0)


def test_the_adversary_may_not_return_after_a_short_pause() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, 30)
    calm(site, 5)
    assert site.defence.adversaries == [BAD_PREFIX], "ten quiet seconds were not over"
    assert under_attack(site, 5).admitted(honest=False) <= 0.02


def test_honest_callers_behind_the_accused_addresses_are_served_again_once_the_attack_is_over() -> None:
    site = Site()
    neighbours = [f"203.0.113.{n}" for n in range(20)]

    def others() -> list[Request]:
        rng = site.rng
        return [
            Request(rng.choice(neighbours), BAD_PREFIX, b"/items/%d" % rng.randrange(99)) for _ in range(10)
        ]

    for _ in range(60):
        site.second(honest(site) + others())
    for _ in range(60):
        site.second(honest(site) + others() + attack(site))
    assert site.defence.adversaries == [BAD_PREFIX]
    for _ in range(25):
        site.second(honest(site) + others())
    assert site.defence.adversaries == []
    tally = Tally(others())
    site.second(honest(site) + tally.requests)
    assert tally.admitted(honest=True) == 1.0


# -- bounds


def test_at_most_so_many_wait() -> None:
    defence = Defence(DefenceConfig(most_delayed=3), random.Random(1))
    assert [defence.delayed(1) for _ in range(4)] == [True, True, True, False]
    assert defence.waiting == 3
    assert defence.delayed(-1)
    assert defence.delayed(1)
    assert not defence.delayed(1)


def test_what_finds_no_room_to_wait_is_refused() -> None:
    site = accused_site()
    play(site.defence, "delay-prefix")
    answers = []
    for n in range(100):
        answer = site.defence.judge(f"bot-{n}", BAD_PREFIX, b"/", site.now, proven=False)
        answers.append(answer)
        if answer == "delay":
            assert site.defence.delayed(1)
    assert answers == ["delay"] * 64 + ["throttle"] * 36


@pytest.mark.slow
def test_a_million_identities_do_not_grow_memory() -> None:
    site = accused_site()
    group, defence = site.defence._groups[BAD_PREFIX], site.defence
    play(defence, "throttle-caller")
    sizes = []
    for n in range(1_000_000):
        defence.judge(f"bot-{n}", BAD_PREFIX, b"/%d" % n, site.now, proven=False)
        if n in (20_000, 999_999):
            kept = (
                group._identities._slots,
                group._paths._counts,
                defence._callers._buckets,
                defence._groups,
            )
            sizes.append([sys.getsizeof(thing) for thing in kept])
    assert sizes[1] == sizes[0]
    assert len(defence._callers) <= defence.config.most_tracked


def test_a_hundred_thousand_prefixes_do_not_grow_memory_nor_free_the_adversary() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    for n in range(100_000):
        site.defence.judge("x", f"2001:db8:{n:x}::/48", b"/", site.now, proven=False)
    assert len(site.defence.posterior()) <= site.defence.config.most_groups
    assert site.defence.adversaries == [BAD_PREFIX]
    assert site.defence.judge("bot", BAD_PREFIX, b"/", site.now, proven=False) != "admit"


def test_an_adversary_that_pauses_is_not_forgotten_for_others() -> None:
    site = accused_site()
    for n in range(1000):
        site.defence.judge("x", f"2001:db8:{n:x}::/48", b"/", site.now, proven=False)
    assert BAD_PREFIX in site.defence.posterior(), "a flood of other prefixes frees it"


def test_when_all_prefixes_are_busy_another_is_let_in_and_counted() -> None:
    defence = Defence(DefenceConfig(most_groups=2, least_requests=5), random.Random(1))
    for prefix in ("a", "b"):
        for _ in range(10):
            defence.judge("x", prefix, b"/", 0.0, proven=False)
    assert defence.judge("x", "c", b"/", 0.0, proven=False) == "admit"
    assert (defence.untracked, set(defence.posterior())) == (1, {"a", "b"})


def test_prefixes_that_fell_silent_are_forgotten() -> None:
    site = Site()
    calm(site, 20)
    for _ in range(200):
        site.second([])
    assert not site.defence.posterior()


@pytest.mark.parametrize("cost_s", [float("nan"), float("inf"), -1.0])
def test_a_cost_that_is_none_is_ignored(cost_s: float) -> None:
    site = Site()
    site.defence.settled(BAD_PREFIX, cost_s, good=True)
    calm(site, 5)
    assert site.defence._costs.busy_s == pytest.approx(0.01 * site.defence._costs.count)


def test_ticks_more_often_than_twice_a_second_are_one() -> None:
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    before = dict(site.defence.probabilities)
    requests = attack(site, per_s=10)
    for request in requests:
        site.defence.judge(request.identity, request.prefix, request.path, site.now, proven=False)
    site.defence.tick(site.now + 0.1, congested=True)
    assert site.defence.probabilities == before
    assert site.defence._groups[BAD_PREFIX].requests == 10, "the tick of these requests is not over"


def test_a_prefix_that_was_accused_with_the_attackers_does_not_soften_the_answer_to_it() -> None:
    """Merged into one game, many good requests beside the bad ones made it best to do next to nothing."""
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    innocent = Group(site.defence.config, 1, site.now)
    innocent.suspect = True
    innocent.rate_per_s = innocent.usual_per_s = 1000.0
    site.defence._groups["198.51.100.0/24"] = innocent
    site.defence._solve([site.defence._groups[BAD_PREFIX], innocent])
    assert site.defence._groups[BAD_PREFIX].mix[-1] > 0.9, "dropped by prefix"
    assert innocent.mix[-1] < 0.1


def test_the_value_is_what_the_mix_guarantees_against_any_rotation() -> None:
    """Certified by the matrix itself: no column gains the adversary more than the value, within half the gap."""
    site = Site()
    calm(site, 20)
    under_attack(site, DETECTED_S)
    defence = site.defence
    groups = [defence._groups[BAD_PREFIX]]
    matrix = measures.payoffs(suspects.stakes(groups, defence.config, 0.01))
    row = [defence.probabilities[name] for name in measures.MEASURES]
    span = max(map(max, matrix)) - min(map(min, matrix))
    assert minimax.guaranteed(matrix, row) >= defence.value - 0.5 * defence.exploitability * span - 1e-12
