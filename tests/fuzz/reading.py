"""Bytes in pieces → what a reader makes of them: the events in order, and the verdict.

The sink here is stricter than any real one: it fails on an event that may not come at that point.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sidecar.errors import Refused, UpstreamFraming
from sidecar.proxy.http1.requests import RequestReader
from sidecar.proxy.http1.responses import ResponseReader
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import RequestHead, ResponseHead
from tests.support.messages import Field

SMALL: Final = Limits(head_bytes=2048, head_fields=24)
"""So small that a mutation gets from one side of a limit to the other."""

Head = RequestHead | ResponseHead


class BrokenPromise(AssertionError):
    """A reader did what it says it never does."""


def promise(kept: bool, words: str, *evidence: object) -> None:
    """Raise `BrokenPromise` unless `kept`."""
    if not kept:
        raise BrokenPromise("\n  ".join([words, *map(repr, evidence)]))


@dataclass(slots=True)
class Read:
    """One message as far as it was read; `pieces`: its payload as it came."""

    head: Head
    pieces: list[bytes]
    complete: bool
    trailers: tuple[Field, ...] = ()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def facts(self) -> tuple[object, ...]:
        """Everything a reader said about the message; the pieces joined."""
        return (*head_facts(self.head), self.body, self.complete, self.trailers)


@dataclass(slots=True)
class Transcript:
    """All a reader said. `status`: of the refusal, None while nothing is wrong. `rest`: kept, but not read."""

    messages: list[Read] = field(default_factory=list)
    interims: list[ResponseHead] = field(default_factory=list)
    status: int | None = None
    rule: str = ""
    rest: bytes = b""

    @property
    def complete(self) -> list[Read]:
        return [message for message in self.messages if message.complete]

    def facts(self) -> list[tuple[object, ...]]:
        return [head_facts(head) for head in self.interims] + [read.facts() for read in self.messages]


class Sink:
    """Both readers' sink: writes a transcript."""

    def __init__(self) -> None:
        self.transcript = Transcript()

    def interim(self, head: ResponseHead) -> None:
        promise(not self.transcript.messages, "an interim response follows a final one", head)
        self.transcript.interims.append(head)

    def head(self, head: Head, data: bytes, end: bool) -> None:
        promise(
            len(self.transcript.complete) == len(self.transcript.messages), "a head inside a message", head
        )
        self.transcript.messages.append(Read(head, [data] if data else [], end))

    def data(self, data: bytes, end: bool) -> None:
        message = self.transcript.messages[-1]
        promise(not message.complete, "data after the end", message.head, data)
        promise(bool(data) or end, "an event that says nothing", message.head)
        message.complete = end
        if data:
            message.pieces.append(data)


def head_facts(head: Head) -> tuple[tuple[str, object], ...]:
    """Every attribute of a head, by name; compiled classes have no `__slots__` to ask."""
    kind = type(head)
    if kind not in _FACTS:
        public = [name for name in dir(kind) if not name.startswith("_")]
        _FACTS[kind] = tuple(name for name in public if not callable(getattr(kind, name)))
    return tuple([(name, getattr(head, name)) for name in _FACTS[kind]])


_FACTS: dict[type, tuple[str, ...]] = {}


def requests(parts: Iterable[bytes], limits: Limits = SMALL) -> Transcript:
    """Feed `parts`; go on to the next request where a server would."""
    sink = Sink()
    reader = RequestReader(sink, limits)
    transcript = sink.transcript
    try:
        for part in parts:
            reader.feed(part)
            _go_on(reader, transcript)
    except Refused as refusal:
        transcript.status, transcript.rule = refusal.status, refusal.rule
    transcript.rest = bytes(reader.buffer) if reader.done else b""
    return transcript


def _go_on(reader: RequestReader, transcript: Transcript) -> None:
    while reader.done:
        last = transcript.messages[-1]
        promise(last.complete, "done without an end", last.head)
        last.trailers = tuple(reader.trailers or ())
        assert isinstance(last.head, RequestHead)
        if not last.head.keep_alive or last.head.upgrade or last.head.method == b"CONNECT":
            return
        reader.next()


def response(
    parts: Iterable[bytes], method: bytes = b"GET", *, eof: bool = False, limits: Limits = SMALL
) -> Transcript:
    """Feed `parts`, then the end of the connection if asked; surplus is not fed, as nobody reads it."""
    sink = Sink()
    reader = ResponseReader(sink, limits)
    reader.expect(method)
    transcript = sink.transcript
    surplus: list[bytes] = []
    try:
        for part in parts:
            if reader.done:
                surplus.append(part)
            else:
                reader.feed(part)
        if eof:
            reader.eof()
    except UpstreamFraming as fault:
        transcript.status, transcript.rule = fault.status, fault.rule
    if reader.done:
        transcript.messages[-1].trailers = tuple(reader.trailers or ())
        transcript.rest = bytes(reader.buffer) + b"".join(surplus)
    return transcript
