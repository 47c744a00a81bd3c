"""Real traffic that is not HTTP, through both sidecars: carried untouched, counted, ended as its ends end it."""

import asyncio
import contextlib
import datetime as dt
import hashlib
import ipaddress
import random
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.interception.mesh import SNIFF_S, Sidecar, meshed
from tests.program.wire import until
from tests.support.netns import PATIENCE_S, Node

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
KAFKA = b"\x00\x00\x00\x17\x00\x12\x00\x00\x00\x00\x00\x01\x00\x0dkafka-console"
BYTES = 3_000_000
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def rubbish(seed: int, count: int = BYTES) -> bytes:
    return random.Random(seed).randbytes(count)


class Database:
    """Answers a first message, takes a load of bytes, answers with as many others; or greets before all that."""

    def __init__(self, first: bytes, greeting: bytes = b"") -> None:
        self._first, self._greeting = first, greeting
        self.taken = hashlib.sha256()
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(self._greeting)
            assert await reader.readexactly(len(self._first)) == self._first
            writer.write(b"N")
            while data := await reader.read(65536):
                self.taken.update(data)
            writer.write(rubbish(2))
            await writer.drain()
        writer.close()
        self.ended.set()


async def converse(streams: Streams, first: bytes, greeting: bytes = b"") -> bytes:
    """The client's part; its end comes as half a close. What the server sent after that."""
    reader, writer = streams
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readexactly(len(greeting)) == greeting
        writer.write(first)
        assert await reader.readexactly(1) == b"N"
        writer.write(rubbish(1))
        writer.write_eof()
        got = await reader.read(-1)
    writer.close()
    return got


async def counted(sidecar: Sidecar, listener: str, direction: str) -> float:
    return await sidecar.total("equilibrium_tunnel_bytes_total", listener=listener, direction=direction)


@pytest.mark.parametrize(
    ("port", "first", "greeting", "protocol"),
    [
        (5433, SSL_REQUEST, b"", "opaque"),
        (9092, KAFKA, b"", "opaque"),
        (2222, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"", "opaque"),
        (5432, SSL_REQUEST, b"", "opaque-port"),
        (3306, b"\x20login", b"\x4a\x00\x00\x00\x0a8.0.36", "opaque-port"),
        (2525, b"EHLO me\r\n", b"220 mail ready\r\n", "silent"),
    ],
    ids=[
        "postgres",
        "kafka",
        "ssh",
        "postgres by its port",
        "mysql speaks first",
        "smtp speaks first, port unknown",
    ],
)
async def test_every_byte_arrives_both_ways_and_is_counted(
    node: Node, tmp_path: Path, port: int, first: bytes, greeting: bytes, protocol: str
) -> None:
    here, there = node.pod(), node.pod()
    server = Database(first, greeting)
    async with (
        meshed(here, tmp_path / "a") as a,
        meshed(there, tmp_path / "b") as b,
        there.serving(there.ip, port, server),
    ):
        got = await converse(await here.connect(there.ip, port), first, greeting)
        await server.ended.wait()
        assert server.taken.digest() == hashlib.sha256(rubbish(1)).digest()
        assert hashlib.sha256(got).digest() == hashlib.sha256(rubbish(2)).digest()
        for sidecar, listener in ((a, "outbound"), (b, "inbound")):
            await until(lambda s=sidecar: _quiet(s), "both ends gone, nothing is left of the pipe")
            assert await counted(sidecar, listener, "sent") == len(first) + BYTES
            assert await counted(sidecar, listener, "received") == len(greeting) + 1 + BYTES
            assert (
                await sidecar.total("equilibrium_redirected_total", listener=listener, protocol=protocol) == 1
            )
            assert await sidecar.total("equilibrium_tunnels_total", listener=listener) == 1


async def _quiet(sidecar: Sidecar) -> bool:
    scrape = await sidecar.scrape()
    return scrape.total("equilibrium_tunnels_open") == scrape.total("equilibrium_in_flight") == 0


async def test_an_opaque_port_is_connected_before_anybody_says_a_word(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    arrived = asyncio.Event()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()
        writer.close()

    settings = {"OPAQUE_PORTS": "7001-7003", "TIMEOUTS": "sniff=none"}
    async with (
        meshed(here, tmp_path / "a", **settings) as a,
        meshed(there, tmp_path / "b", **settings),
        there.serving(there.ip, 7002, listens),
    ):
        _, writer = await here.connect(there.ip, 7002)
        await asyncio.wait_for(arrived.wait(), PATIENCE_S)
        assert await a.total("equilibrium_tunnels_open", listener="outbound") == 1
        writer.close()


async def test_a_database_that_a_service_fronts_is_reached_where_it_was_dialled(
    node: Node, tmp_path: Path
) -> None:
    """Opaque bytes are not spread over a service's pods: a primary and a replica are not the same."""
    here, there, third = node.pod(), node.pod(), node.pod()
    node.cluster_ip("10.96.0.5", 5432, f"{third.ip}:5432")
    endpoints = [f"{there.ip}:5432", f"{third.ip}:5432"]
    document = {"services": [{"host": "db", "port": 5432, "endpoints": endpoints}]}

    def named(name: bytes) -> Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(name)
            writer.close()

        return serve

    async with (
        meshed(here, tmp_path / "a", document),
        there.serving(there.ip, 5432, named(b"there")),
        third.serving(third.ip, 5432, named(b"third")),
    ):
        for host, name in ((there.ip, b"there"), (third.ip, b"third"), ("10.96.0.5", b"third")):
            for _ in range(3):
                reader, writer = await here.connect(host, 5432)
                assert await asyncio.wait_for(reader.read(), PATIENCE_S) == name
                writer.close()


async def test_a_server_that_says_its_word_and_hangs_up_is_heard(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()

    async def daytime(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Sat Nov 21 2026\r\n")
        writer.close()

    async with (
        meshed(here, tmp_path / "a", OPAQUE_PORTS="13"),
        meshed(there, tmp_path / "b", OPAQUE_PORTS="13"),
        there.serving(there.ip, 13, daytime),
    ):
        for _ in range(20):
            reader, writer = await here.connect(there.ip, 13)
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b"Sat Nov 21 2026\r\n"
            writer.close()


async def test_where_nobody_listens_the_connection_is_closed_without_a_word_of_http(
    node: Node, tmp_path: Path
) -> None:
    here, there = node.pod(), node.pod()
    async with meshed(here, tmp_path / "a") as a:
        reader, writer = await here.connect(there.ip, 5433)
        writer.write(SSL_REQUEST)
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
        assert await a.total("equilibrium_errors_total", listener="outbound", reason="connect") == 1


async def test_a_slow_reader_holds_back_the_sender_and_not_our_memory(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    sent = 0

    async def pours(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536

    async with meshed(here, tmp_path / "a") as a, there.serving(there.ip, 5432, pours):
        before_kb = _rss_kb(a)
        reader, writer = await here.connect(there.ip, 5432)
        await reader.readexactly(1000)
        held, same = -1, 0
        while same < 20:
            same, held = (same + 1, held) if sent == held else (0, sent)
            await asyncio.sleep(0.02)
        assert _rss_kb(a) - before_kb < 8_000, "of megabytes poured, what is in flight is kept and no more"
        writer.transport.abort()


def _rss_kb(sidecar: Sidecar) -> int:
    status = Path(f"/proc/{sidecar.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


# -- TLS


def certificate(folder: Path, ip: str) -> Path:
    """A self-signed certificate for an address, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "db.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ip))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def test_tls_passes_through_to_the_servers_own_certificate(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    file = certificate(tmp_path, there.ip)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))

    async def secret(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hashlib.sha256(await reader.readexactly(BYTES)).digest())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(secret, sock=there.listener(there.ip, 443), ssl=context)
    async with meshed(here, tmp_path / "a") as a, meshed(there, tmp_path / "b") as b, server:
        reader, plain = await here.connect(there.ip, 443)
        await asyncio.wait_for(plain.start_tls(trusting, server_hostname=there.ip), PATIENCE_S)
        plain.write(rubbish(3))
        digest = await asyncio.wait_for(reader.readexactly(32), PATIENCE_S)
        assert digest == hashlib.sha256(rubbish(3)).digest()
        plain.transport.abort()
        for sidecar, listener in ((a, "outbound"), (b, "inbound")):
            assert (
                await sidecar.total("equilibrium_redirected_total", listener=listener, protocol="opaque") == 1
            )
            assert await counted(sidecar, listener, "sent") > BYTES


async def test_a_silent_connection_waits_for_as_long_as_it_was_told_to(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    arrived = asyncio.Event()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        writer.close()

    async with (
        meshed(here, tmp_path / "a", TIMEOUTS="sniff=none"),
        there.serving(there.ip, 2525, listens),
    ):
        reader, writer = await here.connect(there.ip, 2525)
        await asyncio.sleep(4 * SNIFF_S)
        assert not arrived.is_set(), "nobody is connected to before the client has shown what it speaks"
        writer.write(b"\x00")
        await asyncio.wait_for(arrived.wait(), PATIENCE_S)
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
