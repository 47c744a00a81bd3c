"""What `/state` shows of advice: whom it reaches, how good it is, and why there is none."""

from dataclasses import asdict
from typing import Final

from coordinator.advice.board import Board
from coordinator.advice.epochs import Epochs
from coordinator.policy.advice.adviser import Adviser
from coordinator.store.gossip import Gossip
from coordinator.store.sync import Sync
from sidecar import clock

_REPUTATIONS: Final = 256
"""The worst of them."""


def shown(
    adviser: Adviser, board: Board, epochs: Epochs, gossip: Gossip, sync: Sync | None, hindrance: str
) -> dict[str, object]:
    """Plain values."""
    epoch = board.epoch
    games = epoch.games if epoch is not None else {}
    worst = sorted(gossip.known.values(), key=lambda said: (said.score, said.caller, said.target))
    return {
        "not_served": hindrance,
        "version": board.version,
        "expires_in_s": round(epoch.expires_at - clock.wall_s(), 3) if epoch is not None else None,
        "sidecars_reporting": len(adviser.reports),
        "sidecars_advised": len(epoch.columns) if epoch is not None else 0,
        "waiting": board.held,
        "epochs": dict(epochs.results),
        "problem": epochs.problem,
        "store": {"up": sync.up, "problem": sync.problem, "failures": dict(sync.counts)} if sync else None,
        "services": {
            service: {
                "players": solved.players,
                "endpoints": solved.endpoints,
                "gap": solved.gap,
                "mean_cost_s": solved.mean_cost_s,
                "welfare_ratio": solved.welfare_ratio,
                "coarse": solved.coarse,
                "why_not": solved.infeasible,
            }
            for service, solved in games.items()
        },
        "reputations": [asdict(said) for said in worst[:_REPUTATIONS]],
    }
