"""What requests cost the application, in seconds it was busy, and whether the answer was of use to anybody."""

from dataclasses import dataclass
from typing import Final

UNKNOWN_COST_S: Final = 0.01
"""A request's cost before anything was answered."""
_LEAST_OTHERS: Final = 5.0


class Costs:
    """Answers of the application, useful or not, and the seconds they took."""

    __slots__ = ("bad", "bad_s", "good", "good_s")

    def __init__(self) -> None:
        self.good = self.bad = 0.0
        self.good_s = self.bad_s = 0.0

    def add(self, cost_s: float, *, good: bool) -> None:
        """One answer."""
        if good:
            self.good += 1.0
            self.good_s += cost_s
        else:
            self.bad += 1.0
            self.bad_s += cost_s

    def merge(self, news: "Costs", keep: float = 1.0) -> None:
        """Fade to `keep`, then add. One answer's worth never fades: silence says nothing about what requests cost."""
        if keep * self.count + news.count < 1.0:
            keep = 1.0
        self.good = keep * self.good + news.good
        self.good_s = keep * self.good_s + news.good_s
        self.bad = keep * self.bad + news.bad
        self.bad_s = keep * self.bad_s + news.bad_s

    @property
    def count(self) -> float:
        """Answers."""
        return self.good + self.bad

    @property
    def busy_s(self) -> float:
        """Seconds they took."""
        return self.good_s + self.bad_s


@dataclass(slots=True)
class Crowd:
    """All prefixes together, in one tick: what a single one is compared with."""

    costs: Costs
    demand_s: float = 0.0  # busy seconds that all requests ask for
    active: int = 0  # prefixes that asked for anything

    def mean_s(self) -> float:
        """Of one request."""
        return mean_s(self.costs.busy_s, self.costs.count, UNKNOWN_COST_S)

    def waste(self, own: Costs) -> float | None:
        """How much worse a prefix treats the application than the others do, in [0, 1]; None: nothing to compare with.

        The larger of: its part of busy time that was of no use, beyond theirs; by how much its requests are dearer.
        """
        count = self.costs.count - own.count
        busy_s = self.costs.busy_s - own.busy_s
        if count < _LEAST_OTHERS or busy_s <= 0.0 or own.busy_s <= 0.0:
            return None
        useless = own.bad_s / own.busy_s - max(0.0, self.costs.bad_s - own.bad_s) / busy_s
        return max(0.0, useless, 1.0 - (busy_s / count) / (own.busy_s / own.count))


def mean_s(busy_s: float, count: float, unknown_s: float) -> float:
    """Of one request; `unknown_s` without any."""
    return max(0.0, busy_s) / count if count > 0.0 else unknown_s
