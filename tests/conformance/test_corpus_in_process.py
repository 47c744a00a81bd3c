"""The readers alone, in process: every case, whole, at every cut, and byte by byte.

Where the verdict is not the reader's (routing, the first three bytes, a 101) the case is left to
`test_corpus_on_the_wire`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from sidecar.errors import Refused as RefusedError
from sidecar.errors import UpstreamFraming
from sidecar.proxy.http1.requests import RequestReader
from sidecar.proxy.http1.responses import ResponseReader
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import RequestHead, ResponseHead
from tests.conformance.corpus import requests, responses
from tests.conformance.corpus.model import (
    Abandoned,
    BadGateway,
    Closed,
    Delivered,
    Forwarded,
    Refused,
    RequestCase,
    ResponseCase,
    Sent,
    Truncated,
)
from tests.conformance.cuts import cuts
from tests.support.messages import Field

_LIMITS = Limits()
_PER_HOP = frozenset((b"transfer-encoding", b"connection", b"upgrade"))

REQUESTS = tuple(case for case in requests.CASES if not isinstance(case.expect, Closed))
RESPONSES = tuple(case for case in responses.CASES if b"HTTP/1.1 101" not in case.raw)


@dataclass
class Read:
    """One message as a reader tells it."""

    head: RequestHead | ResponseHead
    body: bytes = b""
    trailers: tuple[Field, ...] = ()
    complete: bool = False


@dataclass
class Sink:
    """Collects; implements both sinks."""

    reads: list[Read] = field(default_factory=list)
    interims: list[int] = field(default_factory=list)

    def interim(self, head: ResponseHead) -> None:
        self.interims.append(head.status)

    def head(self, head: RequestHead | ResponseHead, data: bytes, end: bool) -> None:
        self.reads.append(Read(head, data, complete=end))

    def data(self, data: bytes, end: bool) -> None:
        self.reads[-1].body += data
        self.reads[-1].complete = end


@dataclass(frozen=True)
class Verdict:
    """What a reader made of its input: complete messages, and a refusal or a fault."""

    messages: tuple[object, ...]
    status: int | None
    interims: tuple[int, ...] = ()
    rest: bytes = b""


def read_requests(parts: Sequence[bytes]) -> Verdict:
    """Feed `parts`; go on to the next request where a server would."""
    sink = Sink()
    reader = RequestReader(sink, _LIMITS)
    status: int | None = None
    try:
        for part in parts:
            reader.feed(part)
            _drain(reader, sink)
    except RefusedError as error:
        status = error.status
    complete = tuple(_sent(read) for read in sink.reads if read.complete)
    return Verdict(complete, status, rest=bytes(reader.buffer) if reader.done else b"")


def _drain(reader: RequestReader, sink: Sink) -> None:
    while reader.done:
        last = sink.reads[-1]
        last.trailers = tuple(reader.trailers or ())
        assert isinstance(last.head, RequestHead)
        if not last.head.keep_alive or last.head.upgrade or last.head.method == b"CONNECT":
            return
        reader.next()


def _sent(read: Read) -> Sent:
    head = read.head
    assert isinstance(head, RequestHead)
    start = b"%b %b HTTP/1.1" % (head.method, head.target)
    return Sent(start, tuple(head.fields), read.body, read.trailers)


def read_response(case: ResponseCase, parts: Sequence[bytes]) -> Verdict:
    """Feed `parts`, then the end of the connection if the case has one."""
    sink = Sink()
    reader = ResponseReader(sink, _LIMITS)
    reader.expect(case.method)
    status: int | None = None
    try:
        for part in parts:
            if not reader.done:
                reader.feed(part)
        if case.eof:
            reader.eof()
    except UpstreamFraming as error:
        status = error.status
    complete = tuple(_delivered(read, reader) for read in sink.reads if read.complete)
    return Verdict(complete, status, tuple(sink.interims))


def _delivered(read: Read, reader: ResponseReader) -> Delivered:
    head = read.head
    assert isinstance(head, ResponseHead)
    return Delivered(head.status, tuple(head.fields), read.body, tuple(reader.trailers or ()))


def expected_requests(case: RequestCase) -> Verdict | None:
    """The table in the reader's terms; None where it says nothing about the reader."""
    match case.expect:
        case Refused(status=status):
            return Verdict((), status)
        case Abandoned():
            return Verdict((), None)
        case Forwarded(messages=messages, then=then, tunnel=tunnel):
            plain = tuple(
                Sent(m.start, tuple(f for f in m.fields if f[0].lower() not in _PER_HOP), m.body, m.trailers)
                for m in messages
            )
            return Verdict(plain, then.status if then else None, rest=tunnel)
        case _:
            return None


def matches(case: ResponseCase, verdict: Verdict) -> bool:
    """Whether the reader's verdict is one the table allows."""
    match case.expect:
        case Delivered(status, fields, body, trailers, interim):
            plain = Delivered(status, fields, body, trailers)
            if case.version == b"HTTP/1.0":  # the server side leaves out what such a client does not know
                return verdict.status is None and len(verdict.messages) == 1
            return verdict == Verdict((plain,), None, interim)
        case BadGateway(reason=b"framing"):
            return verdict.status == 502 and not verdict.messages
        case BadGateway() | Truncated():
            return verdict.status is None and not verdict.messages
        case _:
            return not verdict.messages


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_request_whole(case: RequestCase) -> None:
    expected = expected_requests(case)
    verdict = read_requests((case.raw,))
    if expected is None:
        assert verdict.status is None
    elif "upgrade" in case.name:  # the reader stops there until the upstream has decided
        assert verdict.messages == expected.messages[: len(verdict.messages)]
    elif isinstance(case.expect, Forwarded) and case.expect.closes:  # what follows stays in the buffer
        assert (verdict.messages, verdict.status) == (expected.messages, None)
    else:
        assert verdict == expected


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_request_is_read_alike_at_every_cut(case: RequestCase) -> None:
    whole = read_requests((case.raw,))
    differing = [at for at in cuts(case.raw) if read_requests((case.raw[:at], case.raw[at:])) != whole]
    assert differing == []


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_request_is_read_alike_byte_by_byte(case: RequestCase) -> None:
    raw = case.raw[:4096]
    assert read_requests([raw[at : at + 1] for at in range(len(raw))]) == read_requests((raw,))


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_response_whole(case: ResponseCase) -> None:
    verdict = read_response(case, (case.raw,))
    assert matches(case, verdict), verdict


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_response_is_read_alike_at_every_cut(case: ResponseCase) -> None:
    whole = read_response(case, (case.raw,))
    differing = [at for at in cuts(case.raw) if read_response(case, (case.raw[:at], case.raw[at:])) != whole]
    assert differing == []


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_response_is_read_alike_byte_by_byte(case: ResponseCase) -> None:
    raw = case.raw[:4096]
    parts = [raw[at : at + 1] for at in range(len(raw))]
    short = ResponseCase(case.name, case.method, raw, case.expect, eof=case.eof)
    assert read_response(short, parts) == read_response(short, (raw,))
