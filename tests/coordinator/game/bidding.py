"""Random markets."""

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from coordinator.game.market import Bid

budgets = st.one_of(st.just(0.0), st.integers(1, 9).map(float), st.floats(1e-3, 1e3))
demands = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.01, 1.0))
ROUNDING: Final = 1e-9


def bounded(examples: int) -> settings:
    """So many examples, however slow the machine."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def bids(draw: st.DrawFn, least: int = 1, most: int = 9) -> list[Bid]:
    """Of pods p0, p1 …"""
    return [
        Bid(
            pod=f"p{index}",
            budget=draw(budgets),
            demand=draw(demands),
            floor_m=(floor_m := draw(st.integers(0, 400))),
            cap_m=floor_m + draw(st.integers(0, 3000)),
        )
        for index in range(draw(st.integers(least, most)))
    ]


capacities = st.integers(0, 12_000)


@st.composite
def markets(draw: st.DrawFn) -> tuple[int, list[Bid]]:
    """Capacity and bids; the floors fit."""
    offered = draw(bids())
    return sum(bid.floor_m for bid in offered) + draw(capacities), offered


def sold(capacity_m: int, offered: list[Bid]) -> int:
    """What a market has to hand out, by the definition."""
    reach = sum(bid.cap_m if bid.beta > 0.0 else bid.floor_m for bid in offered)
    return min(capacity_m, reach)
