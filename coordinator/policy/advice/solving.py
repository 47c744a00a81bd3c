"""One service's game: from what is seen of it to what each caller is told, or why nobody is told anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from coordinator.game import gap, pool
from coordinator.game.congestion import CongestionGame, Group
from coordinator.game.latency import AnyCurve
from coordinator.game.pool import Correlated
from coordinator.policy.advice import columns, curves, vectors
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.epoch import Actions, Solved
from coordinator.policy.advice.past import Past
from coordinator.policy.advice.players import Player
from coordinator.policy.advice.scene import Scene
from coordinator.policy.advice.vectors import Profile, Proposal, Vector

_LEFT: Final = 0.5
"""Of what a player was told, at least, for it to go on with it."""
_BLOCKS: Final = 0.6
"""Of what a mixture recommends must be blocks."""


@dataclass(frozen=True, slots=True)
class Advised:
    """`told`: by sidecar; empty with a `solved.infeasible`."""

    solved: Solved
    told: Mapping[str, Actions] = field(default_factory=dict)


def nothing(why: str, players: int = 0, endpoints: int = 0) -> Advised:
    """No advice, and why."""
    return Advised(Solved(players=players, endpoints=endpoints, infeasible=why))


def late(why: str, players: int, endpoints: int) -> Advised:
    """No new advice, for want of time: the last one is still good."""
    return Advised(
        Solved(players=players, endpoints=endpoints, infeasible=f"out of time: {why}"[:300], late=True)
    )


def hindrance(scene: Scene, players: list[Player], config: AdviceConfig) -> str:
    """Why there is nothing to be solved; empty: there is."""
    if len(scene.endpoints) < 2:
        return f"{len(scene.endpoints)} of {len(scene.arrivals)} endpoints are admitted by most: no choice to advise on"
    if len(scene.endpoints) > config.most_endpoints:
        return f"{len(scene.endpoints)} endpoints are more than {config.most_endpoints}"
    if not players:
        return f"nobody sends {config.least_rate_per_s:g} requests per second or more"
    return ""


def solve(
    scene: Scene,
    players: list[Player],
    past: Past,
    config: AdviceConfig,
    now: float,
    rng: np.random.Generator,
    left_s: float = float("inf"),
) -> Advised:
    """Raises nothing: a game that cannot be solved, or not within `left_s` seconds, is one whose players hear nothing
    new."""
    if why := hindrance(scene, players, config):
        return nothing(why, len(players), len(scene.endpoints))
    try:
        seconds = curves.of(scene, past, _foreign(scene, players), config, now)
        if not seconds:
            return nothing("nobody has measured a latency yet", len(players), len(scene.endpoints))
        if past.depth(scene.service) < config.least_samples:
            why = f"its endpoints have been seen for less than {config.least_samples} epochs"
            return nothing(why, len(players), len(scene.endpoints))
        return _solved(scene, players, seconds, past, config, rng, left_s)
    except pool.OutOfTime as error:
        return late(f"{error}, and there was no more of the epoch", len(players), len(scene.endpoints))
    except pool.Infeasible as error:
        return nothing(f"infeasible: {error}"[:300], len(players), len(scene.endpoints))
    except Exception as error:  # noqa: BLE001  a defect in one service's game costs that service only
        return nothing(f"defect: {error!r}"[:300], len(players), len(scene.endpoints))


def _solved(
    scene: Scene,
    players: list[Player],
    seconds: list[AnyCurve],
    past: Past,
    config: AdviceConfig,
    rng: np.random.Generator,
    left_s: float,
) -> Advised:
    players = _usual(scene, players, past)
    caution = past.surprised(scene.service, scene.mean_s, config.surprise)
    rungs = vectors.ladder(players, seconds, 1.0 + (config.growth - 1.0) * caution)
    proposal = vectors.proposed(players, rungs, config.most_vectors, _before(scene, players, past))
    groups = [
        Group(player.name, player.rate_per_s, rows)
        for player, rows in zip(players, proposal.rows, strict=True)
    ]
    game = CongestionGame(groups, seconds)
    rate = sum(player.rate_per_s for player in players)
    found = _equilibrium(game, proposal, config, rng, left_s)
    past.expected_s[scene.service] = found.total / rate
    play = columns.drawn(found.profiles, found.probabilities, columns.slots(config), rng)
    _remember(scene, players, proposal, play, past)
    best = min(found.optimum, *(game.total(rung) for rung in proposal.rungs))
    solved = Solved(
        gap_s=found.gap_s,
        mean_cost_s=found.total / rate,
        welfare_ratio=found.total / best if best > 0 else 1.0,
        players=len(players),
        endpoints=len(scene.endpoints),
        coarse=found.coarse,
    )
    return Advised(solved, columns.told(players, proposal.rows, play, scene.endpoints))


def _before(scene: Scene, players: list[Player], past: Past) -> list[Vector] | None:
    """What each was told last, over the endpoints that are still to be had; None where somebody was not, or hardly
    anything is left of it."""
    told = past.told.get(scene.service, {})
    places = {address: place for place, address in enumerate(scene.endpoints)}
    found = []
    for player in players:
        row = np.zeros(len(places))
        for address, share in told.get(player.name, {}).items():
            if address in places and player.allowed[places[address]]:
                row[places[address]] = share
        left = float(row.sum())
        if left < _LEFT:
            return None
        found.append(row / left)
    return found


def _remember(scene: Scene, players: list[Player], proposal: Proposal, play: Profile, past: Past) -> None:
    """What all are told now, if it is the same in every slot."""
    past.told.pop(scene.service, None)
    if bool((play == play[0]).all()):
        past.told[scene.service] = {
            player.name: {
                scene.endpoints[place]: float(row[place]) for place in np.flatnonzero(row > 0.0).tolist()
            }
            for player, row in (
                (player, rows[number])
                for player, rows, number in zip(players, proposal.rows, play[0].tolist(), strict=True)
            )
        }


def _usual(scene: Scene, players: list[Player], past: Past) -> list[Player]:
    """With what each does by itself not of this instant alone."""
    past.keep(scene.service, [player.name for player in players])
    found = []
    for player in players:
        mix = dict(zip(scene.endpoints, player.present.tolist(), strict=True))
        usual = past.usual(scene.service, player.name, mix)
        shares = np.where(player.allowed, [usual[address] for address in scene.endpoints], 0.0)
        total = float(shares.sum())
        found.append(replace(player, present=shares / total if total > 0 else player.present))
    return found


def _equilibrium(
    game: CongestionGame,
    proposal: Proposal,
    config: AdviceConfig,
    rng: np.random.Generator,
    left_s: float,
) -> Correlated:
    """What all were told already while that is about as good; else the cheapest rung of the ladder that everybody
    obeys; a mixture where that is much better, or there is none.

    A rung is an equilibrium of the whole game, certified: all take their blocks of the same loads. A mixture may come
    nearer to the optimum, but is taken only if it, too, tells players their blocks (in the fluid game what they do
    alone may be as good, and in queues it is not). A rung that is obeyed is good enough where time is out. Raises
    Infeasible, OutOfTime.
    """
    totals = [game.total(rung) for rung in proposal.rungs]
    kept = _kept(game, proposal, min(totals), config)
    if kept is not None:
        return kept
    rung = _rung(game, proposal.rungs, totals, config.slack)
    if rung is not None and rung.total <= (1.0 + config.far) * min(totals):
        return rung
    slack_s = config.slack * min(totals) / float(game.rates.sum())
    try:
        mixed = pool.solve(
            game,
            rng,
            "if-needed" if config.coarse else False,
            slack_s=slack_s,
            block_worth=config.block_worth,
            limit_s=left_s,
        )
    except (pool.Infeasible, pool.OutOfTime):
        if rung is None:
            raise
        return rung
    if rung is None:
        return mixed
    better = mixed.total < (1.0 - 0.5 * config.far) * rung.total and not mixed.coarse
    return mixed if better and _in_blocks(mixed, proposal) >= _BLOCKS else rung


def _kept(game: CongestionGame, proposal: Proposal, best: float, config: AdviceConfig) -> Correlated | None:
    """What all were told last, but for those who would gain by another vector now: they take it, one by one, the one
    with the most to gain first. None where that is not about as good as the best of the new."""
    if proposal.kept is None:
        return None
    profile, slack_s = proposal.kept.copy(), config.slack * best / float(game.rates.sum())
    for _ in range(len(profile)):
        costs = game.deviations(profile)
        gains = [float(each[at] - each.min()) for each, at in zip(costs, profile.tolist(), strict=True)]
        most = int(np.argmax(gains))
        if gains[most] <= 0.95 * slack_s:
            break
        profile[most] = int(np.argmin(costs[most]))
    total = game.total(profile)
    return _rung(game, [profile], [total], config.slack) if total <= (1.0 + config.stay) * best else None


def _rung(
    game: CongestionGame, rungs: Sequence[Profile], totals: Sequence[float], slack: float
) -> Correlated | None:
    rate = float(game.rates.sum())
    for number in sorted(range(len(rungs)), key=totals.__getitem__):
        certified = gap.of_pool(game, rungs[number][None], [1.0])
        if certified <= slack * totals[number] / rate:
            profiles = rungs[number][None]
            return Correlated(
                profiles, np.ones(1), certified, totals[number], None, min(totals), coarse=False
            )
    return None


def _in_blocks(found: Correlated, proposal: Proposal) -> float:
    """The part of all recommendations that are blocks."""
    block = np.zeros(found.profiles.shape, dtype=bool)
    for rung in proposal.rungs:
        block |= found.profiles == rung
    return float(found.probabilities @ block.mean(axis=1) / found.probabilities.sum())


def _foreign(scene: Scene, players: list[Player]) -> list[float]:
    """Load at each endpoint of sidecars that are in no player: always there, whatever is advised."""
    playing = {member.sidecar for player in players for member in player.members}
    others = [caller for caller in scene.callers if caller.sidecar not in playing]
    return [sum(caller.flow(address) for caller in others) for address in scene.endpoints]
