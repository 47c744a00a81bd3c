"""Who plays and what each may be told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.policy.advice import players, scene, vectors
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.curves import Queue
from tests.coordinator.policy.reports import SERVICE, endpoint, report

SPEEDS = (0.3, 0.6, 1.0, 1.0, 1.5)


def players_of(reports, **config):
    made = AdviceConfig(**config)
    found = scene.seen(SERVICE, [(each, each.services[0]) for each in reports], made)
    return found, players.of(found, made)


def many(count, endpoints=10, rate=2.0, nodes=5):
    return [
        report(
            f"gw-{i}",
            [endpoint(k, rate / endpoints, 0.01) for k in range(endpoints)],
            node=f"n{i % nodes}",
            zone=f"z{i % 2}",
            workload=f"default/w{i % 3}",
        )
        for i in range(count)
    ]


def test_few_sidecars_play_for_themselves():
    _, found = players_of(many(64))
    assert len(found) == 64
    assert all(len(player.members) == 1 for player in found)


def test_many_play_by_workload_and_node_with_all_of_their_rate():
    _, found = players_of(many(300, nodes=10))
    assert 2 < len(found) <= 64
    assert sum(len(player.members) for player in found) == 300
    assert sum(player.rate_per_s for player in found) == pytest.approx(600.0)
    for player in found:
        assert len({(one.report.workload, one.report.node) for one in player.members}) == 1


def test_on_very_many_nodes_by_zone():
    _, found = players_of(many(300, nodes=150))
    assert len(found) == 6


def test_too_many_groups_leave_the_busiest_and_the_others():
    reports = [
        report(f"gw-{i}", [endpoint(0, 1.0 + i), endpoint(1, 1.0)], workload=f"default/w{i}")
        for i in range(20)
    ]
    _, found = players_of(reports, most_players=8)
    assert len(found) == 8
    others = next(player for player in found if player.name == "others")
    assert len(others.members) == 13


def test_who_sends_next_to_nothing_does_not_play():
    _, found = players_of([*many(3), report("idle", [endpoint(0, 0.01), endpoint(1, 0.0)])])
    assert len(found) == 3


def test_a_player_uses_only_what_it_has_admitted_itself():
    reports = [*many(4, endpoints=3)]
    reports.append(report("own", [endpoint(0), endpoint(1, health="ejected"), endpoint(2)]))
    _, made = players_of(reports)
    own = next(player for player in made if player.name == "default/own")
    assert own.allowed.tolist() == [True, False, True]
    rungs = vectors.ladder(made, [Queue(0.01, 4.0)] * 3, 2.0)
    for player, rows in zip(made, vectors.proposed(made, rungs, 16).rows, strict=True):
        assert np.all(rows[:, ~player.allowed] == 0.0)
        assert rows.sum(axis=1) == pytest.approx(1.0)


def proposals(count=16, endpoints=10, seed=0, most=16):
    rng = np.random.default_rng(seed)
    _, made = players_of(many(count, endpoints, rate=1.0))
    queues = [Queue(0.01 / SPEEDS[k % 5], 8.0) for k in range(endpoints)]
    capacity = sum(queue.workers / queue.service_s for queue in queues)
    _, made = players_of(many(count, endpoints, rate=float(rng.uniform(0.6, 0.7)) * capacity / count))
    rungs = vectors.ladder(made, queues, 1e9)
    return made, rungs, vectors.proposed(made, rungs, most).rows


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(2, 30), st.integers(0, 9))
def test_there_are_at_most_sixteen_that_sum_to_one_and_the_first_is_the_own_mix(count, endpoints, seed):
    made, _, rows = proposals(count, endpoints, seed)
    for player, mine in zip(made, rows, strict=True):
        assert 1 <= len(mine) <= 16
        assert np.all(mine >= 0)
        assert mine.sum(axis=1) == pytest.approx(1.0)
        assert mine[0] == pytest.approx(player.present)


def test_the_blocks_of_all_players_add_up_to_the_loads_they_are_cut_from():
    made, rungs, rows = proposals()
    rates = np.array([player.rate_per_s for player in made])
    total = sum(rate * mine[1] for rate, mine in zip(rates, rows, strict=True))
    assert total == pytest.approx(rungs.loads[0], rel=0.02, abs=0.01 * rates.sum())


def test_no_block_is_much_worse_than_another():
    _, rungs, rows = proposals(64, 50)
    means = [float(mine[1] @ rungs.seconds[0]) for mine in rows]
    assert max(means) / min(means) < 1.2


def test_a_block_is_a_few_endpoints():
    _, _, rows = proposals(64, 50)
    sizes = [int((mine[1] > 0.005).sum()) for mine in rows]
    assert 3 <= np.mean(sizes) <= 12


def test_a_block_stays_when_loads_move_a_little():
    _, _, before = proposals(32, 20, seed=1)
    _, _, after = proposals(32, 20, seed=2)
    moved = [np.abs(one[1] - two[1]).sum() / 2 for one, two in zip(before, after, strict=True)]
    assert np.mean(moved) < 0.25


def test_the_ladder_begins_at_the_optimum_and_leads_away_from_it():
    _, rungs, _ = proposals(16, 10)
    totals = [float(load @ seconds) for load, seconds in zip(rungs.loads, rungs.seconds, strict=True)]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]
    rng = np.random.default_rng(3)
    queues = Queue.together([Queue(0.01 / SPEEDS[k % 5], 8.0) for k in range(10)])
    for _ in range(200):  # nobody finds anything cheaper near it
        moved = np.maximum(rungs.loads[0] * rng.normal(1.0, 0.05, 10), 0.0)
        moved *= rungs.loads[0].sum() / moved.sum()
        assert float(moved @ queues(moved)) >= totals[0] * (1 - 1e-3)


def test_no_endpoint_gets_more_than_it_may_grow():
    _, made = players_of(many(8, 4, rate=100.0))
    rungs = vectors.ladder(made, [Queue(0.01 / speed, 8.0) for speed in (0.3, 1.0, 1.0, 9.0)], 1.5)
    for load in rungs.loads:
        assert load.sum() == pytest.approx(800.0)
        assert load.max() <= 1.5 * 200.0 * 1.001
