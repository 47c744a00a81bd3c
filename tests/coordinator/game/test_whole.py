"""Largest remainder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.game.whole import whole
from tests.coordinator.game.bidding import bounded


@bounded(300)
@given(st.lists(st.floats(0.0, 5000.0), min_size=1, max_size=12))
def test_parts_add_up_and_stay_within_one_of_their_shares(shares: list[float]) -> None:
    total = round(sum(shares))
    scaled = [share * total / sum(shares) if sum(shares) > 0.0 else 0.0 for share in shares]
    parts = whole(scaled, total)
    assert sum(parts) == total
    assert all(abs(part - share) <= 1.0 for part, share in zip(parts, scaled, strict=True))


@pytest.mark.parametrize(
    ("shares", "total", "parts"),
    [
        ([1.5, 1.5], 3, [2, 1]),
        ([0.2, 0.3, 0.5], 1, [0, 0, 1]),
        ([2.9999999999, 1.0000000001], 4, [3, 1]),
        ([], 0, []),
    ],
)
def test_the_largest_remainder_is_served_first(shares: list[float], total: int, parts: list[int]) -> None:
    assert whole(shares, total) == parts
