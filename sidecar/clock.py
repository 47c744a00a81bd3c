"""The one clock: monotonic seconds, and wall-clock seconds where a message needs them.

`loop.time()` under uvloop is cached per loop iteration with 1 ms resolution, too coarse to measure a
1 ms request; `perf_counter` costs 40 ns and is exact.
"""

import time as _clocks
from time import perf_counter as now
from time import time as _time

__all__ = ["boot_s", "now", "wall_s"]


def wall_s() -> float:
    """Seconds since the epoch; only for messages other machines read, never for durations."""
    return _time()


def boot_s() -> float:
    """Seconds since boot, as `now` never going back, but going on while the machine sleeps (Linux; else `now`)."""
    return _clocks.clock_gettime(_clocks.CLOCK_BOOTTIME) if hasattr(_clocks, "CLOCK_BOOTTIME") else now()
