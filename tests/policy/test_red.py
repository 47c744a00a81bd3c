"""Random early detection: nobody below 60 % full, at most 30 % at the brim."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.policy.overload.red import drop_probability


@pytest.mark.parametrize(
    ("fill", "chance"), [(0.0, 0.0), (0.6, 0.0), (0.7, 0.075), (0.8, 0.15), (0.9, 0.225), (1.0, 0.3)]
)
def test_it_is_linear_from_sixty_per_cent_to_the_brim(fill: float, chance: float) -> None:
    assert drop_probability(fill) == pytest.approx(chance)


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_a_fuller_queue_never_refuses_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= drop_probability(low) <= drop_probability(high) <= 0.3


@pytest.mark.parametrize("nonsense", [-1.0, -math.inf, math.nan])
def test_a_fill_of_nonsense_refuses_nobody(nonsense: float) -> None:
    assert drop_probability(nonsense) == 0.0


def test_an_overfull_queue_is_a_full_one() -> None:
    assert drop_probability(7.0) == drop_probability(math.inf) == 0.3
