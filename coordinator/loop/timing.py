"""How long phases take: for `equilibrium_cycle_seconds{phase}`, the log and /state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coordinator.record import Cycle


@contextmanager
def timed(cycle: Cycle, phase: str, now: Callable[[], float]) -> Iterator[None]:
    """Count the block's seconds towards a phase."""
    began = now()
    try:
        yield
    finally:
        cycle.seconds[phase] = cycle.seconds.get(phase, 0.0) + max(0.0, now() - began)
