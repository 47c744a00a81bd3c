"""The HorizontalPodAutoscaler's rule for CPU utilisation, and its brakes. Pure.

desired = ⌈replicas · utilisation / target⌉, unchanged within a tolerance of 10 % (kubernetes.io, "Algorithm details");
up by at most 100 % or 4 pods a period, down only to the highest wish of the stabilisation window (the defaults).
"""

import math
from collections import deque
from dataclasses import dataclass, field

TOLERANCE = 0.1
MOST_MORE = 4


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Kubernetes' defaults where one cycle of 15 s takes `cycle_s` here: everything shrinks alike."""

    cycle_s: float
    target: float = 0.7
    """Of the requests, which here are the limits."""

    @property
    def stabilisation_s(self) -> float:
        """300 s."""
        return 20 * self.cycle_s

    @property
    def start_s(self) -> float:
        """Scheduling, image, start, readiness: about 15 s where images are cached."""
        return self.cycle_s


@dataclass(slots=True)
class Autoscaler:
    """Of one service."""

    behaviour: Behaviour
    _wishes: deque[tuple[float, int]] = field(default_factory=deque)

    def wanted(self, replicas: int, utilisation: float, now: float) -> int:
        """How many replicas there should be; `utilisation` is the mean of the ready ones over the last period."""
        wish = replicas
        ratio = utilisation / self.behaviour.target
        if abs(ratio - 1.0) > TOLERANCE:
            wish = max(1, math.ceil(replicas * ratio))
        self._wishes.append((now, wish))
        while self._wishes[0][0] < now - self.behaviour.stabilisation_s:
            self._wishes.popleft()
        if wish > replicas:
            return min(wish, max(2 * replicas, replicas + MOST_MORE))
        return min(replicas, max(each for _, each in self._wishes))
