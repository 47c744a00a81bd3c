"""What a market decided, and why: plain values, ready for `dataclasses.asdict`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One pod's. All but `beta` in millicores."""

    pod: str
    beta: float
    floor_m: int
    cap_m: int
    exact_m: float
    """The real-valued solution."""
    cpu_m: int
    """Within 1 m of it."""
    floor_hit: bool
    """It gets no more than its floor (less, where the floors do not fit)."""
    cap_hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One node's market."""

    capacity_m: int
    lines: Mapping[str, Line]
    """By pod, in the order of their names."""
    price: float
    """λ, β per millicore above the floor: the highest one at which all that can be sold is. 0 where nobody bids,
    infinite where nothing is left above the floors."""
    infeasible: bool
    """The floors alone exceed the capacity: they are cut pro rata."""
    idle: bool
    """Nobody bids: everybody is at the floor."""
    left_m: int
    """What nobody could take."""
