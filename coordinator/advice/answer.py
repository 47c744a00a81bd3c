"""What a sidecar is told, as JSON: its own column and nothing of anybody else's."""

from typing import Any, Final

import orjson

from coordinator.advice.board import Board
from coordinator.policy.advice.epoch import Action, Actions, Epoch
from sidecar import clock

LONGEST_SLOT_MS: Final = 3_600_000
"""That sidecars take."""


def told(board: Board, sidecar: str) -> bytes:
    """The body of an answer (docs/advice.md)."""
    return orjson.dumps(plain(board, sidecar))


def plain(board: Board, sidecar: str) -> dict[str, Any]:
    """`services` is the whole of it: what is missing is not advised."""
    wall_s = clock.wall_s()
    epoch = board.epoch
    told = epoch.told(sidecar, wall_s) if epoch is not None else {}
    return {
        "version": board.version,
        "server_time": wall_s,
        "services": [_service(service, *each, wall_s) for service, each in told.items()],
    }


def _service(service: str, epoch: Epoch, actions: Actions, wall_s: float) -> dict[str, Any]:
    first_slot, slot_ms, told = slots(epoch.first_slot, epoch.slot_ms, actions)
    return {
        "service": service,
        "epoch": epoch.number,
        "first_slot": first_slot,
        "slot_ms": slot_ms,
        "expires_in_s": round(max(epoch.expires_at - wall_s, 0.0), 3),
        "actions": told,
    }


def slots(first_slot: int, slot_ms: int, actions: Actions) -> tuple[int, int, list[Action]]:
    """(first slot, milliseconds, actions): the same in slots as long as the whole column where it has one action.

    Mostly it has: written once a second that is 37 kB an answer, and a thousand of them are due at once. A column as
    long as a slot lies in two of them.
    """
    whole_ms = slot_ms * len(actions)
    if len(actions) <= 2 or whole_ms > LONGEST_SLOT_MS or not _constant(actions):
        return first_slot, slot_ms, list(actions)
    return first_slot * slot_ms // whole_ms, whole_ms, [actions[0]] * 2


def _constant(actions: Actions) -> bool:
    first = actions[0]
    return all(each is first or each == first for each in actions)
