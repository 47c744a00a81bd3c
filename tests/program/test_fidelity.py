"""Trace context and idempotency keys pass through two sidecars byte for byte, whatever their spelling.

A tracer that compares strings, or an application that keys its store by the header, must not notice the mesh.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.program.process import Program, discovery, program
from tests.program.wire import ask, client, pods
from tests.proxy.pods import Call, Pod, Script, answer_ok, status

Field = tuple[bytes, bytes]

TRACEPARENT = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
B3_MULTI = [
    (b"X-B3-TraceId", b"80f198ee56343ba864fe8b2a57d3eff7"),
    (b"X-B3-ParentSpanId", b"05e3ac9a4f6e3b90"),
    (b"X-B3-SpanId", b"e457b5a2e4d86bd1"),
    (b"X-B3-Sampled", b"1"),
    (b"X-B3-Flags", b"1"),
]
CASES: dict[str, list[Field]] = {
    "traceparent": [TRACEPARENT],
    "traceparent of a version to come": [
        (b"traceparent", b"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-09-what-comes-next")
    ],
    "traceparent that no tracer would write": [(b"TraceParent", b"00-ABC-\x80\xff=\t= x")],
    "traceparent twice": [TRACEPARENT, (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00")],
    "tracestate": [TRACEPARENT, (b"tracestate", b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")],
    "tracestate in several fields": [
        (b"tracestate", b"rojo=1 ,\tcongo=2"),
        TRACEPARENT,
        (b"Tracestate", b""),
        (b"TRACESTATE", b"a@b=" + b"~" * 256 + b",,c*/_-=;:"),
    ],
    "b3 in one field": [(b"b3", b"80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90")],
    "b3 says no": [(b"B3", b"0")],
    "b3 in many fields": B3_MULTI,
    "b3 capitalised oddly": [(b"x-B3-tRACEid", b"80F198ee56343BA8"), (b"X-b3-SAMPLED", b"tRue")],
    "b3 in lower case, backwards": [(name.lower(), value) for name, value in reversed(B3_MULTI)],
    "both kinds at once": [B3_MULTI[0], TRACEPARENT, *B3_MULTI[1:], (b"b3", b"d")],
    "idempotency key": [(b"Idempotency-Key", b"8e03978e-40d5-43dd-bc93-6894a57f9324")],
    "idempotency key as the draft quotes it": [(b"Idempotency-Key", b'"8e03978E-\\"40d5"')],
    "idempotency key capitalised oddly": [(b"idempotency-KEY", b"  Key With  Spaces\tInside".strip())],
    "all of them": [(b"idempotency-key", b"1"), *B3_MULTI, TRACEPARENT, (b"tracestate", b"x=y")],
}
NAMES = {name.lower() for fields in CASES.values() for name, _ in fields}


@dataclass
class Way:
    """Client → outbound of the caller's sidecar → inbound of the callee's → application."""

    caller: Program
    apps: list[Pod]


@asynccontextmanager
async def two_sidecars(directory: Path, *scripts: Script) -> AsyncIterator[Way]:
    """An application a script, each behind a sidecar of its own, and one sidecar before the caller."""
    async with pods(*scripts) as apps, inbounds(directory, apps) as addresses:
        (directory / "caller").mkdir()
        async with program(directory / "caller", discovery(*addresses)) as caller:
            yield Way(caller, apps)


@asynccontextmanager
async def inbounds(directory: Path, apps: list[Pod]) -> AsyncIterator[list[str]]:
    """Where the applications' sidecars listen."""
    if not apps:
        yield []
        return
    own = directory / f"callee-{len(apps)}"
    own.mkdir()
    async with (
        program(own, discovery(), APP=apps[0].address) as callee,
        inbounds(directory, apps[1:]) as rest,
    ):
        yield [callee.inbound, *rest]


def message(fields: list[Field], start: bytes = b"GET /api/lines/32H HTTP/1.1", body: bytes = b"") -> bytes:
    """A message with `fields` between others, as an application would send it."""
    around = [(b"Host", b"bus-service"), (b"Accept", b"*/*"), *fields, (b"X-After", b"1")]
    if body:
        around.append((b"Content-Length", b"%d" % len(body)))
    return b"\r\n".join([start, *(b"%b: %b" % field for field in around), b"", body])


def of_tracing(head: bytes) -> list[Field]:
    """Names and values as they arrived, in their order; everything else is left out."""
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:] if line]
    return [(name, value) for name, _, value in lines if name.lower() in NAMES]


async def test_requests_arrive_with_the_same_bytes(tmp_path: Path) -> None:
    async with two_sidecars(tmp_path, answer_ok) as way:
        for case, fields in CASES.items():
            assert (await ask(way.caller.outbound, message(fields))).status == 200, case
            call = way.apps[0].calls.pop()
            assert way.apps[0].calls == []
            assert of_tracing(call.head) == fields, f"{case}: names, values, order arrive as they were sent"


async def test_a_body_makes_no_difference(tmp_path: Path) -> None:
    async with two_sidecars(tmp_path, answer_ok) as way:
        for case, fields in CASES.items():
            sent = message(fields, b"POST /api/v1/tickets HTTP/1.1", b'{"quantity":1}')
            assert (await ask(way.caller.outbound, sent)).status == 200, case
            call = way.apps[0].calls.pop()
            assert way.apps[0].calls == []
            assert of_tracing(call.head) == fields, f"{case}: names, values, order arrive as they were sent"
            assert call.body == b'{"quantity":1}'


async def test_responses_come_back_with_the_same_bytes(tmp_path: Path) -> None:
    async def echo(call: Call) -> None:
        await call.answer(fields=b"".join(b"%b: %b\r\n" % field for field in of_tracing(call.head)))

    async with two_sidecars(tmp_path, echo) as way:
        for case, fields in CASES.items():
            answer = await ask(way.caller.outbound, message(fields))
            assert of_tracing(answer.head) == fields, f"{case}: what an application answers is not rewritten"


async def test_requests_of_one_connection_keep_their_own(tmp_path: Path) -> None:
    rng = random.Random(3)
    sent = [rng.choice(list(CASES.values())) for _ in range(40)]
    sent = [[*fields, (b"Idempotency-Key", b"key-%d" % n)] for n, fields in enumerate(sent)]
    async with two_sidecars(tmp_path, answer_ok) as way, client(way.caller.outbound) as kept:
        for fields in sent:
            assert (await kept.ask(message(fields))).status == 200
        arrived = [of_tracing(call.head) for call in way.apps[0].calls]
        assert way.apps[0].connections < len(sent), "the connections of the path are shared by requests"
        assert arrived == sent, "nothing of one request shows in another"


async def test_another_attempt_carries_them_too(tmp_path: Path) -> None:
    fields = CASES["all of them"]
    async with two_sidecars(tmp_path, status(b"503 Busy"), answer_ok) as way:
        while not way.apps[0].calls:  # whichever is asked first: the busy one is asked in the end
            sent = message(fields, b"POST /api/v1/tickets HTTP/1.1", b"{}")
            assert (await ask(way.caller.outbound, sent)).status == 200, "a POST with a key may be sent again"
        calls = [call for app in way.apps for call in app.calls]
        assert [of_tracing(call.head) for call in calls] == [fields] * len(calls)


async def test_the_mesh_adds_none_of_its_own(tmp_path: Path) -> None:
    async with two_sidecars(tmp_path, answer_ok) as way:
        answer = await ask(way.caller.outbound, message([]))
        (call,) = way.apps[0].calls
        assert of_tracing(call.head) == []
        assert of_tracing(answer.head) == []
