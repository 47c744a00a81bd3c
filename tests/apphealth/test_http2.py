"""The little HTTP/2 there is: what is sent, what is read, in whatever pieces it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.apphealth import http2
from sidecar.apphealth.http2 import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Answer,
    frame,
)

HELLO = frame(SETTINGS, 0, 0)
BODY = frame(DATA, 0, 1, b"ser") + frame(DATA, 0, 1, b"ving")
TRAILERS = frame(HEADERS, END_STREAM | http2.END_HEADERS, 1, b"\x88")


def read(*pieces: bytes) -> Answer:
    answer = Answer()
    for piece in pieces:
        answer.receive(piece)
    return answer


def test_a_post_is_preface_settings_head_and_body() -> None:
    sent = http2.post("10.0.0.1:80", "/x", [("te", "trailers")], b"hello")
    assert sent.startswith(PREFACE + bytes.fromhex("000006 04 00 00000000 0002 00000000"))
    head = bytes.fromhex("83 86 04 02 2f78 01 0b") + b"10.0.0.1:80" + b"\x00\x02te\x08trailers"
    assert frame(HEADERS, http2.END_HEADERS, 1, head) in sent
    assert sent.endswith(bytes.fromhex("000005 00 01 00000001") + b"hello")


@pytest.mark.parametrize(
    ("value", "bits", "coded"),
    [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a"), (31, 4, "0f10"), (127, 7, "7f00")],
)
def test_integers_are_coded_as_rfc_7541_shows(value: int, bits: int, coded: str) -> None:
    assert http2._integer(value, bits).hex() == coded


def test_the_body_of_our_stream_is_collected_until_its_end() -> None:
    answer = read(HELLO, BODY)
    assert (bytes(answer.body), answer.over) == (b"serving", "")
    answer.receive(frame(DATA, 0, 3, b"another stream") + TRAILERS)
    assert (bytes(answer.body), answer.over) == (b"serving", "the answer ended")


@given(st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_how_the_bytes_are_cut(cuts: list[int]) -> None:
    raw = HELLO + frame(PING, 0, 0, b"12345678") + BODY + TRAILERS
    ends = [*sorted(cuts), len(raw)]
    answer, replies = Answer(), b""
    for start, end in zip([0, *ends], ends, strict=False):
        replies += answer.receive(raw[start:end])
    assert (bytes(answer.body), answer.over) == (b"serving", "the answer ended")
    assert replies == frame(SETTINGS, ACK, 0) + frame(PING, ACK, 0, b"12345678")


def test_acknowledgements_are_not_acknowledged() -> None:
    answer = read(HELLO)
    assert answer.receive(frame(SETTINGS, ACK, 0) + frame(PING, ACK, 0, bytes(8))) == b""
    assert answer.over == ""


def test_padding_is_no_part_of_the_body() -> None:
    assert bytes(read(HELLO, frame(DATA, PADDED, 1, b"\x03abc\0\0\0")).body) == b"abc"
    assert bytes(read(HELLO, frame(DATA, PADDED, 1, b"\xffabc")).body) == b"", (
        "more padding than there is frame"
    )
    assert bytes(read(HELLO, frame(DATA, PADDED, 1, b"")).body) == b""


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak HTTP/2"),
        (b"\x15\x03\x01\x00\x02\x02\x46\x00\x00", "does not speak HTTP/2"),
        (frame(SETTINGS, ACK, 0), "does not speak HTTP/2"),
        (HELLO + frame(RST_STREAM, 0, 1, bytes((0, 0, 0, 7))), "reset the request, error 7"),
        (HELLO + frame(GOAWAY, 0, 0, bytes(4) + bytes((0, 0, 0, 2))), "closes the connection, error 2"),
        (HELLO + (20_000).to_bytes(3, "big") + bytes(6), "a frame of 20000 bytes"),
        (HELLO + frame(DATA, 0, 1, bytes(16_000)) * 2, "longer than 16384 bytes"),
        (HELLO + TRAILERS, "the answer ended"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(raw: bytes, why: str) -> None:
    assert why in read(raw).over


def test_a_connection_that_will_close_after_our_answer_still_gives_it() -> None:
    goaway = frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff" + bytes(4))
    assert bytes(read(HELLO, goaway, BODY).body) == b"serving"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_without_raising(noise: bytes, greeted: bool) -> None:
    answer = read(HELLO if greeted else b"", noise)
    assert len(answer.body) <= len(noise)
