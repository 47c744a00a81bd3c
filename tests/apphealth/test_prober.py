"""Whose turn it is, how long it may take, and what is remembered."""

import asyncio
import contextlib
import logging
import socket

import pytest

from sidecar.apphealth.prober import FAILED, SUCCEEDED, AppHealth
from sidecar.apphealth.probes import Action, Grpc, HttpGet, Probe, TcpSocket
from tests.program.wire import pods, split
from tests.proxy.pods import Call, Pod, answer_ok, hang, status

AGENT = "kube-probe/1.36"
NAME = "app/readyz"


def health(action: Action, timeout_s: float = 5.0) -> AppHealth:
    return AppHealth([Probe("app", "readyz", action, timeout_s)])


def of(pod: Pod, timeout_s: float = 5.0) -> AppHealth:
    return health(HttpGet(split(pod.address)[1], "/healthz?token=s3cret"), timeout_s)


def counts(asked: AppHealth) -> dict[str, int]:
    return {outcome: asked.outcomes["app", "readyz", outcome] for outcome in (SUCCEEDED, FAILED)}


async def test_a_verdict_says_which_probe_what_was_asked_and_what_came_back() -> None:
    async with pods(status(b"500 Broken")) as [pod]:
        verdict = await of(pod).ask(NAME, "127.0.0.1", AGENT)
    assert verdict is not None
    assert not verdict.ok
    assert verdict.said == f"app/readyz: GET http://{pod.address}/healthz: answered 500"


async def test_a_probe_the_pod_does_not_have_is_nobodys() -> None:
    assert await health(TcpSocket(1)).ask("app/livez", "127.0.0.1", AGENT) is None


async def test_an_open_port_is_all_a_tcp_probe_wants() -> None:
    async with pods(hang) as [pod]:
        port = split(pod.address)[1]
        verdict = await health(TcpSocket(port)).ask(NAME, "127.0.0.1", AGENT)
        assert verdict is not None
        assert (verdict.ok, verdict.said) == (True, f"app/readyz: TCP {pod.address}: connected")
        await asyncio.wait_for(pod.gone.wait(), 10)


@pytest.mark.parametrize("kind", [TcpSocket, HttpGet, Grpc])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_closed_port_fails_in_the_kernels_words(
    kind: type[TcpSocket | HttpGet | Grpc], host: str
) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
    verdict = await health(kind(port)).ask(NAME, host, AGENT)
    assert verdict is not None
    assert not verdict.ok
    assert verdict.said.endswith(": Connection refused")
    assert (f"[::1]:{port}" if ":" in host else f"127.0.0.1:{port}") in verdict.said


@pytest.mark.parametrize("kind", [HttpGet, Grpc])
async def test_an_application_that_hangs_has_failed_when_its_time_is_over(kind: type[HttpGet | Grpc]) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    left = asyncio.Event()
    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        asked = health(kind(server.sockets[0].getsockname()[1]), timeout_s=0.1)
        verdict = await asked.ask(NAME, "127.0.0.1", AGENT)
        assert verdict is not None
        assert (verdict.ok, verdict.said.rpartition(": ")[2]) == (False, "no answer within 0.1 s")
        assert counts(asked) == {SUCCEEDED: 0, FAILED: 1}
        await asyncio.wait_for(left.wait(), 10)


async def test_a_body_that_stalls_has_failed_when_its_time_is_over() -> None:
    async def script(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await asyncio.Event().wait()

    async with pods(script) as [pod]:
        verdict = await of(pod, timeout_s=0.2).ask(NAME, "127.0.0.1", AGENT)
        assert verdict is not None
        assert not verdict.ok


async def test_a_crowd_costs_the_application_one_probe_and_shares_its_answer() -> None:
    release = asyncio.Event()

    async def slow(call: Call) -> None:
        await release.wait()
        await call.answer()

    async with pods(slow) as [pod]:
        asked = of(pod)
        crowd = asyncio.gather(*(asked.ask(NAME, "127.0.0.1", AGENT) for _ in range(20)))
        await pod.asked.wait()
        release.set()
        verdicts = await crowd
        assert {verdict.ok for verdict in verdicts if verdict is not None} == {True}
        assert len(pod.calls) == 1
        assert counts(asked) == {SUCCEEDED: 1, FAILED: 0}


async def test_who_asks_later_gets_an_answer_of_its_own() -> None:
    async with pods(answer_ok) as [pod]:
        asked = of(pod)
        for n in range(1, 4):
            await asked.ask(NAME, "127.0.0.1", AGENT)
            assert len(pod.calls) == n


async def test_another_address_of_the_pod_is_another_question() -> None:
    release = asyncio.Event()

    async def slow(call: Call) -> None:
        await release.wait()
        await call.answer()

    async with pods(slow) as [pod]:
        asked = of(pod)
        both = asyncio.gather(asked.ask(NAME, "127.0.0.1", AGENT), asked.ask(NAME, "127.0.0.2", AGENT))
        await pod.asked.wait()
        release.set()
        first, second = await both
    assert first is not None
    assert second is not None
    assert (first.ok, second.ok) == (True, False), "it listens on one of them"


async def test_strangers_who_hang_up_take_the_answer_from_nobody() -> None:
    release = asyncio.Event()

    async def slow(call: Call) -> None:
        await release.wait()
        await call.answer()

    async with pods(slow) as [pod]:
        asked = of(pod)
        stranger = asyncio.ensure_future(asked.ask(NAME, "127.0.0.1", AGENT))  # noqa: TID251 (awaited below)
        await pod.asked.wait()
        kubelet = asyncio.ensure_future(asked.ask(NAME, "127.0.0.1", AGENT))  # noqa: TID251 (awaited below)
        await asyncio.sleep(0)
        stranger.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stranger
        release.set()
        verdict = await kubelet
        assert verdict is not None
        assert verdict.ok
        assert len(pod.calls) == 1
        assert counts(asked) == {SUCCEEDED: 1, FAILED: 0}


async def test_at_the_end_those_under_way_are_left() -> None:
    async with pods(hang) as [pod]:
        asked = of(pod)
        asking = asyncio.ensure_future(asked.ask(NAME, "127.0.0.1", AGENT))  # noqa: TID251 (awaited below)
        await pod.asked.wait()
        await asked.close()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(pod.gone.wait(), 10)


async def test_only_a_turn_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    lines = iter([b"200 OK", b"200 OK", b"500 Broken", b"500 Broken", b"200 OK", b"200 OK"])

    async def script(call: Call) -> None:
        await call.answer(next(lines))

    caplog.set_level(logging.INFO, "equilibrium")
    async with pods(script) as [pod]:
        asked = of(pod)
        for _ in range(6):
            await asked.ask(NAME, "127.0.0.1", AGENT)
    logged = [(record.levelname, record.getMessage().rpartition(": ")[2]) for record in caplog.records]
    assert logged == [("WARNING", "answered 500"), ("INFO", "answered 200")]
    assert "s3cret" not in caplog.text
