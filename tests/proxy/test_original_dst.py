"""`SO_ORIGINAL_DST`: the kernel's bytes become `ip:port`, and a connection that came on purpose has none."""

import asyncio
import errno
import socket
import struct
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.proxy.original_dst import join, original_dst

V4, V6 = socket.AF_INET, socket.AF_INET6


def sockaddr_in(ip: str, port: int) -> bytes:
    """`struct sockaddr_in`: family in the host's byte order, port and address in the network's."""
    return struct.pack("=H", V4) + struct.pack("!H", port) + socket.inet_aton(ip) + bytes(8)


def sockaddr_in6(ip: str, port: int) -> bytes:
    """`struct sockaddr_in6`: flow info before the address, scope after it."""
    flow, scope = b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"
    return struct.pack("=H", V6) + struct.pack("!H", port) + flow + socket.inet_pton(V6, ip) + scope


class Transport:
    """A connection to `local` that conntrack remembers by `answer`; without one, it has never heard of it."""

    def __init__(self, family: int, answer: bytes | OSError, local: tuple[object, ...] | None) -> None:
        self.family = family
        self.asked: tuple[int, int, int] | None = None
        self._answer = answer
        self._extra = {"socket": self, "sockname": local}

    def get_extra_info(self, name: str) -> object:
        return self._extra.get(name)

    def getsockopt(self, level: int, option: int, length: int) -> bytes:
        self.asked = level, option, length
        if isinstance(self._answer, OSError):
            raise self._answer
        assert len(self._answer) == length, "the kernel refuses a buffer of another size"
        return self._answer


def ask(transport: Transport) -> str | None:
    return original_dst(cast("asyncio.Transport", transport))


LOCAL_V4, LOCAL_V6 = ("10.0.0.5", 15401), ("fd00::5", 15401, 0, 0)


def test_an_ipv4_destination_is_read() -> None:
    assert ask(Transport(V4, sockaddr_in("10.96.0.7", 8080), LOCAL_V4)) == "10.96.0.7:8080"


def test_an_ipv6_destination_is_read_in_brackets() -> None:
    assert ask(Transport(V6, sockaddr_in6("fd00::7", 8080), LOCAL_V6)) == "[fd00::7]:8080"


def test_a_mapped_destination_is_written_as_ipv4() -> None:
    assert ask(Transport(V6, sockaddr_in6("::ffff:10.96.0.7", 80), LOCAL_V6)) == "10.96.0.7:80"


@given(st.ip_addresses(v=4), st.integers(0, 65535))
@settings(max_examples=50)
def test_every_ipv4_destination_is_read(ip: object, port: int) -> None:
    assert ask(Transport(V4, sockaddr_in(str(ip), port), ("127.9.9.9", 1))) == f"{ip}:{port}"


@pytest.mark.parametrize(
    ("family", "answer", "local", "level"),
    [
        (V4, sockaddr_in("10.96.0.7", 80), LOCAL_V4, socket.SOL_IP),
        (V6, sockaddr_in6("fd00::7", 80), LOCAL_V6, socket.IPPROTO_IPV6),
    ],
    ids=["IPv4", "IPv6"],
)
def test_the_family_decides_which_table_is_asked(
    family: int, answer: bytes, local: tuple[object, ...], level: int
) -> None:
    transport = Transport(family, answer, local)
    ask(transport)
    assert transport.asked == (level, 80, len(answer))


@pytest.mark.parametrize(
    "transport",
    [
        Transport(V4, sockaddr_in("10.0.0.5", 15401), LOCAL_V4),
        Transport(V6, sockaddr_in6("fd00::5", 15401), LOCAL_V6),
    ],
    ids=["IPv4", "IPv6"],
)
def test_a_connection_to_ourselves_was_not_redirected(transport: Transport) -> None:
    assert ask(transport) is None, "following it would be a loop"


@pytest.mark.parametrize("local", [("10.0.0.5", 15406), ("10.0.0.6", 15401)])
def test_the_same_port_or_the_same_address_alone_is_a_redirection(local: tuple[str, int]) -> None:
    assert ask(Transport(V4, sockaddr_in("10.0.0.5", 15401), local)) == "10.0.0.5:15401"


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_kernel_that_knows_nothing_means_none(code: int) -> None:
    assert ask(Transport(V4, OSError(code, "no"), LOCAL_V4)) is None


def test_a_connection_that_is_already_gone_has_none() -> None:
    assert ask(Transport(V4, sockaddr_in("10.0.0.1", 80), None)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_plain_loopback_connection_has_none(host: str) -> None:
    seen: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    class Accept(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.set_result(original_dst(cast("asyncio.Transport", transport)))
            cast("asyncio.Transport", transport).close()

    try:
        server = await asyncio.get_running_loop().create_server(Accept, host, 0)
    except OSError:
        pytest.skip(f"no {host} here")
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        assert await seen is None, "a connection that came to us on purpose was taken for a redirected one"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("ip", "address"), [("10.0.0.1", "10.0.0.1:80"), ("fd00::1", "[fd00::1]:80")])
def test_ipv6_is_joined_in_brackets(ip: str, address: str) -> None:
    assert join(ip, 80) == address
