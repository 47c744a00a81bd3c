"""Between which amounts one pod's CPU may be set at all, in steps of 10 m."""

import math
from dataclasses import dataclass
from typing import Final

from coordinator.policy.config import Bounds
from coordinator.policy.subject import Subject

STEP_M: Final = 10
"""The kubelet rounds CPU limits up to it (reference/kubernetes.md §3.5)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Both multiples of 10, the first at most the second."""

    low_m: int
    high_m: int


def up(amount_m: float) -> int:
    """To the step at or above."""
    return STEP_M * math.ceil(amount_m / STEP_M)


def down(amount_m: float) -> int:
    """To the step at or below."""
    return STEP_M * math.floor(amount_m / STEP_M)


def reach(subject: Subject, bounds: Bounds) -> Reach | str:
    """Its floor and cap, the namespace's LimitRange and request ≤ limit; a sentence when these clash."""
    ratio = bounds.max_cpu_ratio
    if ratio is not None and not 0.0 < ratio < math.inf:
        return f"the LimitRange's ratio of limit to request is {ratio!r}; allowed: a number above 0"
    lows, highs = [STEP_M, subject.floor_m], [subject.cap_m]
    if bounds.min_cpu_m is not None:
        lows.append(bounds.min_cpu_m)
    if bounds.max_cpu_m is not None:
        highs.append(bounds.max_cpu_m)
    request_m, limit_m = subject.spec.cpu_request_m, subject.spec.cpu_limit_m
    if subject.policy == "limits" and request_m is not None:
        lows.append(request_m)
        if ratio is not None:
            highs.append(math.floor(request_m * ratio))
    if subject.policy == "requests" and limit_m is not None:
        highs.append(limit_m)
        if ratio is not None:
            lows.append(math.ceil(limit_m / ratio))
    low_m, high_m = up(max(lows)), down(min(highs))
    if low_m > high_m:
        return f"it may have no less than {max(lows)}m and no more than {min(highs)}m, in steps of {STEP_M}m"
    return Reach(low_m, high_m)
