"""The application's door on the wire: who is let in, who waits, what the refused are told, and nothing left behind."""

import asyncio
import random

import pytest

from sidecar import clock
from sidecar.policy.ask import AdmissionConfig
from sidecar.policy.endpoints import Caller
from sidecar.policy.gate import Gate, GateConfig
from tests.proxy.pods import GET, Answer, Call, Path, answer_ok, path, reset

LOCAL = (Caller("127.0.0.1", "default/ticket", 1.0),)


def a_gate(
    concurrency: int = 1, *, places: int = 1, enforce: bool = True, probes: tuple[bytes, ...] = ()
) -> Gate:
    admission = AdmissionConfig(queue_share=0.0, least_queue=places, probe_paths=probes)
    config = GateConfig(limit="fixed", concurrency=concurrency, enforce=enforce, admission=admission)
    return Gate(config, rng=random.Random(1))


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.working = 0
        self.most = 0

    async def __call__(self, call: Call) -> None:
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            await self.go.wait()
        finally:
            self.working -= 1
        await call.answer()


def asking(fields: bytes = b"", target: bytes = b"/x") -> bytes:
    return GET.replace(b"/x", target)[:-2] + fields + b"\r\n"


async def begin(mesh: Path, raw: bytes = GET) -> "asyncio.Task[Answer]":
    """A request under way: at the application, or waiting at the door."""
    door = mesh.inbound.door
    assert door is not None
    before = door.waiting + len(mesh.pods[0].calls)
    task = asyncio.get_running_loop().create_task(mesh.ask(raw, mesh.inbound))
    async with asyncio.timeout(10):
        while door.waiting + len(mesh.pods[0].calls) == before and not task.done():
            await asyncio.sleep(0.002)
    return task


async def test_what_fits_goes_straight_in() -> None:
    async with path(answer_ok, callers=LOCAL, gate=a_gate(10)) as mesh:
        assert (await mesh.ask(GET, mesh.inbound)).status == 200


async def test_a_caller_is_told_how_it_is_seen_and_a_stranger_is_not() -> None:
    async with path(answer_ok, callers=LOCAL, gate=a_gate(10)) as mesh:
        assert (await mesh.ask(GET, mesh.inbound)).field(b"X-GT-Reputation") == b"1.00"
    async with path(answer_ok, gate=a_gate(10)) as mesh:
        assert (await mesh.ask(GET, mesh.inbound)).field(b"X-GT-Reputation") is None


async def test_no_more_than_the_limit_is_at_the_application_and_the_next_goes_in_when_one_is_over() -> None:
    slow = Slow()
    async with path(slow, callers=LOCAL, gate=a_gate(1, places=2)) as mesh:
        tasks = [await begin(mesh) for _ in range(3)]
        assert len(mesh.pods[0].calls) == 1
        slow.go.set()
        assert [(await task).status for task in tasks] == [200, 200, 200]
        assert slow.most == 1


async def test_who_finds_the_queue_full_is_refused_at_once_with_a_reason_and_a_time_to_come_back() -> None:
    slow = Slow()
    async with path(slow, callers=LOCAL, gate=a_gate(1, places=1)) as mesh:
        tasks = [await begin(mesh) for _ in range(2)]
        refused = await mesh.ask(GET, mesh.inbound)
        assert (refused.status, refused.field(b"X-GT-Reason")) == (503, b"shed")
        assert refused.field(b"Retry-After") == b"1"
        assert refused.field(b"X-GT-Congestion") is not None, "callers know shed replies by it"
        slow.go.set()
        assert [(await task).status for task in tasks] == [200, 200]


async def test_what_cannot_be_served_before_its_deadline_is_refused_at_once() -> None:
    slow = Slow()
    async with path(slow, callers=LOCAL, gate=a_gate(1, places=4)) as mesh:
        task = await begin(mesh)
        refused = await mesh.ask(asking(b"X-GT-Deadline-Ms: 0\r\n"), mesh.inbound)
        assert (refused.status, refused.field(b"X-GT-Reason")) == (503, b"deadline")
        slow.go.set()
        await task


async def test_who_waits_past_its_deadline_is_refused_while_it_waits() -> None:
    slow = Slow()
    async with path(slow, callers=LOCAL, gate=a_gate(1, places=4)) as mesh:
        first = await begin(mesh)
        late = await begin(mesh, asking(b"X-GT-Deadline-Ms: 50\r\n"))
        assert mesh.inbound.door is not None
        while not late.done():
            mesh.inbound.door.sweep(clock.now())
            await asyncio.sleep(0.01)
        assert ((await late).status, (await late).field(b"X-GT-Reason")) == (503, b"deadline")
        slow.go.set()
        await first


async def test_nobody_waits_longer_than_the_gate_allows() -> None:
    slow = Slow()
    async with path(slow, callers=LOCAL, gate=a_gate(1, places=4)) as mesh:
        first = await begin(mesh)
        waiting = await begin(mesh)
        assert mesh.inbound.door is not None
        mesh.inbound.door.sweep(clock.now() + 60.0)
        assert (await waiting).field(b"X-GT-Reason") == b"shed"
        slow.go.set()
        await first


async def test_a_client_that_leaves_the_queue_leaves_its_place() -> None:
    slow = Slow()
    async with path(slow, callers=LOCAL, gate=a_gate(1, places=1)) as mesh:
        first = await begin(mesh)
        _, writer = await mesh.connect(mesh.inbound)
        writer.write(GET)
        door = mesh.inbound.door
        assert door is not None
        while not door.waiting:
            await asyncio.sleep(0.002)
        writer.transport.abort()
        while door.waiting:
            await asyncio.sleep(0.002)
        next_one = await begin(mesh)
        slow.go.set()
        assert ((await first).status, (await next_one).status) == (200, 200)


async def test_a_place_comes_back_when_the_application_drops_the_connection() -> None:
    async with path(reset, callers=LOCAL, gate=a_gate(1, places=1)) as mesh:
        for _ in range(5):
            assert (await mesh.ask(GET, mesh.inbound)).field(b"X-GT-Reason") == b"reset"


async def test_a_place_comes_back_when_the_application_is_down_and_those_that_wait_hear_of_it() -> None:
    async with path(None, callers=LOCAL, gate=a_gate(1, places=8)) as mesh:
        answers = await asyncio.gather(*[mesh.ask(GET, mesh.inbound) for _ in range(6)])
        assert {answer.field(b"X-GT-Reason") for answer in answers} == {b"app-unreachable"}


async def test_a_punished_caller_is_told_so_and_when_to_come_back() -> None:
    gate = a_gate(100)
    async with path(answer_ok, callers=LOCAL, gate=gate) as mesh:
        flood(gate, "default/ticket")
        answers = [await mesh.ask(GET, mesh.inbound) for _ in range(40)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused, "a flooder is throttled"
        assert {answer.field(b"X-GT-Punishment") for answer in answers} == {b"true"}
        assert {answer.field(b"X-GT-Reason") for answer in refused} == {b"punished"}
        assert all(int(answer.field(b"Retry-After") or b"0") >= 1 for answer in refused)


def flood(gate: Gate, workload: str) -> None:
    """Its account as a minute of defections, which ends now, leaves it."""
    began = clock.now() - 60.0
    account = gate.police.account(workload, 1.0, began)
    modest = gate.police.account("default/modest", 1.0, began)
    for second in range(1, 60):
        for _ in range(100):
            gate.police.request(account, began + second - 0.5)
        gate.police.request(modest, began + second - 0.5)
        gate.police.tick(began + second, capacity=10.0, congested=True)
    assert account.punished


async def test_probes_go_in_however_long_the_queue_is() -> None:
    slow = Slow()

    async def script(call: Call) -> None:
        await (answer_ok(call) if call.head.startswith(b"GET /healthz") else slow(call))

    async with path(script, callers=LOCAL, gate=a_gate(1, places=1, probes=(b"/healthz",))) as mesh:
        tasks = [await begin(mesh) for _ in range(2)]
        assert (await mesh.ask(asking(target=b"/healthz?full=1"), mesh.inbound)).status == 200
        slow.go.set()
        assert [(await task).status for task in tasks] == [200, 200]


async def test_observing_refuses_nobody() -> None:
    slow = Slow()
    gate = a_gate(1, places=1, enforce=False)
    async with path(slow, callers=LOCAL, gate=gate) as mesh:
        tasks = [await begin(mesh) for _ in range(5)]
        assert len(mesh.pods[0].calls) == 5, "all are at the application"
        assert gate.decisions["queued"] == 4, "and what would have happened is counted"
        slow.go.set()
        assert {(await task).status for task in tasks} == {200}


async def test_a_bug_in_the_gate_lets_the_request_in_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = a_gate(1)
    async with path(answer_ok, callers=LOCAL, gate=gate) as mesh:

        def broken(*_: object, **__: object) -> float:
            raise ZeroDivisionError

        monkeypatch.setattr(gate.police, "request", broken)
        assert (await mesh.ask(GET, mesh.inbound)).status == 200
        assert mesh.inbound.door is not None
        assert mesh.inbound.policy_failures == 1, "equilibrium_policy_failures_total counts it"


async def test_a_websocket_gives_its_place_back_when_it_begins() -> None:
    async def upgrade(call: Call) -> None:
        if call.field(b"Upgrade"):
            call.writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            await asyncio.Event().wait()
        await call.answer()

    async with path(upgrade, callers=LOCAL, gate=a_gate(1, places=1)) as mesh:
        reader, writer = await mesh.connect(mesh.inbound)
        writer.write(asking(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        assert (await mesh.ask(GET, mesh.inbound)).status == 200


async def test_malformed_bids_and_attempts_are_dropped_and_counted() -> None:
    async with path(answer_ok, callers=LOCAL, gate=a_gate(10)) as mesh:
        raw = asking(b"X-GT-Bid: nan\r\nX-GT-Attempt: -1\r\n")
        assert (await mesh.ask(raw, mesh.inbound)).status == 200
        ignored = mesh.inbound.stats.ignored_signals
        assert (ignored["bid"], ignored["attempt"]) == (1, 1)


async def test_a_larger_limit_lets_in_those_that_wait() -> None:
    slow = Slow()
    gate = a_gate(2, places=4)
    gate.admission.scale = 0.5
    async with path(slow, callers=LOCAL, gate=gate) as mesh:
        tasks = [await begin(mesh) for _ in range(2)]
        assert len(mesh.pods[0].calls) == 1
        gate.admission.scale = 1.0
        assert mesh.inbound.door is not None
        mesh.inbound.door.sweep(clock.now())
        while len(mesh.pods[0].calls) < 2:
            await asyncio.sleep(0.002)
        slow.go.set()
        assert [(await task).status for task in tasks] == [200, 200]
