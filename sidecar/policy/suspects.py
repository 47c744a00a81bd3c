"""What unproven callers of one address prefix do, tick by tick, and whether that makes an adversary of them.

Evidence counts only while the application is congested and the prefix asks for a notable part of its time: a popular
site with room is never judged. An accused prefix is judged by what it *offers* (most of it is refused, so that
calm is our own doing), and is free again once its traffic has been harmless for a window.
"""

import math
from dataclasses import dataclass
from typing import Final

from sidecar.game.callers import CallerPosterior
from sidecar.policy.buckets import Bucket
from sidecar.policy.costs import Costs, Crowd, mean_s
from sidecar.policy.measures import Stakes
from sidecar.policy.sketches import Novelty, Spread

_USUAL_S: Final = 60.0
_SLOTS_PER_IDENTITY: Final = 4
"""The sketch of identities is at most a quarter full."""
_FORGOTTEN: Final = 0.01
_LEAST_S: Final = 1e-9


@dataclass(frozen=True, slots=True)
class DefenceConfig:
    """Times in seconds, rates in requests per second, shares and probabilities in [0, 1]."""

    window_s: float = 10.0  # a prefix that was harmless for so long is free
    memory_s: float = 60.0  # an identity is new if not seen for so long (up to twice that)
    least_requests: int = 50  # per window, before anything is judged
    least_share: float = 0.1  # of the busy time asked for, before anything is judged
    accuse_at: float = 0.9  # posterior of *hostile*
    calm_below: float = 0.5
    least_good: float = 0.01  # of an accused prefix's requests: somebody honest may always be there
    key_rate: float = 5.0  # what throttling leaves to one caller or one path
    floor_rate: float = 1.0  # and to a prefix that nobody knew before
    most_groups: int = 256
    most_tracked: int = 512  # identities and paths per prefix, throttled keys in all
    delay_s: float = 0.25
    most_delayed: int = 64


class Group:
    """The unproven callers of one prefix. Everything in it is bounded."""

    __slots__ = (
        "_answers",
        "_calm_s",
        "_config",
        "_identities",
        "_paths",
        "_quiet_s",
        "bucket",
        "costs",
        "in_window",
        "mix",
        "posterior",
        "rate_per_s",
        "requests",
        "salt",
        "suspect",
        "usual_per_s",
    )

    def __init__(self, config: DefenceConfig, salt: int, now: float) -> None:
        self._config = config
        self.salt = salt  # keeps its callers and paths apart from other prefixes'
        self.requests = 0  # in this tick
        self.rate_per_s = 0.0  # in the last
        self.in_window = 0.0  # requests, fading
        self.usual_per_s = 0.0  # in peace
        self.posterior = CallerPosterior()
        self.suspect = False
        self.mix = [1.0]  # of measures, while it is accused
        self.bucket = Bucket(config.floor_rate, now)
        self.costs = Costs()
        self._answers = Costs()
        self._identities = Novelty(_SLOTS_PER_IDENTITY * config.most_tracked)
        self._paths = Spread(config.most_tracked)
        self._calm_s = self._quiet_s = 0.0

    def __repr__(self) -> str:
        state = "suspect" if self.suspect else "at peace"
        return f"<Group {state} {self.rate_per_s:.1f}/s, usually {self.usual_per_s:.1f}/s, {self.posterior}>"

    def saw(self, identity_key: int, path_key: int) -> None:
        """One request, by hashes ≥ 0."""
        self.requests += 1
        self._identities.add(identity_key)
        self._paths.add(path_key)

    def answered(self, cost_s: float, *, good: bool) -> None:
        """What one of its requests cost the application."""
        self._answers.add(cost_s, good=good)

    def demand_s(self, usual_cost_s: float) -> float:
        """Busy seconds its requests of this tick ask for, refused ones included."""
        return self.requests * mean_s(self.costs.busy_s, self.costs.count, usual_cost_s)

    def fold(self, keep: float) -> None:
        """The tick is over: its answers enter the window."""
        self.costs.merge(self._answers, keep)
        self.in_window = keep * self.in_window + self.requests

    def review(self, crowd: Crowd, elapsed_s: float, *, congested: bool) -> None:
        """Judge the tick that is over, and begin the next."""
        config = self._config
        self.posterior.fade(elapsed_s)
        share = self.demand_s(crowd.mean_s()) / max(crowd.demand_s, _LEAST_S)
        enough = self.requests >= config.least_requests * elapsed_s / config.window_s
        notable = self.in_window >= config.least_requests and share >= config.least_share
        churn = self._identities.take()
        if enough and (self.suspect or (congested and notable)):
            over = share >= max(config.least_share, 2.0 / max(1, crowd.active))
            self.posterior.observe(
                over_share=1.0 if over else 0.0,
                churn=churn,
                path_entropy=self._paths.evenness(),
                waste=crowd.waste(self.costs) if self._answers.count > 0.0 or over else None,
            )
        self._rule(elapsed_s, enough=enough)
        self._begin(elapsed_s, congested=congested)

    def turn(self) -> None:
        """Forget identities not seen for a while."""
        self._identities.turn()

    def good_fraction(self) -> float:
        """Of its requests, those that are not the attack: no more than it used to send, nor than were of use."""
        usual = min(1.0, self.usual_per_s / self.rate_per_s) if self.rate_per_s > 0.0 else 1.0
        useful = self.costs.good / self.costs.count if self.costs.count > 0.0 else 1.0
        return max(self._config.least_good, min(usual, useful))

    def allowed_per_s(self) -> float:
        """What throttling leaves to the prefix: what it sent in peace."""
        return max(self._config.floor_rate, self.usual_per_s)

    def idle(self) -> bool:
        """Worth forgetting."""
        return not self.suspect and self.in_window < _FORGOTTEN

    def _rule(self, elapsed_s: float, *, enough: bool) -> None:
        """Accused at once; free after a quiet window."""
        if not self.suspect:
            self.suspect = self.posterior.hostile >= self._config.accuse_at
            self._quiet_s = 0.0
        elif enough and self.posterior.hostile >= self._config.calm_below:
            self._quiet_s = 0.0
        else:
            self._quiet_s += elapsed_s
            self.suspect = self._quiet_s < self._config.window_s

    def _begin(self, elapsed_s: float, *, congested: bool) -> None:
        self.rate_per_s = self.requests / elapsed_s
        if not congested and not self.suspect:
            self._calm_s += elapsed_s
            gain = max(elapsed_s / self._calm_s, 1.0 - math.exp(-elapsed_s / _USUAL_S))
            self.usual_per_s += gain * (self.rate_per_s - self.usual_per_s)
        self.requests = 0
        self._answers = Costs()
        self._paths.clear()


def stakes(accused: list[Group], config: DefenceConfig, unknown_cost_s: float) -> Stakes:
    """What is known of the accused prefixes' traffic, together."""
    costs = Costs()
    offered = good = allowed = 0.0
    for group in accused:
        costs.merge(group.costs)
        offered += group.rate_per_s
        good += group.rate_per_s * group.good_fraction()
        allowed += group.allowed_per_s()
    mean = mean_s(costs.busy_s, costs.count, unknown_cost_s)
    return Stakes(
        good_per_s=good,
        bad_per_s=max(0.0, offered - good),
        good_cost_s=mean_s(costs.good_s, costs.good, mean),
        bad_cost_s=max(mean, mean_s(costs.bad_s, costs.bad, mean)),  # an attack may well be answered with 200
        key_per_s=config.key_rate * len(accused),
        usual_per_s=allowed,
        delays_per_s=config.most_delayed / max(config.delay_s, 1e-3),
    )
