"""Values of the X-GT-* fields: what is well formed is understood, all else is None and never an exception."""

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.policy import signals

PARSERS: list[Callable[[bytes], float | str | None]] = [
    signals.parse_float,
    signals.parse_deadline_ms,
    signals.parse_grpc_timeout,
    signals.parse_workload,
]
NEAR_MISSES = st.text("0123456789.-+eExinfaN_, \t\r\nHMSmun/zA\u00b2", max_size=20).map(
    lambda text: text.encode("latin-1")
)
ANYTHING = st.binary(max_size=40) | NEAR_MISSES


@pytest.mark.parametrize("parse", PARSERS)
@given(ANYTHING)
@settings(max_examples=150)
def test_no_value_raises(parse: Callable[[bytes], object], value: bytes) -> None:
    parse(value)


@given(ANYTHING)
@settings(max_examples=150)
def test_a_number_is_finite_and_not_negative(value: bytes) -> None:
    for parse in (signals.parse_float, signals.parse_deadline_ms, signals.parse_grpc_timeout):
        number = parse(value)
        assert number is None or (math.isfinite(number) and number >= 0.0), f"{value!r} became {number}"


@given(ANYTHING)
@settings(max_examples=150)
def test_only_plain_decimals_are_floats(value: bytes) -> None:
    plain = re.fullmatch(rb"[0-9]+(\.[0-9]+)?", value) is not None
    assert plain or signals.parse_float(value) is None


@pytest.mark.parametrize(
    "value",
    b"|-1|+1|1e3|nan|inf|.5|1.| 1|1 |1_000|0x1|1,5|1\n|\xd9\xa1|9999999999999|0.1234567".split(b"|"),
)
def test_a_malformed_float_is_ignored(value: bytes) -> None:
    assert signals.parse_float(value) is None


@pytest.mark.parametrize(("value", "number"), [(b"0", 0.0), (b"0.40", 0.4), (b"12.5", 12.5), (b"007", 7.0)])
def test_a_plain_float_is_read(value: bytes, number: float) -> None:
    assert signals.parse_float(value) == number


@given(st.floats(0.0, 1e11))
@settings(max_examples=100)
def test_what_is_written_can_be_read(number: float) -> None:
    assert signals.parse_float(signals.format_float(number)) == pytest.approx(number, abs=0.00501)


def test_two_decimals_are_written() -> None:
    assert signals.format_float(1 / 3) == b"0.33"


@pytest.mark.parametrize(("value", "left_s"), [(b"0", 0.0), (b"250", 0.25), (b"60000", 60.0)])
def test_a_deadline_is_milliseconds(value: bytes, left_s: float) -> None:
    assert signals.parse_deadline_ms(value) == left_s


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"10s", b"1e3", b" 1", b"9" * 11])
def test_a_malformed_deadline_is_ignored(value: bytes) -> None:
    assert signals.parse_deadline_ms(value) is None


@pytest.mark.parametrize(("left_s", "value"), [(1.5, b"1500"), (0.0009, b"0"), (0.0, b"0"), (-3.0, b"0")])
def test_a_deadline_is_written_in_whole_milliseconds_never_negative(left_s: float, value: bytes) -> None:
    assert signals.format_deadline_ms(left_s) == value


@given(st.floats(0.0, 1e6))
@settings(max_examples=100)
def test_a_deadline_never_grows_on_the_wire(left_s: float) -> None:
    read = signals.parse_deadline_ms(signals.format_deadline_ms(left_s))
    assert read is not None
    assert left_s - 0.0011 < read <= left_s + 1e-9, "a hop gave itself more time than its caller had"


@pytest.mark.parametrize(
    ("value", "left_s"),
    [
        (b"2H", 7200.0),
        (b"3M", 180.0),
        (b"10S", 10.0),
        (b"250m", 0.25),
        (b"99999999u", 99.999999),
        (b"1n", 1e-9),
    ],
)
def test_a_grpc_timeout_has_six_units(value: bytes, left_s: float) -> None:
    assert signals.parse_grpc_timeout(value) == pytest.approx(left_s)


@pytest.mark.parametrize("value", [b"", b"10", b"m", b"10s", b"10h", b"1.5S", b"-1S", b"100000000n", b"1S "])
def test_a_malformed_grpc_timeout_is_ignored(value: bytes) -> None:
    assert signals.parse_grpc_timeout(value) is None


@pytest.mark.parametrize("value", [b"default/bus-service", b"a/b", b"ns-1/web.v2", b"0/0"])
def test_a_workload_is_namespace_and_name(value: bytes) -> None:
    assert signals.parse_workload(value) == value.decode()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bus",
        b"/bus",
        b"default/",
        b"a/b/c",
        b"Default/bus",
        b"-a/b",
        b"a b/c",
        b"a/b|c",
        b"a/" + b"b" * 254,
        b"a/b\n",
        b"a/\xc3\xa9",
        b"unknown",
    ],
)
def test_a_malformed_workload_is_ignored(value: bytes) -> None:
    assert signals.parse_workload(value) is None


@pytest.mark.parametrize("label", ["bus-1", "10.1.0.7:8080", "[fd00::7]:80", "a" * 253])
def test_a_label_is_written_as_it_is_read(label: str) -> None:
    value = signals.format_label(label)
    assert value is not None
    assert signals.parse_label(value) == label


@pytest.mark.parametrize("label", ["", "bus 1", "bus\r\nX-GT-Bid: 9", "b\u00fcs", "a" * 254])
def test_what_must_not_stand_in_a_field_is_no_label(label: str) -> None:
    assert signals.format_label(label) is None
    assert signals.parse_label(label.encode()) is None
