"""The pods as others run them: processes, a shared database, addresses of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from loadtest import processes
from loadtest.urbanmove import fleet, ledger, people
from tests.support import urbanmove

READY_S = 60.0
PATIENCE_S = 60.0
HELP = 2


@dataclass(frozen=True, slots=True)
class Process:
    child: processes.Child
    listen: str
    control: str


async def _start(children: processes.Children, role: str, ip: str, port: int, *more: str) -> Process:
    argv = [sys.executable, "-m", "loadtest.urbanmove", role, "--listen", f"{ip}:{port}", "--control", f"{ip}:0",
            "--pod", f"{role}-{ip}", *more]  # fmt: skip
    child = children.start(f"{role}-{ip}", argv)
    async with asyncio.timeout(READY_S):
        while "ready" not in child.last_words():
            assert child.running, child.last_words()
            await asyncio.sleep(0.02)
    first, _, control = child.last_words().splitlines()[-1].partition(" control=")
    said, _, listen = first.partition(" listen=")
    assert said == f"urbanmove {role} ready"
    return Process(child, listen, control)


async def _exit(process: Process) -> int | None:
    async with asyncio.timeout(PATIENCE_S):
        while process.child.running:
            await asyncio.sleep(0.02)
    return process.child.process.returncode


@pytest.fixture
def children(tmp_path: Path) -> Any:
    with processes.Children(tmp_path) as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as opened:
        yield opened


async def test_sigterm_answers_what_runs_closes_what_is_idle_and_exits_0(
    children: processes.Children, session: aiohttp.ClientSession
) -> None:
    bus = await _start(children, "bus", f"{processes.loopback_net()}.1", 8080)
    async with session.get(f"http://{bus.listen}/api/buses") as reply:
        assert reply.headers.get("Connection", "") != "close"
    await session.put(f"http://{bus.control}/faults", data='{"latency_ms": 2000}')
    waiting = asyncio.get_running_loop().create_task(_fetch(session, f"http://{bus.listen}/api/buses"))
    await _counted(session, bus, 2)
    os.kill(bus.child.pid, signal.SIGTERM)
    status, headers = await waiting
    assert (status, headers["Connection"]) == (200, "close")
    assert await _exit(bus) == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(f"http://{bus.listen}/api/buses")


async def _fetch(session: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
    async with session.get(url) as reply:
        await reply.read()
        return reply.status, reply.headers


async def _counted(session: aiohttp.ClientSession, process: Process, least: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with session.get(f"http://{process.control}/stats") as reply:
                if (await reply.json())["requests"] >= least:
                    return
            await asyncio.sleep(0.01)


async def test_a_payment_that_runs_is_finished_before_the_pod_ends(
    children: processes.Children, session: aiohttp.ClientSession
) -> None:
    net = processes.loopback_net()
    more = ("--pay-s", "2", "--hosts", str(urbanmove.hosts_file(children.directory, {})))
    tickets = await _start(children, "ticket", f"{net}.1", 8080, *more)
    url = f"http://{tickets.listen}/api/v1/tickets"
    order = {"userId": str(uuid.uuid4()), "trajetId": 1, "quantity": 1}
    async with session.post(url, json=order, headers={"Idempotency-Key": "a"}) as reply:
        assert reply.status == 201, "a service without an address must not stop reservations"
        identity = (await reply.json())["id"]
    paying = asyncio.get_running_loop().create_task(_pay(session, f"{url}/{identity}/pay"))
    await _counted(session, tickets, 2)
    os.kill(tickets.child.pid, signal.SIGTERM)
    assert await paying == 200
    assert await _exit(tickets) == 0


async def _pay(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(url, json={"paymentMethod": "CARD"}, headers={"Idempotency-Key": "b"}) as reply:
        return reply.status


async def test_a_crash_answers_nobody(children: processes.Children, session: aiohttp.ClientSession) -> None:
    bus = await _start(children, "bus", f"{processes.loopback_net()}.1", 8080)
    with pytest.raises(aiohttp.ClientError):
        await session.post(f"http://{bus.control}/crash")
    assert await _exit(bus) == 137


async def test_replicas_share_their_database(
    children: processes.Children, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    net, shared = processes.loopback_net(), ("--database", str(tmp_path / "user.db"))
    one, two = await asyncio.gather(
        _start(children, "user", f"{net}.1", 8081, *shared),
        _start(children, "user", f"{net}.2", 8081, *shared),
    )
    newcomer = {"email": "n@x.ma", "password": "long enough", "firstName": "N", "lastName": "C"}
    async with session.post(f"http://{one.listen}/api/auth/register", json=newcomer) as reply:
        assert reply.status == 201
        token = (await reply.json())["accessToken"]
    async with session.get(
        f"http://{two.listen}/api/users/me", headers={"Authorization": f"Bearer {token}"}
    ) as reply:
        assert (reply.status, reply.headers["X-Pod"]) == (200, f"user-{net}.2")
        assert (await reply.json())["id"] == 202
    one.child.kill()
    async with session.post(f"http://{two.listen}/api/auth/login", json=newcomer) as reply:
        assert reply.status == 200, "a killed replica must not leave the database locked"


def test_replicas_started_at_once_seed_the_database_once(tmp_path: Path) -> None:
    stores = [(people.People(tmp_path / "db"), fleet.Fleet(tmp_path / "db"), ledger.Ledger(tmp_path / "db"))
              for _ in range(3)]  # fmt: skip
    for known, buses, _ in stores:
        assert len(known.all()) == 201
        assert len(buses.all()) == 20
    for trio in stores:
        for each in trio:
            each.close()


@pytest.mark.parametrize(
    "argv",
    [
        ["plane", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"],
        ["bus", "--listen", "127.0.0.1:0"],
        ["bus", "--listen", "here", "--control", "127.0.0.1:0"],
        ["bus", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--pay-s", "-1"],
        [
            "bus",
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
            "--proxy",
            "127.0.0.1:1",
            "--hosts",
            "x",
        ],
    ],
)
def test_a_mistake_on_the_command_line_exits_2(argv: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.urbanmove", *argv], check=False, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (HELP, b"")


@pytest.mark.parametrize(
    "more", [["--listen", "198.51.100.1:1"], ["--listen", "127.0.0.1:0", "--database", "/nowhere/bus.db"]]
)
def test_a_pod_that_cannot_serve_exits_3_and_says_why(more: list[str]) -> None:
    argv = [sys.executable, "-m", "loadtest.urbanmove", "bus", "--control", "127.0.0.1:0", *more]
    done = subprocess.run(argv, check=False, capture_output=True, timeout=120)
    assert done.returncode == 3
    assert done.stderr.startswith(b"urbanmove bus: ")
    assert b"Traceback" not in done.stderr
