"""Every rival by name, with what it takes to make one."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from loadtest.lab.rules.argmin import Argmin
from loadtest.lab.rules.board import PowerOfTwoBoard
from loadtest.lab.rules.boardmix import BoardMix
from loadtest.lab.rules.c3 import C3
from loadtest.lab.rules.envoy import LeastRequestOutlier
from loadtest.lab.rules.linkerd import PeakEwmaP2C
from loadtest.lab.rules.prequal import Prequal
from loadtest.lab.rules.rule import Rule
from loadtest.lab.rules.scan import FullScan
from loadtest.lab.rules.simple import LeastConnections, Random, RoundRobin

Make = Callable[[random.Random], Rule]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a rule may be told of the world it is put into."""

    pods: int
    sidecars: int


@dataclass(frozen=True, slots=True)
class RuleKind:
    """`name` for commands and files, `title` for people; `make` gives one rule per sidecar."""

    name: str
    title: str
    make: Callable[[Setting], Make]


def _kind(name: str, title: str, make: Make) -> RuleKind:
    """One that is the same in any setting."""
    return RuleKind(name, title, lambda _: make)


_KINDS: Final = (
    _kind("round-robin", "round robin", RoundRobin),
    _kind("random", "random", Random),
    _kind("least-connections", "least connections", LeastConnections),
    _kind("envoy", "Envoy: least request, outlier detection", LeastRequestOutlier),
    _kind("linkerd", "Linkerd: P2C peak EWMA", PeakEwmaP2C),
    _kind("linkerd-penalised", "Linkerd with penalised failures", partial(PeakEwmaP2C, penalise=True)),
    _kind("full-scan", "full-scan peak EWMA", FullScan),
    _kind("full-scan-5s", "full-scan peak EWMA, failures 5 s", partial(FullScan, error_s=5.0)),
    RuleKind("c3", "C3", lambda setting: partial(C3, n_clients=setting.sidecars)),
    _kind("prequal", "Prequal", Prequal),
    _kind("argmin", "argmin of our cost", Argmin),
    _kind("board-p2c", "P2C on the board", PowerOfTwoBoard),
    _kind("board-mix", "our mix on the board, one draw", BoardMix),
)

RULES: Final[Mapping[str, RuleKind]] = {kind.name: kind for kind in _KINDS}
