"""A network that can be cut: bytes between one process and the API server, held back while it is, late afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """`to_server`, `from_server`: which way bytes get through. What is held comes late, as TCP has it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.to_server, self.from_server = asyncio.Event(), asyncio.Event()
        self.heal()
        self._running: set[asyncio.Task[None]] = set()

    def cut(self, *, to_server: bool = True, from_server: bool = True) -> None:
        for way, gone in ((self.to_server, to_server), (self.from_server, from_server)):
            if gone:
                way.clear()

    def heal(self) -> None:
        self.to_server.set()
        self.from_server.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.to_server.wait()
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, far_writer, self.to_server))
            group.create_task(_copy(far_reader, writer, self.from_server))

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with suppress(OSError, ExceptionGroup, asyncio.CancelledError):
                await self.serve(reader, writer)
        finally:
            self._running.discard(task)
            writer.close()

    def close(self) -> None:
        for task in self._running:
            task.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
    try:
        while part := await reader.read(65536):
            await way.wait()
            writer.write(part)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[tuple[Relay, int]]:
    """And the port it listens on."""
    made = Relay(port)
    server = await asyncio.start_server(made, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        made.close()
        await server.wait_closed()
