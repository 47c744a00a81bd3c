"""What agents settle on: the bars of regret matching and of the polish."""

import dataclasses
import itertools
import math
import random

import pytest

from coordinator.game.agents import Agent, Game, Recommendation, _learn, recommend

SEEDS = range(40)


def crew(seed: int) -> tuple[list[Agent], int]:
    """Agents and a node that is anything from far too small to far too large for what they would like."""
    rng = random.Random(seed)
    agents = [
        Agent(
            name=f"a{index:02}",
            usage_m=rng.uniform(5.0, 700.0),
            limit_m=rng.uniform(50.0, 1500.0),
            latency_s=rng.uniform(0.005, 0.6),
            slo_s=rng.choice([0.05, 0.1, 0.3]),
            price=rng.uniform(0.2, 3.0),
        )
        for index in range(rng.randint(1, 15))
    ]
    return agents, rng.choice([500, 2000, 4000, 16_000])


def settled(seed: int) -> tuple[list[Agent], int, Recommendation]:
    agents, capacity_m = crew(seed)
    return agents, capacity_m, recommend(agents, capacity_m, random.Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bars(seed: int) -> None:
    """Time-average gap ≤ 5 % of cost, final potential ≥ initial, gap 0 after the polish, plateau, and it fits."""
    agents, capacity_m, found = settled(seed)
    assert found.gap <= 0.05
    assert found.potential[-1] >= found.potential[0]
    assert found.polished_gap == 0.0
    assert found.plateau
    assert found.potential[-1] == found.potential[-2]
    assert len(found.potential) >= 54
    assert sum(found.levels.values()) <= capacity_m
    assert sorted(found.levels) == sorted(agent.name for agent in agents)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_gains_by_another_level(seed: int) -> None:
    """By enumeration of all levels of all agents."""
    agents, capacity_m, found = settled(seed)
    game = Game(agents, capacity_m, found.price)
    for who, agent in enumerate(agents):
        own = found.levels[agent.name]
        others = [game.utility(who, _profile(agents, found, agent.name, level)) for level in game.levels[who]]
        assert max(others) == game.utility(who, _profile(agents, found, agent.name, own))
        assert own in game.levels[who]


def _profile(agents: list[Agent], found: Recommendation, mover: str, level: int) -> list[int]:
    return [level if agent.name == mover else found.levels[agent.name] for agent in agents]


@pytest.mark.parametrize("seed", range(6))
def test_of_two_agents_no_pair_of_levels_that_one_would_change_is_recommended(seed: int) -> None:
    """All pure Nash equilibria by brute force: the recommendation is one of them."""
    agents, _ = crew(seed)
    agents = [agents[0], dataclasses.replace(agents[0], name="b", price=agents[0].price / 2)]
    found = recommend(agents, 2000, random.Random(seed))
    game = Game(agents, 2000, found.price)
    equilibria = [pair for pair in itertools.product(*game.levels) if _stable(game, pair)]
    assert (found.levels[agents[0].name], found.levels["b"]) in equilibria


def _stable(game: Game, pair: tuple[int, ...]) -> bool:
    one, two = pair
    return all(game.utility(0, (level, two)) <= game.utility(0, pair) for level in game.levels[0]) and all(
        game.utility(1, (one, level)) <= game.utility(1, pair) for level in game.levels[1]
    )


def test_the_same_dice_give_the_same_answer_in_any_order() -> None:
    agents, capacity_m = crew(3)
    shuffled = random.Random(1).sample(agents, len(agents))
    one = recommend(agents, capacity_m, random.Random(5))
    assert recommend(shuffled, capacity_m, random.Random(5)) == one


def test_a_node_large_enough_has_no_price() -> None:
    agents, _ = crew(4)
    assert recommend(agents, 200_000, random.Random(0)).price == 0.0


def test_a_small_node_has_one() -> None:
    agents = [dataclasses.replace(agent, usage_m=400.0) for agent in crew(5)[0]]
    capacity_m = 300 * len(agents)
    found = recommend(agents, capacity_m, random.Random(0))
    assert found.price > 0.0
    assert sum(found.levels.values()) <= capacity_m


def test_who_minds_money_less_holds_more() -> None:
    twins = [
        Agent(name=name, usage_m=300.0, limit_m=500.0, latency_s=0.2, slo_s=0.1, price=price)
        for name, price in (("poor", 3.0), ("rich", 0.3))
    ]
    found = recommend(twins, 2000, random.Random(0))
    assert found.levels["rich"] > found.levels["poor"]


def test_floors_that_do_not_fit_are_cut_pro_rata() -> None:
    agents = [dataclasses.replace(crew(1)[0][0], name=name, floor_m=300.0) for name in "ab"]
    found = recommend(agents, 500, random.Random(0))
    assert (found.levels, found.infeasible) == ({"a": 250, "b": 250}, True)


def test_nobody_at_all_is_no_trouble() -> None:
    assert recommend([], 4000, random.Random(0)).levels == {}


SOUND = Agent(name="web", usage_m=300.0, limit_m=500.0, latency_s=0.2, slo_s=0.1, price=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("usage_m", -1.0),
        ("usage_m", math.nan),
        ("limit_m", 0.0),
        ("latency_s", math.inf),
        ("slo_s", 0.0),
        ("price", -0.5),
        ("floor_m", math.nan),
        ("cap_m", 5.0),
    ],
)
def test_an_agent_of_nonsense_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"agent 'web': {name} is {value!r}; allowed: "):
        recommend([dataclasses.replace(SOUND, **{name: value})], 4000, random.Random(0))


def test_an_agent_plays_once() -> None:
    with pytest.raises(ValueError, match="'web' is given twice"):
        recommend([SOUND, SOUND], 4000, random.Random(0))


@pytest.mark.parametrize(("capacity_m", "rounds"), [(-1, 50), (4000, 0)])
def test_a_game_of_nonsense_is_refused(capacity_m: int, rounds: int) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        recommend([SOUND], capacity_m, random.Random(0), rounds=rounds)


@pytest.mark.parametrize("seed", range(10))
def test_in_a_round_nobody_moves_more_of_its_mix_than_a_quarter_of_its_relative_gain(seed: int) -> None:
    rng = random.Random(seed)
    mix = [1 / 8] * 8
    regrets = [0.0] * 8
    for _ in range(50):
        costs = [rng.uniform(0.1, 3.0) for _ in mix]
        before = list(mix)
        paid = sum(share * cost for share, cost in zip(mix, costs, strict=True))
        _learn(mix, regrets, costs)
        moved = sum(abs(one - other) for one, other in zip(mix, before, strict=True)) / 2
        assert moved <= 0.25 * (paid - min(costs)) / paid + 1e-12
        assert sum(mix) == pytest.approx(1.0)
        assert min(mix) >= 0.0
