"""The coordinator in the lab: it hears every sidecar's report, works out epochs and hands out columns, in virtual time.

Both ends are the programs' own: what sidecars report and how they follow is `sidecar.policy`, what is worked out of it
is `coordinator.policy.advice` and `coordinator.game`. Only what carries the messages is the lab's. A report is made
into JSON and read again, as on the wire.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from coordinator.policy.advice import adviser, report
from coordinator.policy.advice.config import AdviceConfig
from coordinator.policy.advice.epoch import Epoch, Solved
from loadtest.lab.advice.lies import Columns, Liar
from loadtest.lab.engine import Engine
from loadtest.lab.rules.ours import Equilibrium
from sidecar.policy import reporting
from sidecar.policy.advice import Column
from sidecar.policy.router import Router

SERVICE: Final = "bus-service.default:8080"
WALL_S: Final = 1_790_000_000.0
"""What the coordinator's clock shows when the lab's shows 0."""
REPORT_S: Final = 2.5
DELAY_S: Final = 0.25
"""From a report's end, or an epoch's, until the other side has it."""
_HOST: Final = "10.9.0.1"
_FIRST_PORT: Final = 8000
CONFIG: Final = AdviceConfig(epoch_s=5.0)


class Council:
    """One coordinator and the routers it advises. `liar` takes the columns' place from `turns_at_s` on.

    `dies_at_s`: nothing is heard or said from then on; what was said stands until it expires.
    """

    def __init__(
        self,
        seed: int,
        config: AdviceConfig = CONFIG,
        liar: Liar | None = None,
        turns_at_s: float = float("inf"),
        dies_at_s: float = float("inf"),
    ) -> None:
        self.games: list[Solved] = []
        """Of every epoch."""
        self.routers: dict[str, Router] = {}
        """By the name of their pod."""
        self.config = config
        self._adviser = adviser.Adviser(config)
        self._rng = np.random.default_rng(seed)
        self._liar, self._turns_at_s, self._dies_at_s = liar, turns_at_s, dies_at_s

    def script(self, engine: Engine) -> None:
        """Before the first request."""
        for number, rule in enumerate(engine.rules):
            if isinstance(rule, Equilibrium):
                self.routers[f"gateway-{number}"] = rule.router
        engine.every(REPORT_S, lambda: self._hear(engine))
        engine.every(self.config.epoch_s, lambda: self._advise(engine))

    def _hear(self, engine: Engine) -> None:
        if engine.now >= self._dies_at_s:
            return
        for pod, router in self.routers.items():
            question = {
                "namespace": "default",
                "workload": "default/gateway",
                "pod": pod,
                "services": [_addressed(reporting.report(SERVICE, router, {}, engine.now))],
            }
            self._adviser.heard(report.read(json.loads(json.dumps(question))), engine.now)

    def _advise(self, engine: Engine) -> None:
        if engine.now >= self._dies_at_s:
            return
        epoch = adviser.work_out(self._adviser.brief(engine.now, engine.now + WALL_S), self._rng)
        self.games.append(epoch.games.get(SERVICE, Solved(infeasible="nobody reports")))
        told = self._told(epoch)
        if self._liar is not None and engine.now >= self._turns_at_s:
            told = self._liar.columns(told, len(engine.pods))
        engine.at(engine.now + DELAY_S, lambda: self._hand(engine, epoch, told))

    def _told(self, epoch: Epoch) -> Columns:
        return {
            pod: tuple(_numbered(action) for action in epoch.column(f"default/{pod}").get(SERVICE, ()))
            for pod in self.routers
        }

    def _hand(self, engine: Engine, epoch: Epoch, told: Columns) -> None:
        for pod, actions in told.items():
            column = self._column(epoch, actions) if actions else None
            self.routers[pod].advise(column, engine.now)

    def _column(self, epoch: Epoch, actions: tuple[Mapping[str, float], ...]) -> Column:
        return Column(
            epoch.number,
            epoch.first_slot,
            epoch.slot_ms / 1000,
            -WALL_S,
            tuple(dict(action) for action in actions),
            epoch.expires_at - WALL_S,
        )


def _addressed(service: dict[str, Any]) -> dict[str, Any]:
    """To the lab's routers pods are numbers; on the wire they have addresses."""
    for endpoint in service["endpoints"]:
        endpoint["address"] = f"{_HOST}:{_FIRST_PORT + int(endpoint['address'])}"
    return service


def _numbered(action: Mapping[str, float]) -> dict[str, float]:
    return {str(int(address.rpartition(":")[2]) - _FIRST_PORT): share for address, share in action.items()}
