"""Running cases side by side without mixing them up.

A lane is one upstream that answers one case at a time. Through Envoy and HAProxy a lane has its own listener; through
our proxy it has its own service, whose name is as long as `bus-service` and stands in for it on the wire.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.conformance.corpus.model import (
    Answered,
    Forwarded,
    RequestCase,
    ResponseCase,
    Tunnelled,
    Unroutable,
)
from tests.support import client
from tests.support.messages import Message
from tests.support.upstream import Answer, Record, Upstream

SERVICE = b"bus-service"
Case = TypeVar("Case", RequestCase, ResponseCase)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both ends of the proxy saw of one case."""

    record: Record
    reply: client.Reply


@dataclass(slots=True)
class Lane:
    """One upstream, the address to reach it through, and its name there."""

    upstream: Upstream
    address: str = ""
    name: bytes = SERVICE

    def own(self, raw: bytes) -> bytes:
        """`bus-service` becomes this lane's service."""
        return raw.replace(SERVICE, self.name).replace(SERVICE.upper(), self.name.upper())

    def common(self, raw: bytes) -> bytes:
        """And back."""
        return raw.replace(self.name, SERVICE).replace(self.name.upper(), SERVICE.upper())

    def read(self, record: Record) -> Record:
        """What arrived, as if this lane were `bus-service`."""
        return replace(record, messages=[self._read(message) for message in record.messages])

    def _read(self, message: Message) -> Message:
        fields = tuple((name, self.common(value)) for name, value in message.fields)
        return replace(
            message, start=self.common(message.start), fields=fields, body=self.common(message.body)
        )


class Lanes:
    """A fixed number of lanes; whoever needs one waits for it."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self._free: asyncio.Queue[Lane] = asyncio.Queue()
        for lane in lanes:
            self._free.put_nowait(lane)

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[Lane]:
        """A lane to oneself."""
        lane = await self._free.get()
        try:
            yield lane
        finally:
            self._free.put_nowait(lane)

    async def request(self, case: RequestCase, cut: int | None = None, *, patient: bool = True) -> Outcome:
        """Send `case`, in two parts when `cut`; `patient`: until the proxy closes, where it must."""
        async with self.one() as lane:
            record = lane.upstream.expect(case.answer)
            reply = await client.exchange(
                lane.address,
                parts(lane.own(case.raw), cut),
                methods=methods(case),
                responses=awaited(case, patient=patient),
                half_close=case.half_close,
            )
            await lane.upstream.ended()
            return Outcome(lane.read(record), reply)

    async def response(self, case: ResponseCase, cut: int | None = None) -> Outcome:
        """Ask for `case` and answer with it, in two parts when `cut`."""
        async with self.one() as lane:
            record = lane.upstream.expect(Answer(parts(case.raw, cut), eof=case.eof))
            reply = await client.exchange(
                lane.address, (lane.own(case.request),), methods=(case.method,), responses=1
            )
            await lane.upstream.ended()
            return Outcome(lane.read(record), reply)


async def each(cases: Iterable[Case], run: Callable[[Case], Awaitable[Outcome]]) -> dict[str, Outcome]:
    """Every case at once (lanes are the limit); outcomes by name."""
    cases = tuple(cases)
    outcomes = await asyncio.gather(*(run(case) for case in cases))
    return dict(zip((case.name for case in cases), outcomes, strict=True))


def parts(raw: bytes, cut: int | None) -> tuple[bytes, ...]:
    """Whole, or in two."""
    return (raw,) if cut is None else (raw[:cut], raw[cut:])


def methods(case: RequestCase) -> tuple[bytes, ...]:
    """What each response answers: HEAD's have no body."""
    if isinstance(case.expect, Forwarded):
        return tuple(message.start.partition(b" ")[0] for message in case.expect.messages)
    if isinstance(case.expect, Tunnelled):
        return (b"CONNECT", case.expect.message.start.partition(b" ")[0])
    return (b"HEAD",) if case.raw.startswith(b"HEAD ") else (b"GET",)


def awaited(case: RequestCase, *, patient: bool) -> int | None:
    """How many final responses end the exchange; None: the connection's end does."""
    match case.expect:
        case Forwarded(messages=messages, then=then, closes=closes):
            if patient:
                return None if then or closes else len(messages)
            return len(messages) + (then is not None)
        case Tunnelled():
            return 2
        case Unroutable() | Answered():
            return 1
        case _:
            return None if patient else 1
