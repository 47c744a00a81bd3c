"""What holds for every valid message and every cut of it, and the edges where it nearly does not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import Refused
from sidecar.proxy.http1 import chunked
from sidecar.proxy.http1 import fields as rules
from sidecar.proxy.http1.chunked import Decoder
from sidecar.proxy.http1.grammar import refuse
from sidecar.proxy.http1.heads import parse_request
from sidecar.proxy.http1.responses import ResponseReader
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import RequestHead
from tests.fuzz import forwarding, reading
from tests.fuzz.mutate import mutate
from tests.fuzz.reading import Read, Sink
from tests.fuzz.targets import TARGETS
from tests.support.messages import Field

LIMITS = Limits()
METHODS = (
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"QUERY",
    b"PROPFIND",
    b"M-SEARCH",
)
HANDLED = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te upgrade http2-settings "
    b"content-length transfer-encoding host".split()
)
"""Fields a reader acts upon; all others come out as they went in."""

quick = settings(max_examples=150, deadline=None, derandomize=True)


# -- valid messages, generated with their meaning


@dataclass(frozen=True)
class Sample:
    """Bytes, and what they say."""

    wire: bytes
    start: tuple[bytes, ...]
    fields: tuple[Field, ...]
    body: bytes
    trailers: tuple[Field, ...]


def _bytes_of(alphabet: bytes, least: int, most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(list(alphabet)), min_size=least, max_size=most).map(bytes)


TCHAR = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
VALUE = bytes((9, *range(0x20, 0x7F), *range(0x80, 0x100)))

names = _bytes_of(TCHAR, 1, 12).filter(
    lambda n: n.lower() not in HANDLED and not n.lower().startswith(b"x-gt-")
)
values = _bytes_of(VALUE, 0, 24).map(lambda value: value.strip(b" \t"))
fields = st.lists(st.tuples(names, values), max_size=6).map(tuple)
targets = _bytes_of(bytes(range(0x21, 0x7F)).replace(b"#", b""), 0, 20).map(lambda path: b"/" + path)
spaces = st.sampled_from((b"", b" ", b"\t", b" \t "))
cuts = st.lists(st.integers(0, 2000), max_size=6)


@st.composite
def field_lines(draw: st.DrawFn, pairs: Sequence[Field]) -> bytes:
    """White space around a value is not part of it."""
    return b"".join(b"%b:%b%b%b\r\n" % (name, draw(spaces), value, draw(spaces)) for name, value in pairs)


@st.composite
def chunks(draw: st.DrawFn) -> tuple[bytes, bytes, tuple[Field, ...]]:
    """A chunked body: (wire, payload, trailers), sizes and extensions spelled in every allowed way."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4))
    wire = b""
    for piece in (*pieces, b""):
        size = draw(st.sampled_from((b"%x", b"%X", b"000%x"))) % len(piece)
        extension = draw(st.sampled_from((b"", b";", b";a=b", b' \t;q="x;y"', b";\x80")))
        wire += size + extension + b"\r\n" + (piece + b"\r\n" if piece else b"")
    trailers = draw(fields)
    passed = tuple(field for field in trailers if field[0].lower() not in chunked._FORBIDDEN)
    return wire + draw(field_lines(trailers)) + b"\r\n", b"".join(pieces), passed


@st.composite
def bodies(draw: st.DrawFn) -> tuple[tuple[Field, ...], bytes, bytes, bytes, tuple[Field, ...]]:
    """(fields that stay, lines that do not, wire, payload, trailers)."""
    kind = draw(st.sampled_from(("none", "sized", "chunked")))
    if kind == "none":
        return (), b"", b"", b"", ()
    if kind == "sized":
        body = draw(st.binary(max_size=60))
        return ((b"Content-Length", b"%d" % len(body)),), b"", body, body, ()
    wire, payload, trailers = draw(chunks())
    return (
        (),
        draw(st.sampled_from((b"Transfer-Encoding: chunked\r\n", b"TRANSFER-encoding:CHUNKED \r\n"))),
        wire,
        payload,
        trailers,
    )


@st.composite
def requests(draw: st.DrawFn) -> Sample:
    """Origin form, HTTP/1.1, to be followed by another."""
    method, target = draw(st.sampled_from(METHODS)), draw(targets)
    framing, hidden, wire, payload, trailers = draw(bodies())
    kept = ((b"Host", b"bus-service:8080"), *draw(fields), *framing)
    head = b"%b %b HTTP/1.1\r\n" % (method, target) + draw(field_lines(kept)) + hidden + b"\r\n"
    return Sample(head + wire, (method, target), kept, payload, trailers)


@st.composite
def responses(draw: st.DrawFn) -> Sample:
    """To a GET, with a body where the status allows one."""
    status, phrase = draw(st.integers(200, 599).filter(lambda s: s not in (204, 304))), draw(values)
    framing, hidden, wire, payload, trailers = draw(bodies().filter(lambda body: body[0] or body[1]))
    kept = (*draw(fields), *framing)
    head = b"HTTP/1.1 %d %b\r\n" % (status, phrase) + draw(field_lines(kept)) + hidden + b"\r\n"
    return Sample(head + wire, (b"%d" % status, phrase), kept, payload, trailers)


def cut(wire: bytes, places: Sequence[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(wire) + 1) for place in places), len(wire)]
    return [wire[start:end] for start, end in pairwise(at) if start < end]


def said(read: Read) -> tuple[object, ...]:
    """A message in the terms of a `Sample`."""
    head = read.head
    start = (
        (head.method, head.target) if isinstance(head, RequestHead) else (b"%d" % head.status, head.phrase)
    )
    return start, tuple(head.fields), read.body, read.trailers


def meant(sample: Sample) -> tuple[object, ...]:
    return sample.start, sample.fields, sample.body, sample.trailers


# -- they are read back exactly


@quick
@given(st.lists(requests(), min_size=1, max_size=4), cuts)
def test_pipelined_requests_are_read_back_exactly(samples: list[Sample], places: list[int]) -> None:
    transcript = reading.requests(cut(b"".join(s.wire for s in samples), places), LIMITS)
    assert transcript.status is None
    assert [said(read) for read in transcript.complete] == [meant(sample) for sample in samples]


@quick
@given(responses(), st.binary(max_size=20), cuts)
def test_a_response_is_read_back_exactly_and_surplus_is_kept_apart(
    sample: Sample, surplus: bytes, places: list[int]
) -> None:
    transcript = reading.response(cut(sample.wire + surplus, places), limits=LIMITS)
    assert transcript.status is None
    assert [said(read) for read in transcript.complete] == [meant(sample)]
    assert transcript.rest == surplus


@quick
@given(requests(), cuts)
def test_a_forwarded_request_means_the_same(sample: Sample, places: list[int]) -> None:
    (read,) = reading.requests([sample.wire], LIMITS).complete
    again = reading.requests(cut(forwarding.request(read), places), LIMITS)
    assert [said(read) for read in again.complete] == [meant(sample)]


@quick
@given(chunks(), st.binary(max_size=20), cuts)
def test_a_chunked_body_is_decoded_alike_under_any_cut(
    body: tuple[bytes, bytes, tuple[Field, ...]], surplus: bytes, places: list[int]
) -> None:
    wire, payload, trailers = body
    assert _decode(cut(wire + surplus, places)) == (payload, trailers, surplus)


@quick
@given(st.lists(st.binary(max_size=300), max_size=6), fields, cuts)
def test_what_the_encoder_writes_the_decoder_reads(
    pieces: list[bytes], trailers: tuple[Field, ...], places: list[int]
) -> None:
    allowed = tuple(field for field in trailers if field[0].lower() not in chunked._FORBIDDEN)
    wire = b"".join(map(chunked.encode, pieces)) + chunked.encode_end(list(allowed))
    assert _decode(cut(wire, places)) == (b"".join(pieces), allowed, b"")


def _decode(parts: Sequence[bytes]) -> tuple[bytes, tuple[Field, ...], bytes]:
    decoder = Decoder(refuse, LIMITS.head_bytes, LIMITS.head_fields)
    payload, surplus = b"", b""
    for part in parts:
        if decoder.done:
            surplus += part
        else:
            payload += decoder.feed(part)
    assert decoder.done
    return payload, tuple(decoder.trailers), decoder.rest + surplus


@quick
@given(requests(), responses(), st.randoms(use_true_random=False))
def test_a_damaged_message_keeps_every_promise(
    request_: Sample, response_: Sample, rng: random.Random
) -> None:
    TARGETS["request"](mutate(request_.wire, rng, [response_.wire]))
    TARGETS["response"](mutate(response_.wire, rng, [request_.wire]))


# -- edges found while fuzzing

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
BODY = b"\r\n5\r\nhello\r\n0\r\n\r\n"
EMPTY_CODINGS = {
    "alone": b"Transfer-Encoding:\r\n",
    "before-chunked": b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
    "after-chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
    "before-length": b"Transfer-Encoding:\r\nContent-Length: 5\r\n",
    "after-length": b"Content-Length: 5\r\nTransfer-Encoding:\r\n",
    "white-space": b"Transfer-Encoding: \t \r\n",
}


@pytest.mark.parametrize("lines", EMPTY_CODINGS.values(), ids=EMPTY_CODINGS)
def test_an_empty_transfer_encoding_is_refused_wherever_it_stands(lines: bytes) -> None:
    assert reading.requests([POST + lines + BODY]).status in (400, 501)
    assert reading.response([b"HTTP/1.1 200 OK\r\n" + lines + BODY]).status == 502


@pytest.mark.parametrize(
    "trailers",
    [b"A b\r\nC", b"A b\r\nC: d\r\n", b" folded: 1\r\n"],
    ids=("no-colon", "then-a-good-one", "folded"),
)
def test_a_bad_trailer_refused_early_is_refused_in_every_cut_once_complete(trailers: bytes) -> None:
    wire = POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + trailers
    whole, single = [wire, b"\r\n\r\n"], [wire[at : at + 1] for at in range(len(wire))]
    assert reading.requests(whole).status == reading.requests(single).status == 400


def test_bytes_after_an_oversized_head_do_not_matter() -> None:
    wire = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * LIMITS.head_bytes
    assert {reading.requests([wire + rest], LIMITS).status for rest in (b"", b"\r\n\r\n", b"\0")} == {431}


def test_chunked_data_may_come_in_the_largest_size_there_is_and_no_larger() -> None:
    decoder = Decoder(refuse, LIMITS.head_bytes, LIMITS.head_fields)
    assert decoder.feed(b"ffffffffffffffff\r\nabc") == b"abc"
    with pytest.raises(Refused):
        Decoder(refuse, LIMITS.head_bytes, LIMITS.head_fields).feed(b"10000000000000000\r\n")


def test_an_empty_feed_changes_nothing() -> None:
    wire = POST + b"Transfer-Encoding: chunked\r\n" + BODY
    parts = [part for at in range(len(wire)) for part in (b"", wire[at : at + 1])]
    assert said(reading.requests(parts).complete[0]) == said(reading.requests([wire]).complete[0])


def test_an_interim_response_has_no_length() -> None:
    transcript = reading.response([b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: a\r\n\r\n"])
    (interim,) = transcript.interims
    assert interim.fields == [(b"Link", b"a")]


def test_a_response_ends_once_whatever_follows() -> None:
    sink = Sink()
    reader = ResponseReader(sink, LIMITS)
    reader.expect(b"GET")
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    reader.feed(b"HTTP/1.1 200 OK\r\n")  # the sink fails on an end after the end
    assert bytes(reader.buffer) == b"HTTP/1.1 200 OK\r\n"


def test_a_refusal_is_the_same_inside_an_except_block() -> None:
    try:
        raise RuntimeError("somebody else's")
    except RuntimeError:
        with pytest.raises(Refused):
            parse_request(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 100)


def test_long_field_names_are_not_remembered() -> None:
    name = b"n" * 60_000
    assert reading.requests([b"GET / HTTP/1.1\r\nHost: a\r\n%b: v\r\n\r\n" % name], LIMITS).complete
    assert name not in rules._REQUEST_RULES


def test_long_hosts_are_not_remembered() -> None:
    host = b"h" * 60_000
    reading.requests([b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host], LIMITS)
    assert host not in rules._AUTHORITIES


def test_malformed_and_too_large_has_one_answer() -> None:
    wire = b"GET / HTTP/1.1\r\nHost: a\r\nX: \x01" + b"y" * LIMITS.head_bytes + b"\r\n\r\n"
    assert reading.requests([wire], LIMITS).status == reading.requests(cut(wire, [40]), LIMITS).status


def test_a_field_that_goes_no_further_makes_nothing_replayable() -> None:
    wire = POST + b"Idempotency-Key: k\r\nConnection: idempotency-key\r\n\r\n"
    (read,) = reading.requests([wire]).complete
    assert isinstance(read.head, RequestHead)
    assert (read.head.replayable, b"Idempotency-Key" in dict(read.head.fields)) in (
        (True, True),
        (False, False),
    )
