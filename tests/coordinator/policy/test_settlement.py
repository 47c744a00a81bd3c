"""When sellers do not sell, buyers buy less."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy.grant import Grant
from coordinator.policy.settlement import affordable
from tests.coordinator.game.bidding import bounded
from tests.coordinator.policy.plant import subject


def grant(name: str, before_m: int, after_m: int | None, node: str = "n", memory: int | None = None) -> Grant:
    pod = subject(name, before_m, node=node)
    return Grant(subject=pod, cpu_m=after_m, memory_bytes=memory, reason="bid")


def bought(grants: tuple[Grant, ...]) -> dict[str, int | None]:
    return {each.subject.name: each.cpu_m for each in grants}


def test_when_everybody_sold_everybody_gets_what_was_granted() -> None:
    buyers = [grant("a", 100, 200), grant("b", 100, 300)]
    assert affordable(buyers, [], {"n": 0}) == tuple(buyers)


def test_a_veto_costs_every_buyer_of_the_node_the_same_part() -> None:
    buyers = [grant("a", 100, 200), grant("b", 100, 300)]
    assert bought(affordable(buyers, [grant("s", 400, 250)], {"n": 0})) == {"a": 150, "b": 200}


def test_what_is_spare_makes_up_for_it_first() -> None:
    buyers = [grant("a", 100, 200), grant("b", 100, 300)]
    assert affordable(buyers, [grant("s", 400, 250)], {"n": 150}) == tuple(buyers)


def test_a_node_oversold_by_others_is_no_debt_of_these_buyers_twice() -> None:
    """The plan gave buyers only what was there; what is below 0 was so before."""
    buyers = [grant("a", 100, 200)]
    assert bought(affordable(buyers, [grant("s", 400, 350)], {"n": -500})) == {"a": 150}


def test_who_can_afford_no_step_is_left_out() -> None:
    assert affordable([grant("a", 100, 200)], [grant("s", 400, 300)], {"n": 0}) == ()


def test_memory_does_not_hang_on_it() -> None:
    left = affordable([grant("a", 100, 200, memory=2**29)], [grant("s", 400, 300)], {"n": 0})
    assert [(each.cpu_m, each.memory_bytes) for each in left] == [(None, 2**29)]


def test_other_nodes_do_not_feel_it() -> None:
    buyers = [grant("a", 100, 200), grant("b", 100, 300, node="m")]
    assert bought(affordable(buyers, [grant("s", 400, 300)], {"n": 0, "m": 0})) == {"b": 300}


def test_a_buyer_that_failed_costs_nobody_anything() -> None:
    buyers = [grant("a", 100, 200)]
    assert affordable(buyers, [grant("other", 100, 900)], {"n": 0}) == tuple(buyers)


def test_a_smaller_grant_says_why() -> None:
    (left,) = affordable([grant("a", 100, 200)], [grant("s", 400, 350)], {"n": 0})
    assert left.reason == "bid; 150m: sellers did not sell"


amounts = st.integers(1, 200).map(lambda tens: tens * 10)


@bounded(300)
@given(
    st.lists(st.tuples(st.integers(1, 1000), amounts), min_size=1, max_size=6),
    st.lists(st.tuples(amounts, st.booleans()), max_size=6),
    st.integers(0, 500),
)
def test_the_sum_never_grows_beyond_what_was_freed_and_spare(
    bids: list[tuple[int, int]], sales: list[tuple[int, bool]], spare_m: int
) -> None:
    """Buyers were granted what all sellers would free, and what was spare beside."""
    sellers = [grant(f"s{index}", amount + 10, 10) for index, (amount, _) in enumerate(sales)]
    refused = [seller for seller, (_, refuses) in zip(sellers, sales, strict=True) if refuses]
    freed_m = -sum(seller.delta_m for seller in sellers) + spare_m
    buyers = []
    left_m = freed_m
    for index, (before_m, more_m) in enumerate(bids):
        after_m = (before_m + min(more_m, left_m)) // 10 * 10
        if after_m > before_m:
            left_m -= after_m - before_m
            buyers.append(grant(f"b{index}", before_m, after_m))
    done = affordable(buyers, refused, {"n": left_m})
    really_m = freed_m + sum(seller.delta_m for seller in refused)
    assert sum(each.delta_m for each in done) <= max(0, really_m)
    wanted = {each.subject.uid: each.delta_m for each in buyers}
    assert all(0 < each.delta_m <= wanted[each.subject.uid] for each in done)
    assert all(each.cpu_m is not None and each.cpu_m % 10 == 0 for each in done)
    assert affordable([replace(each) for each in buyers], refused, {"n": left_m}) == done
