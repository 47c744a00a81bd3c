"""What a sidecar is told, as JSON: its own column and nothing of anybody else's."""

from typing import Any

import orjson

from coordinator.advice.board import Board
from sidecar import clock


def told(board: Board, sidecar: str) -> bytes:
    """The body of an answer (docs/advice.md)."""
    return orjson.dumps(plain(board, sidecar))


def plain(board: Board, sidecar: str) -> dict[str, Any]:
    """`services` is the whole of it: what is missing is not advised."""
    wall_s = clock.wall_s()
    epoch = board.epoch
    services = [
        {
            "service": service,
            "epoch": epoch.number,
            "first_slot": epoch.first_slot,
            "slot_ms": epoch.slot_ms,
            "expires_in_s": round(max(epoch.expires_at - wall_s, 0.0), 3),
            "actions": list(actions),
        }
        for service, actions in (epoch.column(sidecar) if epoch is not None else {}).items()
        if epoch is not None
    ]
    return {"version": board.version, "server_time": wall_s, "services": services}
