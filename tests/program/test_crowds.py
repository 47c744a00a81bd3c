"""Thousands of connections that say nothing, or too little, cost little memory and nobody else's time."""

import asyncio
import itertools
import resource
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.program.process import Program, discovery, program
from tests.program.wire import ask, client, pods, request, scrape, split, until
from tests.proxy.pods import answer_ok, read_answer

IDLE = 10_000
SLOW = 2_000
OTHERS = 500
"""Descriptors for everything else."""
SOURCES = [f"127.0.0.{n}" for n in range(1, 5)]
ROUNDS = 5
ORDINARY = 200
MOST_KB_EACH = 20.0
PATIENCE_S = 60.0
AT_ONCE = 250
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close() resets, and leaves no port in TIME_WAIT."""


@contextmanager
def descriptors() -> Iterator[int]:
    """As many as we may have; the sidecar takes as many itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def sizes(most: int) -> tuple[int, int]:
    """Idle and slow connections: fewer, in proportion, where the limit is low."""
    fit = most - OTHERS
    if most == resource.RLIM_INFINITY or fit >= IDLE + SLOW:
        return IDLE, SLOW
    slow = max(fit, 12) * SLOW // (IDLE + SLOW)
    idle = max(fit, 12) - slow
    print(f"RLIMIT_NOFILE is {most}: only {idle:,} idle and {slow:,} slow connections")
    return idle, slow


async def crowd(stack: ExitStack, address: str, count: int) -> list[socket.socket]:
    """Connections, from several addresses."""
    loop = asyncio.get_running_loop()
    sources = itertools.cycle(SOURCES)

    async def one() -> socket.socket:
        end = stack.enter_context(socket.socket())
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.bind((next(sources), 0))
        await loop.sock_connect(end, split(address))
        return end

    made: list[socket.socket] = []
    while len(made) < count:
        made += await asyncio.gather(*(one() for _ in range(min(AT_ONCE, count - len(made)))))
    return made


async def connections(sidecar: Program) -> float:
    """As Prometheus sees them; asking is none of them."""
    return (await scrape(sidecar.admin)).total("equilibrium_connections", listener="outbound")


async def settled_at(sidecar: Program, count: int) -> None:
    """Wait until it has accepted, or noticed the end of, all but so many."""

    async def counted() -> bool:
        return await connections(sidecar) == count

    await until(counted, f"equilibrium_connections becomes {count}", PATIENCE_S)


def say(crowd_: Sequence[socket.socket], head: bytes, at: int) -> None:
    """One more byte each."""
    for end in crowd_:
        end.send(head[at : at + 1])


async def served(sidecar: Program, count: int) -> list[int]:
    """Statuses of ordinary requests: half of them on one connection, half on new ones."""
    async with client(sidecar.outbound) as made:
        kept = [(await made.ask(request("/x"))).status for _ in range(count // 2)]
    return kept + [(await ask(sidecar.outbound, request("/x"))).status for _ in range(count - len(kept))]


async def finish(end: socket.socket, rest: bytes) -> int:
    """A slow client sends the rest after all; the status it gets."""
    reader, writer = await asyncio.open_connection(sock=end)
    try:
        writer.write(rest)
        return (await read_answer(reader)).status
    finally:
        writer.transport.abort()


@pytest.mark.slow
async def test_a_crowd_of_idle_and_slow_clients_is_cheap_and_delays_nobody(tmp_path: Path) -> None:
    head = request("/slow")
    with descriptors() as most, ExitStack() as stack:
        idle_count, slow_count = sizes(most)
        async with (
            pods(answer_ok) as (pod,),
            program(tmp_path, discovery(pod.address), TIMEOUTS="first-byte=10m,idle=10m") as sidecar,
        ):
            assert set(await served(sidecar, 20)) == {200}
            await settled_at(sidecar, 0)
            before = sidecar.memory_kb()
            await crowd(stack, sidecar.outbound, idle_count)
            await settled_at(sidecar, idle_count)
            idle_kb = (sidecar.memory_kb() - before) / idle_count
            slow = await crowd(stack, sidecar.outbound, slow_count)
            statuses: list[int] = []
            for at in range(ROUNDS):
                say(slow, head, at)
                async with asyncio.TaskGroup() as both:
                    asked = both.create_task(served(sidecar, ORDINARY // ROUNDS))
                    both.create_task(asyncio.sleep(1.0))
                statuses += asked.result()
            await settled_at(sidecar, idle_count + slow_count)
            slow_kb = (sidecar.memory_kb() - before - idle_kb * idle_count) / slow_count
            print(f"{idle_kb:.2f} KB per idle connection, {slow_kb:.2f} KB per slow one")
            assert statuses == [200] * ORDINARY, "everybody else is served meanwhile"
            assert idle_kb < MOST_KB_EACH
            assert slow_kb < MOST_KB_EACH
            patient = [await finish(end.dup(), head[ROUNDS:]) for end in slow[:50]]
            assert patient == [200] * len(patient), "who was slow is served as well"
            stack.close()
            await settled_at(sidecar, 0)
            after = await scrape(sidecar.admin)
            assert after.total("equilibrium_in_flight") == 0
            open_files = sidecar.open_files()
            assert open_files < OTHERS, "their descriptors are given back"
            print(f"resident: {before} KiB before, {sidecar.memory_kb()} KiB after they left")
            assert set(await served(sidecar, 20)) == {200}
