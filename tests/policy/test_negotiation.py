"""Consent: what is a proposal, and which ones leave a pod what it needs."""

import math
from fractions import Fraction

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.parsing import ParseError
from sidecar.policy import negotiation
from sidecar.policy.negotiation import Proposal, judge, most_usage, parse
from sidecar.policy.quantities import parse_quantity

MI = 1024 * 1024
BYTES = st.integers(1, 2**50)
MILLIS = st.integers(0, 10**7)
SUFFIXES = {
    "": Fraction(1),
    **{f"{letter}i": Fraction(1024) ** n for n, letter in enumerate("KMGTPE", 1)},
    **{letter: Fraction(1000) ** n for n, letter in enumerate("kMGTPE", 1)},
    **{letter: Fraction(1, 1000) ** n for n, letter in enumerate("mun", 1)},
}


def mistakes(body: bytes | dict[str, object]) -> list[str]:
    with pytest.raises(ParseError) as caught:
        parse(body if isinstance(body, bytes) else orjson.dumps(body))
    return list(map(str, caught.value.flaws))


# -- quantities


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("500Mi", 500 * MI), ("1Gi", 1024 * MI), ("1.5Ki", 1536), ("64Ki", 65536), ("2Ti", 2 * 1024**4)),
        *(("1k", 1000), ("1M", 10**6), ("1.5G", 15 * 10**8), ("1E", 10**18), ("1Ei", 2**60)),
        *(("1e3", 1000), ("1E3", 1000), ("12e-1", 2), ("1e+09", 10**9), ("524288000", 524288000)),
        *((".5Ki", 512), ("5.", 5), ("+7", 7), ("0", 0), ("262144000m", 262144), ("1u", 1), ("-3", -3)),
    ],
)
def test_kubernetes_quantities(text: str, value: int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    ("text", "millis"),
    [("250m", 250), ("0.25", 250), ("2", 2000), ("1e-1", 100), ("1500u", 2), ("0.1m", 1), ("1k", 10**6)],
)
def test_cores_are_millicores_rounded_up(text: str, millis: int) -> None:
    assert parse_quantity(text, 1000) == millis


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "Mi", "m", "e3", "1e", "1e3Mi", "1 Mi", " 1", "1\n", "1MiB", "1kB", "1B", "1K", "1ki"),
        *("1mi", "1,5Gi", "1_0", "0x10", "--1", "1.2.3", "inf", "nan", "٣", "9" * 21, "1e9999", "1Mii"),
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ParseError):
        parse_quantity(text)


@given(
    st.integers(0, 10**12),
    st.integers(0, 6),
    st.sampled_from(sorted(SUFFIXES)),
    st.sampled_from([1, 1000]),
    st.booleans(),
)
@settings(max_examples=200)
def test_quantities_are_exact_and_rounded_up(
    digits: int, places: int, suffix: str, per_unit: int, negative: bool
) -> None:
    number = f"{digits:0{places + 1}d}"
    text = f"{number[:-places]}.{number[-places:]}{suffix}" if places else f"{number}{suffix}"
    exact = math.ceil(Fraction(digits, 10**places) * SUFFIXES[suffix] * per_unit)
    assert parse_quantity("-" * negative + text, per_unit) == (-exact if negative else exact), text


# -- proposals


def test_a_proposal_is_read_whole() -> None:
    body = b'{"proposed_memory":"500Mi","proposed_cpu":"250m","usage_memory":104857600,"usage_cpu":0.2}'
    assert parse(body) == Proposal(500 * MI, 250, 100 * MI, 200)


def test_one_proposal_is_enough() -> None:
    assert parse(b'{"proposed_memory":"1Gi"}') == Proposal(memory_bytes=1024 * MI)
    assert parse(b'{"proposed_cpu":"1"}') == Proposal(cpu_m=1000)


@pytest.mark.parametrize(
    ("value", "size"), [(b"524288000", 524288000), (b"1e9", 10**9), (b"5.5e8", 55 * 10**7), (b'"1e3"', 1000)]
)
def test_numbers_may_be_json_numbers(value: bytes, size: int) -> None:
    assert parse(b'{"proposed_memory":' + value + b"}").memory_bytes == size


def test_null_is_not_given() -> None:
    assert parse(b'{"proposed_memory":"1Gi","proposed_cpu":null,"usage_memory":null}').cpu_m is None
    assert "nothing is proposed" in mistakes(b'{"proposed_memory":null}')[0]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b'"500Mi"', b"null", b"\xff", b"{'a':1}", b"[" * 5000, b'{"a":NaN}']
)
def test_what_is_no_object_says_what_one_looks_like(body: bytes) -> None:
    (mistake,) = mistakes(body)
    assert "the body is not" in mistake
    assert '{"proposed_memory":"500Mi"' in mistake


@pytest.mark.parametrize("field", ["proposed_memory", "proposed_cpu", "usage_memory", "usage_cpu"])
@pytest.mark.parametrize("value", ["", "lots", "500 Mi", "-1", "-5Mi", "1MiB", -1, 1e300, "1e40"])
def test_nonsense_names_field_value_and_what_is_allowed(field: str, value: object) -> None:
    found = mistakes({"proposed_memory": "1Gi", "proposed_cpu": "1", field: value})
    assert len(found) == 1
    assert found[0].startswith(f"{field}: {orjson.dumps(value).decode()} is ")
    assert "; allowed: " in found[0]
    assert "Kubernetes quantity" in found[0]


@pytest.mark.parametrize(
    "value", [b"true", b"false", b"[]", b"{}", b"[" * 900 + b"]" * 900, b'[{"a":"1Gi"}]']
)
def test_only_strings_and_numbers_are_amounts(value: bytes) -> None:
    (mistake,) = mistakes(b'{"proposed_memory":' + value + b"}")
    assert mistake.startswith("proposed_memory: a")
    assert "is not a quantity; allowed: " in mistake


@pytest.mark.parametrize("field", ["proposed_memory", "proposed_cpu", "usage_memory"])
def test_nothing_is_no_amount(field: str) -> None:
    assert "out of range" in mistakes({"proposed_memory": "1Gi", "proposed_cpu": "1", field: 0})[0]


def test_an_idle_app_may_use_no_cpu() -> None:
    assert parse(b'{"proposed_cpu":"100m","usage_cpu":0}').usage_cpu_m == 0


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes({"proposed_memory": "lots", "proposed_cpu": "-1", "usage": 1, "proposed_memry": "1Gi"})
    assert len(found) == 4
    assert any(
        "no such field 'proposed_memry', did you mean proposed_memory?; allowed: proposed_memory, " in one
        for one in found
    )
    assert any("no such field 'usage'" in one for one in found)


def test_a_thousand_unknown_fields_are_counted_not_listed() -> None:
    found = mistakes({f"x{n}": n for n in range(1000)} | {"proposed_cpu": "1"})
    assert len(found) == 9
    assert "and 992 more unknown fields" in found[-1]


def test_a_mistake_never_repeats_more_than_a_line_of_what_was_sent() -> None:
    found = mistakes({"proposed_memory": "x" * 10_000, "y" * 10_000: 1})
    assert len(found) == 2
    assert max(map(len, found)) < 300


@given(
    st.binary(max_size=200) | st.from_regex(rb'\{"(proposed|usage)_(memory|cpu)":"?[0-9eEmkKMGi.+-]{1,9}"?\}')
)
@settings(max_examples=300)
def test_any_body_is_a_proposal_or_a_parse_error(body: bytes) -> None:
    try:
        proposal = parse(body)
    except ParseError as error:
        assert error.flaws  # noqa: PT017
    else:
        assert proposal.memory_bytes is not None or proposal.cpu_m is not None


# -- judging


@given(BYTES, BYTES)
@settings(max_examples=200)
def test_memory_is_accepted_from_use_plus_headroom_on(proposed: int, usage: int) -> None:
    verdict = judge(Proposal(memory_bytes=proposed), usage)
    needed = usage + max(math.ceil(Fraction(usage, 10)), 16 * MI)
    assert verdict.accepted == (proposed >= needed), "the punishment level is use plus max(10 %, 16 MiB)"
    assert verdict.minimum_memory_bytes == needed


@given(BYTES, BYTES)
def test_what_a_refusal_asks_for_would_be_accepted(proposed: int, usage: int) -> None:
    minimum = judge(Proposal(memory_bytes=proposed), usage).minimum_memory_bytes
    assert minimum is not None
    assert judge(Proposal(memory_bytes=minimum), usage).accepted
    assert not judge(Proposal(memory_bytes=minimum - 1), usage).accepted, "and nothing less"


@given(BYTES, BYTES)
@settings(max_examples=200)
def test_freeing_what_it_says_is_just_enough(proposed: int, usage: int) -> None:
    verdict = judge(Proposal(memory_bytes=proposed), usage)
    if verdict.to_free_bytes:
        assert judge(Proposal(memory_bytes=proposed), usage - verdict.to_free_bytes).accepted
        assert not judge(Proposal(memory_bytes=proposed), usage - verdict.to_free_bytes + 1).accepted
    else:
        assert verdict.accepted or most_usage(proposed) <= 0, "no app runs on nothing"


def test_a_refusal_says_what_would_do() -> None:
    verdict = judge(Proposal(memory_bytes=200 * MI, cpu_m=100, usage_cpu_m=500), 190 * MI)
    assert verdict.reason == (
        f"proposed_memory {200 * MI} is below use plus headroom, {209 * MI} bytes; "
        "proposed_cpu 100m is below use plus headroom, 550m"
    )
    assert (verdict.minimum_memory_bytes, verdict.minimum_cpu_m) == (209 * MI, 550)


def test_unknown_memory_use_is_a_refusal() -> None:
    verdict = judge(Proposal(memory_bytes=2**40), None)
    assert "memory use is unknown" in verdict.reason
    assert verdict.minimum_memory_bytes is None


def test_cpu_is_judged_only_where_its_use_is_known() -> None:
    assert judge(Proposal(cpu_m=1), None).accepted, "it slows down and its demand rises; nothing dies"
    assert not judge(Proposal(cpu_m=109, usage_cpu_m=100), None).accepted
    assert judge(Proposal(cpu_m=110, usage_cpu_m=100), None).accepted
    assert judge(Proposal(cpu_m=10, usage_cpu_m=0), None).accepted


def test_memory_is_nothing_to_a_proposal_about_cpu() -> None:
    verdict = judge(Proposal(cpu_m=100), 500 * MI)
    assert verdict.accepted
    assert verdict.minimum_memory_bytes == 550 * MI


def test_freeing_memory_does_not_help_who_lacks_cpu() -> None:
    verdict = judge(Proposal(memory_bytes=100 * MI, cpu_m=1, usage_cpu_m=100), 100 * MI)
    assert not verdict.accepted
    assert verdict.to_free_bytes == 0


@given(BYTES, MILLIS)
def test_more_use_never_needs_less(usage: int, usage_m: int) -> None:
    assert negotiation.minimum_memory(usage + 1) >= negotiation.minimum_memory(usage) > usage
    assert negotiation.minimum_cpu(usage_m + 1) >= negotiation.minimum_cpu(usage_m) > usage_m
