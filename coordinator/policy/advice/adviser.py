"""From reports to advice: remembers what sidecars said last, and works an epoch out of it (game.md §2). Sans-IO.

`Adviser` is cheap and belongs to one thread; `work_out` is not, and may run in another: it is given a `Brief`, and it
alone touches the `Past` while it runs. One brief is worked out at a time, once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from coordinator.policy.advice import players as playing
from coordinator.policy.advice import scene as scenes
from coordinator.policy.advice import solving
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.epoch import Actions, Epoch, Solved
from coordinator.policy.advice.past import Past
from coordinator.policy.advice.players import Player
from coordinator.policy.advice.report import Report, ServiceReport
from coordinator.policy.advice.scene import Scene
from coordinator.policy.advice.solving import Advised

MOST_UNSOLVED = 256
"""Services of which it is said why there is no advice; of more it is not said."""


def _ever() -> float:
    return float("inf")


class Full(Exception):
    """No further sidecar can be remembered; says why."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What is to be worked out. `reports` are a copy, empty once it is; `past` is the adviser's own, and gets this
    instant's sample."""

    number: int
    now: float
    wall_s: float
    reports: list[Report]
    past: Past
    config: AdviceConfig
    left_s: Callable[[], float] = _ever
    """Seconds that working it out may still take."""


class Adviser:
    """The latest report of every sidecar, bounded; `now` in seconds of one clock."""

    def __init__(self, config: AdviceConfig | None = None) -> None:
        self.config = config or AdviceConfig()
        self._reports: dict[str, Report] = {}
        self._heard_at: dict[str, float] = {}
        self._past = Past(self.config.half_life_s)
        self._size = 0
        self._number = 0

    def __repr__(self) -> str:
        return (
            f"Adviser({len(self._reports)} sidecars, {self._size} endpoints reported, epoch {self._number})"
        )

    @property
    def reports(self) -> Mapping[str, Report]:
        """The latest of each, by sidecar."""
        return self._reports

    @property
    def size(self) -> int:
        """Endpoints in all of them."""
        return self._size

    def heard_at(self, sidecar: str) -> float:
        """When it reported last. Raises KeyError."""
        return self._heard_at[sidecar]

    def heard(self, report: Report, now: float) -> None:
        """It takes the place of that sidecar's last. Raises `Full`: nothing is changed."""
        before = self._reports.get(report.sidecar)
        size = self._size + report.size - (before.size if before is not None else 0)
        if before is None and len(self._reports) >= self.config.most_sidecars:
            raise Full(f"{self.config.most_sidecars} sidecars report already")
        if size > max(self.config.most_reported, self._size):
            raise Full(f"{self.config.most_reported} endpoints are reported already")
        self._size = size
        self._reports[report.sidecar] = report
        self._heard_at[report.sidecar] = now

    def forget(self, now: float) -> None:
        """Those that have been silent for `forget_epochs`."""
        since = now - self.config.forget_epochs * self.config.epoch_s
        for sidecar in [name for name, at in self._heard_at.items() if at < since]:
            self._size -= self._reports.pop(sidecar).size
            del self._heard_at[sidecar]

    def brief(self, now: float, wall_s: float, left_s: Callable[[], float] = _ever) -> Brief:
        """Of the next epoch. Silent sidecars are forgotten first."""
        self.forget(now)
        self._number += 1
        return Brief(self._number, now, wall_s, list(self._reports.values()), self._past, self.config, left_s)


def work_out(brief: Brief, rng: np.random.Generator) -> Epoch:
    """The same brief, the same past and the same `rng` state: the same epoch. Heavy: seconds for many services."""
    config = brief.config
    games: dict[str, Solved] = {}
    columns: dict[str, dict[str, Actions]] = {}
    brief.past.forget(brief.now)
    left = config.most_cells
    for scene, players in _busiest(brief):
        brief.past.add(scene.service, scene.arrivals, brief.now)
        advised = _advised(brief, scene, players, left, rng)
        left -= _cells(scene, players, config) if advised.told else 0
        if advised.told or len(games) < MOST_UNSOLVED:
            games[scene.service] = advised.solved
        for sidecar, actions in advised.told.items():
            columns.setdefault(sidecar, {})[scene.service] = actions
    return Epoch(
        number=brief.number,
        first_slot=int(brief.wall_s * 1000 // config.slot_ms),
        slot_ms=config.slot_ms,
        expires_at=brief.wall_s + config.life_s,
        columns=columns,
        games=games,
    )


def _advised(
    brief: Brief, scene: Scene, players: list[Player], left: int, rng: np.random.Generator
) -> Advised:
    """One service, if there is room and time for it."""
    config = brief.config
    size = len(players), len(scene.endpoints)
    left_s = brief.left_s()
    if not solving.hindrance(scene, players, config):
        if _cells(scene, players, config) > left:
            return solving.nothing("too many games for one epoch: the busiest services come first", *size)
        if left_s <= 0.0:
            return solving.late("the epoch was over; the busiest services come first", *size)
    return solving.solve(scene, players, brief.past, config, brief.now, rng, left_s)


def _cells(scene: Scene, players: list[Player], config: AdviceConfig) -> int:
    return len(players) * config.most_vectors * len(scene.endpoints)


def _busiest(brief: Brief) -> Iterator[tuple[Scene, list[Player]]]:
    """Every service that somebody calls, most requests first. One after the other, and what was said of it is let go
    then: it has been said anew meanwhile, and a thousand sidecars' reports are 10 MB."""
    reported: dict[str, list[tuple[Report, ServiceReport]]] = {}
    while brief.reports:
        report = brief.reports.pop()
        who = replace(report, services=())
        for service in report.services:
            reported.setdefault(service.service, []).append((who, service))
    rates = {name: _rate_per_s(pairs, brief.config) for name, pairs in reported.items()}
    for name in sorted(reported, key=lambda name: (-rates[name], name)):
        pairs = [(who, said.unpacked()) for who, said in reported.pop(name)]
        scene = scenes.seen(name, pairs, brief.config)
        yield scene, playing.of(scene, brief.config)


def _rate_per_s(pairs: Sequence[tuple[Report, ServiceReport]], config: AdviceConfig) -> float:
    """Of all who call it, none of whom is believed to send out of all proportion (as in its scene)."""
    rates = [service.sent_per_s for _, service in pairs]
    most = config.lead * median([rate for rate in rates if rate > 0] or [0.0])
    return sum(min(rate, most) for rate in rates)
