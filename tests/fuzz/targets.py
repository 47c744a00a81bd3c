"""The oracles: what must hold for *any* bytes. Shared by the fuzzer and `tests/proxy/test_fuzz_short.py`.

1. Nothing escapes a reader but `Refused` (requests) or `UpstreamFraming` (responses).
2. How the bytes were cut into packets changes neither the messages nor the verdict.
3. What was accepted and is forwarded reads back as the same message, by our reader and by an independent one.
4. What is forwarded has one framing, one Host, no signals, no byte that ends a line for some readers only.
5. An independent reader finds the same boundaries in the input.

Time is not judged here: the fuzzer has a timeout, and test_fuzz_short.py measures how work grows.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final
from zlib import crc32

from sidecar.proxy.limits import Limits
from sidecar.proxy.message import RequestHead, ResponseHead
from tests.fuzz import forwarding, reading
from tests.fuzz.reading import Read, Transcript, head_facts, promise
from tests.support.messages import Message, UnreadableError, take_request, take_response

MOST: Final = 64 * 1024
_BYTE_BY_BYTE: Final = 1024
_BLANK: Final = b"\r\n\r\n"
_ROOMY = Limits(head_bytes=4 * reading.SMALL.head_bytes, head_fields=2 * reading.SMALL.head_fields)
"""What we forward may be longer than what we read (`Transfer-Encoding: chunked`, a space after each colon)."""
_EITHER: Final = {"trailer", "trailer-bytes"}
"""A trailer section both malformed (400) and too large (431): the cut decides which is noticed first."""
_LOST: Final = frozenset(
    ["absolute", "connection", "expects_continue", "grpc_timeout", "keep_alive", "minor", "signals", "via"]
)
"""Facts about the client's connection or for the mesh, not about the message: need not be forwarded."""
_REFRAMED: Final = frozenset(["coding", "connection", "keep_alive", "length", "minor", "signals", "upgrade"])

Reading = Callable[[list[bytes]], Transcript]


def check_request(data: bytes) -> None:
    """Every oracle, on bytes from a client."""
    if len(data) > MOST:
        return
    whole = reading.requests([data])
    _check_cuts(data, whole, reading.requests)
    for read in whole.messages:
        assert isinstance(read.head, RequestHead)
        if read.head.method != b"CONNECT":  # becomes a tunnel: never forwarded as a message
            _check_forwarded_request(read)
    _check_request_boundaries(data, whole)


def check_response(data: bytes) -> None:
    """Every oracle, on bytes from an endpoint: as the answer to a GET and to a HEAD, open and closed."""
    if len(data) > MOST:
        return
    for method in (b"GET", b"HEAD"):
        for eof in (False, True):
            _check_response(data, method, eof=eof)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"request": check_request, "response": check_response}


def _check_response(data: bytes, method: bytes, *, eof: bool) -> None:
    def read(parts: list[bytes]) -> Transcript:
        return reading.response(parts, method, eof=eof)

    whole = read([data])
    if not eof or (
        whole.complete and whole.status is None
    ):  # an early end adds nothing to what came before it
        _check_cuts(data, whole, read)
    for head in whole.interims:
        forwarding.check(forwarding.interim(head), None)
    for message in whole.messages:
        _check_forwarded_response(message, whole.interims, method)
    _check_response_boundaries(data, whole, method, eof=eof)


# -- 2: cuts


def _check_cuts(data: bytes, whole: Transcript, read: Reading) -> None:
    for parts in (list(_single_bytes(data)), _few_parts(data)):
        _check_alike(whole, read(parts), lambda: read([data, _BLANK]))


def _single_bytes(data: bytes) -> Iterator[bytes]:
    """Byte by byte; a long input's middle in one."""
    half = _BYTE_BY_BYTE // 2
    middle = data[half:-half] if len(data) > _BYTE_BY_BYTE else b""
    edges = (data[:half], data[-half:]) if middle else (data, b"")
    yield from (edges[0][at : at + 1] for at in range(len(edges[0])))
    if middle:
        yield middle
    yield from (edges[1][at : at + 1] for at in range(len(edges[1])))


def _few_parts(data: bytes) -> list[bytes]:
    """At three places that look random but depend on the bytes alone."""
    rng = random.Random(crc32(data))
    at = sorted(rng.randint(0, len(data)) for _ in range(3))
    parts = [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]
    return [part for part in parts if part]


def _check_alike(whole: Transcript, cut: Transcript, completed: Callable[[], Transcript]) -> None:
    if whole.status is None and cut.status is None:
        promise(whole.facts() == cut.facts(), "a cut changes the message", whole, cut)
        promise(whole.rest == cut.rest, "a cut changes what is left over", whole, cut)
        return
    _check_verdicts(whole, cut, completed)
    ours, theirs = whole.complete, cut.complete
    same = [read.facts() for read in ours] == [read.facts() for read in theirs]
    promise(same, "a cut changes what came before the refusal", whole, cut)
    if len(whole.messages) == len(cut.messages) > len(ours):
        a, b = whole.messages[-1], cut.messages[-1]
        prefix = a.body.startswith(b.body) or b.body.startswith(a.body)
        promise(prefix and head_facts(a.head) == head_facts(b.head), "a cut changes what was begun", a, b)


def _check_verdicts(whole: Transcript, cut: Transcript, completed: Callable[[], Transcript]) -> None:
    """An incomplete message may be refused early in one cut; then its end is refused in every cut."""
    if whole.status is None:
        whole = completed()
    same = whole.status == cut.status or {whole.rule, cut.rule} == _EITHER
    promise(same, "a cut changes the verdict", whole, cut)


# -- 3 and 4: what is forwarded


def _check_forwarded_request(read: Read) -> None:
    wire = forwarding.request(read)
    forwarding.check(wire, read)
    if not read.complete:
        return
    again = reading.requests([wire], _ROOMY)
    _check_again(read, again, wire, _LOST)
    promise(forwarding.request(again.messages[0]) == wire, "encoding again gives other bytes", wire)
    _check_independent(read, take_request(wire), wire)


def _check_forwarded_response(read: Read, interims: list[ResponseHead], method: bytes) -> None:
    wire = forwarding.response(read)
    forwarding.check(wire, read)
    if not read.complete:
        return
    before = b"".join(map(forwarding.interim, interims))
    again = reading.response([before + wire], method, limits=_ROOMY)
    statuses = [head.status for head in interims], [head.status for head in again.interims]
    promise(statuses[0] == statuses[1], "interim responses read back differently", before, *statuses)
    _check_again(read, again, wire, _REFRAMED)
    promise(forwarding.response(again.messages[0]) == wire, "encoding again gives other bytes", wire)
    _check_independent(read, take_response(wire, method, eof=True), wire)


def _check_again(read: Read, again: Transcript, wire: bytes, lost: frozenset[str]) -> None:
    promise(again.status is None, "we refuse what we forward", again.rule, wire)
    promise(len(again.messages) == 1 and not again.rest, "we forward more than one message", wire, again)
    promise(_kept(again.messages[0], lost) == _kept(read, lost), "forwarded as another message", read, again)


def _kept(read: Read, lost: frozenset[str]) -> tuple[object, ...]:
    facts = [fact for fact in head_facts(read.head) if fact[0] not in lost]
    return (*facts, read.body, read.complete, read.trailers)


def _check_independent(read: Read, message: Message | None, wire: bytes) -> None:
    promise(message is not None, "an independent reader waits for more", wire)
    assert message is not None
    promise(message.size == len(wire), "an independent reader sees more than one message", wire, message)
    same = (message.body, message.trailers) == (read.body, read.trailers)
    promise(same, "an independent reader reads another message", read, message)
    theirs = [field for field in message.fields if field in read.head.fields]
    promise(theirs == read.head.fields, "an independent reader sees other fields", read.head.fields, message)


# -- 5: boundaries in the input


def _check_request_boundaries(data: bytes, whole: Transcript) -> None:
    for read in whole.complete:
        data = data.removeprefix(b"\r\n")
        try:
            message = take_request(data)
        except UnreadableError:
            return  # stricter than we are in places; that is no disagreement about where a message ends
        data = _check_boundary(read, message, data)
    if whole.complete and whole.rest:
        promise(whole.rest == data, "what is left over begins elsewhere", whole.rest, data)


def _check_response_boundaries(data: bytes, whole: Transcript, method: bytes, *, eof: bool) -> None:
    try:
        for _ in whole.interims:
            interim = take_response(data, method, eof=eof)
            promise(interim is not None, "an interim response nobody else sees", data)
            assert interim is not None
            data = data[interim.size :]
        for read in whole.complete:
            data = _check_boundary(read, take_response(data, method, eof=eof), data)
    except UnreadableError:
        return
    if whole.complete:
        promise(whole.rest == data, "what is left over begins elsewhere", whole.rest, data)


def _check_boundary(read: Read, message: Message | None, data: bytes) -> bytes:
    promise(message is not None, "we see an end, an independent reader waits", read, data)
    assert message is not None
    promise(message.body == read.body, "an independent reader reads another body", read, message)
    return data[message.size :]
