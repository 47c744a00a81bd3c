"""grpc.health.v1 on the wire: two messages and a prefix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.apphealth import messages


def test_a_check_names_its_service_or_is_empty() -> None:
    assert messages.check("") == b""
    assert messages.check("bus.Lines") == b"\x0a\x09bus.Lines"
    assert messages.check("x" * 300) == b"\x0a\xac\x02" + b"x" * 300


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"", 0),
        (b"\x08\x00", 0),
        (b"\x08\x01", 1),
        (b"\x08\x02", 2),
        (b"\x08\xff\x01", 255),
        (b"\x08\x02\x08\x01", 1),
        (b"\x12\x03abc\x08\x01", 1),
        (b"\x18\x07\x21\0\0\0\0\0\0\0\0\x2d\0\0\0\0\x08\x01", 1),
    ],
)
def test_the_status_is_read_whatever_else_is_said(message: bytes, status: int) -> None:
    assert messages.status(message) == status


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08\xff", b"\x12\x05ab", b"\x0b", b"\x08" + b"\xff" * 10, b"\x21\0"]
)
def test_what_is_no_answer_has_no_status(message: bytes) -> None:
    assert messages.status(message) is None


@given(st.binary(max_size=40))
def test_any_bytes_have_a_status_or_none(message: bytes) -> None:
    status = messages.status(message)
    assert status is None or status >= 0


@given(st.binary(max_size=300), st.binary(max_size=5))
def test_a_message_is_there_once_all_of_it_is(message: bytes, more: bytes) -> None:
    framed = messages.framed(message)
    for end in range(len(framed)):
        assert messages.first(framed[:end]) is None
    assert messages.first(framed + more) == message


def test_a_compressed_message_is_none_we_asked_for() -> None:
    assert messages.first(b"\x01\x00\x00\x00\x01x") is None
