"""Scripted pods and a whole data path in one process: real sockets, a script instead of an application."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sidecar import clock
from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged
from sidecar.policy.gate import Gate
from sidecar.policy.router import Router
from sidecar.policy.strategies import STRATEGIES
from sidecar.proxy.inbound import Inbound
from sidecar.proxy.limits import Limits, Timeouts
from sidecar.proxy.listener import Identity, Listener, Surroundings
from sidecar.proxy.outbound import Outbound
from sidecar.proxy.resolve import Resolver
from sidecar.proxy.wheel import Wheel

Script = Callable[["Call"], Awaitable[None]]
PATIENCE_S = 10.0


@dataclass
class Call:
    """One request a pod received, and how to answer it."""

    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    """Counts from 1 on its connection."""

    @property
    def method(self) -> bytes:
        return self.head.partition(b" ")[0]

    def field(self, name: bytes) -> bytes | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def answer(self, status: bytes = b"200 OK", body: bytes = b"ok", fields: bytes = b"") -> None:
        self.writer.write(
            b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), fields, body)
        )
        await self.writer.drain()


async def answer_ok(call: Call) -> None:
    """The healthy pod."""
    await call.answer()


def status(line: bytes, fields: bytes = b"") -> Script:
    """A pod that always answers this."""

    async def script(call: Call) -> None:
        await call.answer(line, b"no", fields)

    return script


async def reset(call: Call) -> None:
    """A pod that reads the request and drops the connection."""
    call.writer.transport.abort()


async def hang(call: Call) -> None:
    """A pod that never answers."""
    await asyncio.Event().wait()


@dataclass
class Pod:
    """A listening address and what was asked there."""

    script: Script = answer_ok
    calls: list[Call] = field(default_factory=list)
    address: str = ""
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    server: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> "Pod":
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"
        return self

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(writer)
            self.gone.set()
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in itertools.count(1):
            head = await reader.readuntil(b"\r\n\r\n")
            call = Call(head, b"", reader, writer, number)
            length = call.field(b"Content-Length")
            if length is not None:
                call.body = await reader.readexactly(int(length))
            self.calls.append(call)
            self.asked.set()
            script = asyncio.ensure_future(self.script(call))  # noqa: TID251 (awaited below)
            closed = asyncio.ensure_future(_closed(reader))  # noqa: TID251
            try:
                await asyncio.wait({script, closed}, return_when=asyncio.FIRST_COMPLETED)
                if not script.done():
                    return
                await script
            finally:
                for task in (script, closed):
                    task.cancel()

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in self.open:
            writer.transport.abort()


async def _closed(reader: asyncio.StreamReader) -> None:
    """Until the other side closes, without reading what it may send."""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.005)


@dataclass
class Path:
    """A client's view of the data path."""

    outbound: Outbound
    inbound: Inbound
    catalog: Catalog
    pods: list[Pod]
    wheel: Wheel
    originals: dict[str, str]
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(
        self, listener: Listener | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*(listener or self.outbound).address, limit=1 << 22)
        self.clients.append(writer)
        return reader, writer

    async def ask(self, raw: bytes, listener: Listener | None = None) -> "Answer":
        """Send one message on a connection of its own, read one response."""
        reader, writer = await self.connect(listener)
        try:
            writer.write(raw)
            return await read_answer(reader, raw.partition(b" ")[0])
        finally:
            writer.transport.abort()

    def know(self, address: str) -> None:
        """Connections arrive as if iptables had redirected them from this endpoint of `db`."""
        self.originals["*"] = address
        self.catalog.apply(EndpointsChanged("db", 5432, (Endpoint(address),)), clock.now())

    def calls(self) -> list[int]:
        return [len(pod.calls) for pod in self.pods]

    async def settled(self) -> None:
        """Until nothing is in flight; fails loudly if that never comes."""
        async with asyncio.timeout(PATIENCE_S):
            while self.outbound.stats.in_flight or self.inbound.stats.in_flight:
                await asyncio.sleep(0.005)

    def outcomes(self) -> dict[str, int]:
        stats = self.outbound.stats.endpoints.values()
        return {name: sum(getattr(s, name) for s in stats) for name in ("succeeded", "failed", "abandoned")}


@dataclass
class Answer:
    status: int
    head: bytes
    body: bytes
    interim: list[int]
    eof: bool = False

    def field(self, name: bytes) -> bytes | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                return value.strip()
        return None


async def read_answer(reader: asyncio.StreamReader, method: bytes = b"GET") -> Answer:
    """One response, interim ones noted; status 0 when the connection closed without one."""
    interim: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                return Answer(0, b"", error.partial, interim, True)
            except ConnectionError:
                return Answer(0, b"", b"", interim, True)
            status_code = int(head.split(b" ", 2)[1])
            if status_code >= 200 or status_code == 101:
                break
            interim.append(status_code)
        answer = Answer(status_code, head, b"", interim)
        if method != b"HEAD" and status_code not in (101, 204, 304):
            await _read_body(reader, answer)
        return answer


async def _read_body(reader: asyncio.StreamReader, answer: Answer) -> None:
    try:
        if answer.field(b"Transfer-Encoding"):
            while size := int(await reader.readuntil(b"\r\n"), 16):
                answer.body += (await reader.readexactly(size + 2))[:-2]
            await reader.readuntil(b"\r\n")
        elif (length := answer.field(b"Content-Length")) is not None:
            answer.body = await reader.readexactly(int(length))
        else:
            answer.body = await reader.read()
            answer.eof = True
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        answer.body += getattr(error, "partial", b"")
        answer.eof = True


GET = b"GET /x HTTP/1.1\r\nHost: bus-service\r\n\r\n"


def post(body: bytes, fields: bytes = b"") -> bytes:
    return b"POST /x HTTP/1.1\r\nHost: bus-service\r\n%bContent-Length: %d\r\n\r\n%b" % (
        fields,
        len(body),
        body,
    )


def in_turn() -> Router:
    """Round robin: tests of the path say which pod is asked when; tests of the policy are elsewhere."""
    return Router(STRATEGIES["none"])


@asynccontextmanager
async def path(
    *scripts: Script | None,
    timeouts: Timeouts | None = None,
    limits: Limits | None = None,
    mesh_key: bytes | None = None,
    passthrough: bool = False,
    callers: tuple[Caller, ...] = (),
    concurrency: int = 10,
    gate: Gate | None = None,
) -> AsyncIterator[Path]:
    """A data path to one pod a script; None: an address where nobody listens. Inbound's app is the first pod.

    On the way out nothing may be left behind: that is checked after every test.
    """
    loop = asyncio.get_running_loop()
    pods = [await Pod(script or answer_ok).start() for script in scripts]
    for pod, script in zip(pods, scripts, strict=True):
        if script is None:
            await pod.stop()
    wheel = Wheel(loop, 0.01)
    wheel.start()
    catalog = Catalog("default", in_turn)
    endpoints = tuple(Endpoint(pod.address, f"bus-{i}") for i, pod in enumerate(pods))
    catalog.apply(EndpointsChanged("bus-service", 8080, endpoints), clock.now())
    catalog.apply(CallersChanged(callers), clock.now())
    originals: dict[str, str] = {}
    around = Surroundings(
        loop,
        wheel,
        catalog,
        Identity("default/me", "cafe", mesh_key),
        timeouts or Timeouts(),
        limits or Limits(),
        original_of=lambda _: originals.get("*"),
    )
    inbound = Inbound(around, pods[0].address if pods else "127.0.0.1:9", concurrency, gate)
    resolver = Resolver(catalog, passthrough=passthrough, seek=None, own_ports=lambda: {outbound.address[1]})
    outbound = Outbound(around, resolver, inbound.congestion)
    await outbound.start("127.0.0.1", 0)
    await inbound.start("127.0.0.1", 0)
    made = Path(outbound, inbound, catalog, pods, wheel, originals)
    try:
        yield made
        for writer in made.clients:
            writer.transport.abort()
        await made.settled()
    finally:
        for listener in (outbound, inbound):
            listener.drain()
            listener.abort()
        resolver.close()
        for pod in pods:
            await pod.stop()
        await asyncio.sleep(0.02)
        wheel.stop()
    assert_nothing_left(made)


def assert_nothing_left(made: Path) -> None:
    """Every ticket settled, every slot and connection given back."""
    for listener in (made.outbound, made.inbound):
        assert listener.stats.in_flight == 0, f"{listener.name}: exchanges never ended"
        assert not listener.connections, f"{listener.name}: client connections left: {listener.connections}"
        for pool in listener.pools:
            assert pool.active == 0, f"slots not given back: {pool}"
            assert not pool.pending, f"requests still waiting: {pool}"
            assert not pool.dialing, f"requests still dialing: {pool}"
    door = made.inbound.door
    if door is not None:
        admission = door.gate.admission
        assert (admission.in_flight, admission.queued) == (0, 0), "places at the door not given back"
        assert not door.waiting, "requests still at the door"
    for service in made.catalog.services.values():
        in_flight = service.router.snapshot(0.0)["in_flight"]
        assert not any(in_flight.values()), f"tickets never settled: {in_flight}"
        assert not service.policy_failures, "policy raised"
