"""What the adviser goes by; all of it may be varied by experiments."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceConfig:
    """Raises ValueError for values that make no sense, all of them named."""

    epoch_s: float = 10.0
    """From one epoch to the next."""
    slot_ms: int = 1000
    """For how long one draw counts; ≥ 1000 (game.md §2)."""
    life_epochs: float = 2.0
    """A column expires after so many epochs."""
    work: float = 0.8
    """Of an epoch, for working it out. Services for which that is too little keep what they were told last."""
    forget_epochs: float = 3.0
    """A sidecar that has reported nothing for so long is none."""

    # -- players
    most_players: int = 64
    """Above that, sidecars of a service play as groups."""
    most_vectors: int = 16
    """Share vectors of a player."""
    least_rate_per_s: float = 0.1
    """A sidecar with less traffic to a service is not advised about it."""
    most_endpoints: int = 128
    """A service with more is not advised about."""
    most_cells: int = 600_000
    """Players × share vectors × endpoints over all services of one epoch; the busiest services come first."""

    # -- curves
    shape: Literal["line", "queue"] = "queue"
    """`queue`: as a pod with several workers. `line`: base + slope·load."""
    half_life_s: float = 60.0
    """After so long a sample of the past counts half."""
    workers: float = 2.0
    """The prior: requests that a pod serves at a time. Better too low than too high."""
    noise: float = 0.1
    """Of a sample's latency, relative: how soon samples outweigh the prior."""
    prior_spread: float = 0.1
    """With `line`: the prior of the slope weighs as much as samples whose loads vary by this share of their mean."""
    lead: float = 100.0
    """A sidecar's rate counts at most so many times the reporters' median."""
    least_samples: int = 2
    """Of the usual endpoint before anybody is advised: the first rates of new sidecars are of half a window."""
    trim: float = 0.25
    """Of the reporters' weight, cut off at either end before their latencies are averaged."""

    # -- the solution
    growth: float = 1.25
    """No endpoint gets more than so many times the load it has, or half the mean of all, in one epoch."""
    surprise: float = 1.2
    """Where the mean latency comes out above so many times what was expected, the next steps are half as long."""
    stay: float = 0.04
    """Advice stays as it is while that is dearer than the best of the new by no more than this: sidecars know what they
    were told, trust it, and what they have in flight there still means something."""
    far: float = 0.03
    """A rung that costs so much more than the best one, relatively, is given up for a mixture that does not."""
    block_worth: float = 0.05
    """Where no rung is obeyed: what it is worth, as a part of the total, that a player's vector is a few endpoints."""
    slack: float = 0.04
    """Advice may be dearer than the best alternative by this share of the mean cost; sidecars obey up to 5 %."""
    coarse: bool = True
    """A coarse equilibrium will do where there is no correlated one."""

    # -- bounds
    most_sidecars: int = 4096
    most_reported: int = 500_000
    """Endpoints of services of sidecars, in all reports that are kept."""

    def __post_init__(self) -> None:
        flaws = [
            f"{name} {value!r}: allowed: {allowed}"
            for name, value, fits, allowed in (
                ("epoch_s", self.epoch_s, self.epoch_s > 0, "above 0"),
                ("slot_ms", self.slot_ms, self.slot_ms >= 1000, "1000 or more"),
                ("life_epochs", self.life_epochs, self.life_epochs >= 1, "1 or more"),
                ("work", self.work, 0 < self.work <= 1, "above 0, at most 1"),
                ("forget_epochs", self.forget_epochs, self.forget_epochs >= 1, "1 or more"),
                ("most_players", self.most_players, self.most_players >= 2, "2 or more"),
                ("most_vectors", self.most_vectors, 1 <= self.most_vectors <= 16, "1 to 16"),
                ("half_life_s", self.half_life_s, self.half_life_s > 0, "above 0"),
                ("prior_spread", self.prior_spread, self.prior_spread >= 0, "0 or more"),
                ("workers", self.workers, self.workers > 0, "above 0"),
                ("noise", self.noise, self.noise > 0, "above 0"),
                ("trim", self.trim, 0 <= self.trim < 0.5, "0 or more, below 0.5"),
                ("growth", self.growth, self.growth > 1, "above 1"),
                ("slack", self.slack, self.slack >= 0, "0 or more"),
            )
            if not fits
        ]
        if flaws:
            raise ValueError("; ".join(flaws))

    @property
    def work_s(self) -> float:
        """For working an epoch out."""
        return self.work * self.epoch_s

    @property
    def life_s(self) -> float:
        """From when an epoch is worked out until its columns expire."""
        return self.life_epochs * self.epoch_s
