"""Starting, draining and ending: what an operator and Kubernetes rely on.

Every test here also promises, through `process.program` and `process.run`: no traceback on stderr, ever, and
status 0 at the end of a sidecar that was asked to stop.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sidecar import clock
from sidecar.variables import VARIABLES
from tests.program.process import READY, Program, discovery, program, run
from tests.program.wire import Client, accepts, ask, client, pods, request, until
from tests.proxy.pods import Call, Pod, answer_ok, hang, read_answer

KEY = "a-key-nobody-may-see"


class Held:
    """A script that holds every request until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        await self.go.wait()
        await call.answer(body=b"finished")


@contextlib.asynccontextmanager
async def in_flight(pod: Pod, address: str, raw: bytes = request("/x")) -> AsyncIterator[Client]:
    """A client whose request has reached the pod."""
    async with client(address) as made:
        pod.asked.clear()
        made.writer.write(raw)
        await asyncio.wait_for(pod.asked.wait(), 10)
        yield made


@contextlib.asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The address of a server that does not speak HTTP."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def refuses_connections(sidecar: Program) -> None:
    """Until draining has reached the kernel."""

    async def closed() -> bool:
        return not (await accepts(sidecar.outbound) or await accepts(sidecar.inbound))

    await until(closed, "a draining sidecar accepts no new connections")


def written(directory: Path) -> str:
    """A discovery file, as EQUILIBRIUM_DISCOVERY names it."""
    path = directory / "discovery.json"
    path.write_text(json.dumps(discovery("127.0.0.1:9")))
    return f"file:{path}"


# -- starting


async def test_the_ready_line_names_the_ports_the_kernel_picked(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        assert READY.fullmatch(sidecar.stderr.rstrip("\n")), "one plain line, and nothing else"
        addresses = {sidecar.outbound, sidecar.inbound, sidecar.admin}
        assert len(addresses) == 3, "port 0 picks a port for each"
        assert all(not address.endswith(":0") for address in addresses)
        for address in addresses:
            assert await accepts(address), f"{address} is in the ready line, so somebody listens there"


async def test_a_request_gets_through_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    async with pods(answer_ok) as (pod,), program(tmp_path, discovery(pod.address)) as sidecar:
        assert (await ask(sidecar.outbound, request("/x"))).body == b"ok"


@pytest.mark.parametrize("listener", ["OUTBOUND", "INBOUND", "ADMIN"])
def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path, listener: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run(**{listener: address, "DISCOVERY": written(tmp_path)})
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert listener.lower() in line, "it names the listener"
    assert address in line, "it names the address"
    assert "in use" in line, "it says why"
    assert not ended.stdout


def test_an_address_of_another_machine_is_said_in_one_line(tmp_path: Path) -> None:
    ended = run(OUTBOUND="192.0.2.1:0", DISCOVERY=written(tmp_path))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "192.0.2.1" in ended.stderr


def test_all_mistakes_are_reported_at_once() -> None:
    ended = run(
        OUTBOUND="here",
        STRATEGY="greedy",
        DRAIN_S="soon",
        TIMEOUTS="connect=1,first-bite=2s",
        MESH_KEY=f" {KEY}",
        MESH_KYE=KEY,
    )
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    for name in ("OUTBOUND", "STRATEGY", "DRAIN_S", "TIMEOUTS", "MESH_KEY=", "MESH_KYE"):
        assert any(f"EQUILIBRIUM_{name}" in line for line in lines), f"{name} is wrong, and is not mentioned"
    assert len([line for line in lines if "EQUILIBRIUM_TIMEOUTS" in line]) == 2, "both of its mistakes"
    assert all(line.startswith("equilibrium-sidecar: EQUILIBRIUM_") for line in lines), "one mistake a line"
    assert KEY not in ended.stderr + ended.stdout, "the mesh key is never printed, mistyped name or not"


@pytest.mark.parametrize("path", ["/nowhere/access.log", "/proc/access.log"])
def test_an_access_log_that_cannot_be_opened_is_a_configuration_mistake(path: str) -> None:
    ended = run(ACCESS_LOG=path, DISCOVERY="file:/dev/null")
    assert ended.returncode == 2
    assert "EQUILIBRIUM_ACCESS_LOG" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_variable(flag: str) -> None:
    ended = run(flag, STRATEGY="wrong, but help is help")
    assert ended.returncode == 0
    assert not ended.stderr
    for variable in VARIABLES:
        assert f"{variable.name} (default: {variable.default or 'unset'})" in ended.stdout


@pytest.mark.parametrize("arguments", [["--port=1"], ["--help", "me"], [""]])
def test_an_argument_is_refused_with_a_hint(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.returncode != 0
    (line,) = ended.stderr.splitlines()
    assert repr(arguments[0]) in line
    assert "--help" in line


# -- ending


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_sidecar_ends_long_before_its_drain_time(tmp_path: Path, number: int) -> None:
    async with program(tmp_path, discovery(), DRAIN_S="3600") as sidecar:
        sidecar.signal(number)
        assert await sidecar.exit_status() == 0


@pytest.mark.parametrize("listener", ["outbound", "inbound"])
async def test_a_request_under_way_is_finished_and_its_connection_closed(
    tmp_path: Path, listener: str
) -> None:
    held = Held()
    async with (
        pods(held) as (pod,),
        program(tmp_path, discovery(pod.address), APP=pod.address, DRAIN_S="3600") as sidecar,
        in_flight(pod, getattr(sidecar, listener)) as waiting,
    ):
        sidecar.terminate()
        await refuses_connections(sidecar)
        held.go.set()
        answer = await read_answer(waiting.reader)
        assert (answer.status, answer.body) == (200, b"finished")
        assert answer.field(b"Connection") == b"close", "the client is told not to come back"
        assert await waiting.reader.read() == b"", "and the connection ends in order"
        assert await sidecar.exit_status() == 0


async def test_an_upload_under_way_is_finished(tmp_path: Path) -> None:
    async with (
        pods(answer_ok) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="3600") as sidecar,
        client(sidecar.outbound) as uploading,
    ):
        raw = request("/x", "POST", b"0123456789")
        uploading.writer.write(raw[:-5])
        await until(lambda: pod.connections, "the head of an upload goes on at once")
        sidecar.terminate()
        await refuses_connections(sidecar)
        uploading.writer.write(raw[-5:])
        answer = await read_answer(uploading.reader)
        assert (answer.status, answer.body) == (200, b"ok")
        assert pod.calls[0].body == b"0123456789"
        assert await sidecar.exit_status() == 0


async def test_a_hung_request_is_given_the_drain_time_and_no_more(tmp_path: Path) -> None:
    async with (
        pods(hang) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="0.5") as sidecar,
        in_flight(pod, sidecar.outbound) as waiting,
    ):
        told = clock.now()
        sidecar.terminate()
        assert await sidecar.exit_status() == 0
        assert clock.now() - told >= 0.5, "a request has the whole drain time"
        assert (await read_answer(waiting.reader)).status == 0, "nobody answered it: no answer is made up"


async def test_a_tunnel_does_not_outlive_the_drain_time(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(64):
                writer.write(data)
        writer.transport.abort()

    async with (
        listening(echo) as address,
        program(tmp_path, discovery(address), DRAIN_S="0.2") as sidecar,
        client(sidecar.outbound) as tunnel,
    ):
        tunnel.writer.write(request("bus-service:8080", "CONNECT", host="bus-service:8080"))
        assert (await tunnel.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        tunnel.writer.write(b"hello")
        assert await tunnel.reader.readexactly(5) == b"hello"
        sidecar.terminate()
        assert await sidecar.exit_status() == 0


async def test_no_drain_time_ends_it_at_once(tmp_path: Path) -> None:
    async with (
        pods(hang) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="0") as sidecar,
        in_flight(pod, sidecar.outbound),
    ):
        sidecar.terminate()
        assert await sidecar.exit_status() == 0


async def test_idle_connections_are_closed_at_once(tmp_path: Path) -> None:
    held = Held()
    async with (
        pods(held) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="3600") as sidecar,
        in_flight(pod, sidecar.outbound) as waiting,
        client(sidecar.outbound) as silent,
        client(sidecar.outbound) as between_requests,
        client(sidecar.outbound) as half_a_head,
    ):
        assert (await between_requests.ask(request("/x", host="nobody"))).status == 502
        half_a_head.writer.write(b"GET / HT")
        sidecar.terminate()
        for idle in (silent, between_requests, half_a_head):
            assert await asyncio.wait_for(idle.reader.read(), 10) == b"", "nothing is asked of it: closed"
        assert sidecar.status is None, "the busy one is still waited for"
        held.go.set()
        assert (await read_answer(waiting.reader)).status == 200
        assert await sidecar.exit_status() == 0


async def test_being_told_twice_changes_nothing(tmp_path: Path) -> None:
    held = Held()
    async with (
        pods(held) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="3600") as sidecar,
        in_flight(pod, sidecar.outbound) as waiting,
    ):
        for _ in range(3):
            sidecar.terminate()
            await refuses_connections(sidecar)
        held.go.set()
        assert (await read_answer(waiting.reader)).body == b"finished", "the drain goes on as it began"
        assert await sidecar.exit_status() == 0


async def test_metrics_and_health_can_be_read_while_draining(tmp_path: Path) -> None:
    async with (
        pods(hang) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="2") as sidecar,
        in_flight(pod, sidecar.outbound),
    ):
        sidecar.terminate()
        await refuses_connections(sidecar)
        assert (await ask(sidecar.admin, request("/livez"))).status == 200
        assert (await ask(sidecar.admin, request("/metrics"))).status == 200
        ready = await ask(sidecar.admin, request("/readyz"))
        assert (ready.status, ready.body) == (503, b"draining\n")


async def test_quitquitquit_answers_and_ends_it(tmp_path: Path) -> None:
    async with program(tmp_path, discovery()) as sidecar:
        assert (await ask(sidecar.admin, request("/quitquitquit"))).status == 405, "a GET changes nothing"
        assert (await ask(sidecar.admin, request("/quitquitquit", "POST"))).status == 200
        assert await sidecar.exit_status() == 0


async def test_quitquitquit_drains_first(tmp_path: Path) -> None:
    held = Held()
    async with (
        pods(held) as (pod,),
        program(tmp_path, discovery(pod.address), DRAIN_S="3600") as sidecar,
        in_flight(pod, sidecar.outbound) as waiting,
    ):
        assert (await ask(sidecar.admin, request("/quitquitquit", "POST"))).status == 200
        await refuses_connections(sidecar)
        held.go.set()
        assert (await read_answer(waiting.reader)).body == b"finished"
        assert await sidecar.exit_status() == 0


async def test_drain_stops_traffic_but_not_the_process(tmp_path: Path) -> None:
    held = Held()
    async with (
        pods(held) as (pod,),
        program(tmp_path, discovery(pod.address)) as sidecar,
        in_flight(pod, sidecar.outbound) as waiting,
    ):
        for _ in range(2):  # asking twice is asking once
            assert (await ask(sidecar.admin, request("/drain", "POST"))).status == 200
        assert (await ask(sidecar.admin, request("/readyz"))).status == 503, "no new traffic, please"
        assert (await ask(sidecar.admin, request("/livez"))).status == 200, "and no restart either"
        await refuses_connections(sidecar)
        held.go.set()
        assert (await read_answer(waiting.reader)).field(b"Connection") == b"close"
        assert sidecar.status is None


async def test_a_sigterm_right_behind_the_ready_line_is_a_drain_too(tmp_path: Path) -> None:
    written(tmp_path)
    for _ in range(4):
        sidecar = Program(tmp_path, {}, None)
        try:
            while not READY.search(sidecar.stderr):  # without a pause: the moment is what is tested
                assert sidecar.status is None, sidecar.stderr
            sidecar.terminate()
            assert await sidecar.exit_status() == 0, "whoever saw the ready line may send SIGTERM"
        finally:
            sidecar.end()


@pytest.mark.slow
async def test_an_access_log_nobody_reads_does_not_keep_it_alive(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    try:
        async with (
            pods(answer_ok) as (pod,),
            program(tmp_path, discovery(pod.address), stdout=write_end, ACCESS_LOG="-") as sidecar,
            client(sidecar.outbound) as asking,
        ):
            for _ in range(400):  # some 300 bytes each: more than a pipe takes
                assert (await asking.ask(request("/x"))).status == 200, "a stuck reader costs no request"
            sidecar.terminate()
            assert await sidecar.exit_status() == 0
    finally:
        os.close(read_end)
        os.close(write_end)
