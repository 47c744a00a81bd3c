"""Quantities in and out, and what a CPU limit is rounded to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.kube.resize import amounts
from coordinator.kube.resize.amounts import Change, change, spelled, stepped
from coordinator.policy.subject import Amounts
from sidecar.parsing import ParseError
from sidecar.policy.quantities import parse_quantity
from tests.coordinator.resize.scene import MEBI, resources
from tests.support.kube.quantities import canonical


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [
        ("500m", None, Change(500)),
        ("2", "256Mi", Change(2000, 256 * MEBI)),
        (650, 1024, Change(650, 1024)),
        ("0.5", "1e9", Change(500, 10**9)),
        (None, "1Gi", Change(None, 1024 * MEBI)),
    ],
)
def test_amounts_are_quantities_or_millicores_and_bytes(cpu, memory, expected):
    assert change(cpu, memory, "limits") == expected


@pytest.mark.parametrize(
    ("asked", "given"), [(417, 420), (1, 10), (10, 10), (500, 500), ("0.1m", 10), (501, 510)]
)
@pytest.mark.parametrize("policy", ["limits", "both"])
def test_a_cpu_limit_is_rounded_up_to_what_the_kernel_enforces_and_says_so(policy, asked, given):
    found = change(asked, None, policy)
    assert found.cpu_m == given
    assert ("rounded up" in found.note) == (asked != given)


def test_requests_are_kept_to_the_millicore():
    assert change(417, None, "requests") == Change(417)


@pytest.mark.parametrize("bad", ["lots", "", "-1", "0", 0, -5, True, "5 m", "1e999", "١", 2**70, "500Mi5"])
def test_what_is_no_amount_is_named(bad):
    with pytest.raises(ParseError, match="cpu"):
        change(bad, None, "limits")
    with pytest.raises(ParseError, match="memory"):
        change(None, bad, "limits")


def test_a_change_changes_something():
    with pytest.raises(ParseError, match="nothing to change"):
        change(None, None, "limits")
    with pytest.raises(ParseError, match="policy"):
        change("1", None, "some")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "sides"),
    [("limits", {"limits"}), ("requests", {"requests"}), ("both", {"limits", "requests"})],
)
def test_a_policy_says_which_amounts_are_set(policy, sides):
    wanted = change("1", "1Gi", policy).wanted(policy)
    assert wanted == {
        (side, name): value for side in sides for name, value in (("cpu", 1000), ("memory", 1024 * MEBI))
    }


@given(st.integers(1, 10**6))
def test_a_step_is_never_less_than_asked_and_never_a_step_more(cpu_m):
    found = stepped(cpu_m)
    assert found % 10 == 0
    assert 0 <= found - cpu_m < 10


@given(st.integers(1, 10**7), st.integers(1, 2**50))
def test_what_is_written_is_read_as_the_same_amount(cpu_m, size):
    assert parse_quantity(spelled(("limits", "cpu"), cpu_m), 1000) == cpu_m
    assert parse_quantity(spelled(("limits", "memory"), size)) == size


@given(st.integers(1, 10**7))
def test_cpu_is_spelled_as_the_server_spells_it(cpu_m):
    text = spelled(("limits", "cpu"), cpu_m)
    assert canonical(text) == text or canonical(text).endswith(("k", "M"))


def test_what_an_object_does_not_say_is_none():
    assert amounts.read(resources((None, "1"), ("64Mi", None))) == Amounts(None, 1000, 64 * MEBI, None)
    for junk in (None, [], "x", {"limits": []}, {"limits": {"cpu": True}}, {"limits": {"cpu": "lots"}}):
        assert amounts.read(junk) == Amounts()


def test_words_show_request_and_limit():
    assert amounts.words(amounts.read(resources(("1500m", None)))) == "cpu 1500m/-, memory 64Mi/256Mi"
    assert amounts.words(Amounts()) == "nothing"
