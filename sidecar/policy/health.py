"""admitted → ejected → probing → admitted: which endpoints are played at all.

Ejected at a posterior of failing ≥ 0.9, probing from its first probe, admitted again after two good answers in a
row. At most half the endpoints are out at a time; when more would be, nobody is: panic (Envoy's threshold, for
Envoy's reason: what is left would not carry the load, and a pool that fails as a whole is not fixed by routing).
"""

from sidecar.policy.standing import ADMITTED, EJECTED, PROBING, Standing
from sidecar.policy.strategies import RouterConfig


class Health:
    """The states of one service's endpoints."""

    def __init__(self, config: RouterConfig) -> None:
        self._config = config
        self.panic = False
        self.ejected = self.readmitted = self.panics = 0  # how often

    def accuse(self, standing: Standing, posterior: float) -> bool:
        """A failure: out at once when conclusive. True when its state changed."""
        standing.good_in_a_row = 0
        if standing.health == PROBING:
            standing.health = EJECTED
        elif standing.health == ADMITTED and posterior >= self._config.eject_at:
            standing.health = EJECTED
            self.ejected += 1
            return True
        return False

    def answered(self, standing: Standing) -> bool:
        """A success. True when it is admitted again."""
        if standing.health == ADMITTED:
            return False
        standing.health = PROBING
        standing.good_in_a_row += 1
        if standing.good_in_a_row < self._config.readmit_after:
            return False
        standing.health = ADMITTED
        standing.good_in_a_row = 0
        self.readmitted += 1
        return True

    def probed(self, standing: Standing) -> None:
        """A probe is on its way."""
        if standing.health == EJECTED:
            standing.health = PROBING

    def review(self, standings: list[Standing]) -> None:
        """Panic while more than half would be out."""
        out = sum([1 for standing in standings if standing.health != ADMITTED])
        panic = out > self._config.most_ejected * len(standings)
        if panic and not self.panic:
            self.panics += 1
        self.panic = panic
