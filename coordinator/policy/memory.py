"""Memory limits: up at once when use comes near, down never, or slowly where the operator asks for it.

Too little memory kills, so nothing is decided without a known use, and nothing without a sidecar that consents.
"""

import math
from typing import Final

from coordinator.policy.config import Bounds, Config
from coordinator.policy.observation import Observation
from coordinator.policy.records import Record
from coordinator.policy.subject import Subject

_MIB: Final = 1024 * 1024
_DECAY: Final = 0.95
"""Per change: a twentieth."""
_CALM: Final = 1.5
"""Never below so many times the use."""


def wanted_bytes(
    subject: Subject, seen: Observation, record: Record, bounds: Bounds, config: Config, now: float
) -> tuple[int, str] | None:
    """A new limit in bytes, whole MiB, and why; None: it stays. Counts idle cycles in `record`."""
    limit, use = subject.spec.memory_limit_bytes, seen.usage_bytes
    if config.memory == "off" or subject.sidecar is None or subject.policy == "requests":
        return None
    if limit is None or limit <= 0 or use is None or use < 0:
        return None
    first = record.first_memory_bytes = min(limit, record.first_memory_bytes or limit)
    record.idle_memory = record.idle_memory + 1 if use < config.memory_idle * limit else 0
    if use >= config.memory_near * limit:
        change = _grown(limit, use, first, bounds, config)
    elif config.memory == "decay" and record.idle_memory >= config.memory_idle_cycles:
        change = _decayed(limit, use, first, bounds)
    else:
        return None
    if change == limit or _refused(change, record, now):
        return None
    record.idle_memory = 0
    return change, f"memory {'grows' if change > limit else 'decays'}: {use} of {limit} bytes are in use"


def _grown(limit: int, use: int, first: int, bounds: Bounds, config: Config) -> int:
    most = int(config.memory_most * first)
    if bounds.max_memory_bytes is not None:
        most = min(most, bounds.max_memory_bytes)
    aimed = _MIB * math.ceil(use / config.memory_aim / _MIB)
    return max(limit, min(aimed, most))


def _decayed(limit: int, use: int, first: int, bounds: Bounds) -> int:
    least = max(first, math.ceil(_CALM * use), bounds.min_memory_bytes or 0)
    return min(limit, _MIB * math.ceil(max(least, _DECAY * limit) / _MIB))


def _refused(change: int, record: Record, now: float) -> bool:
    veto = record.memory_veto
    if veto is None or not veto.stands(now):
        return False
    return veto.minimum is None or change < veto.minimum
