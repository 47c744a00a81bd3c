"""Where a redirected connection was going before iptables sent it here (`SO_ORIGINAL_DST`, netfilter)."""

import asyncio
import socket
import struct
from typing import Final

_SO_ORIGINAL_DST: Final = 80  # linux/netfilter_ipv4.h, and the same number for IPv6
_SOL_IPV6: Final = 41
_MAPPED: Final = "::ffff:"


def original_dst(transport: asyncio.Transport) -> str | None:
    """`ip:port`, or None for a connection that came to us on purpose.

    The connection's family decides and not the socket's: an IPv4 connection to a dual-stack socket is in IPv4's table.
    """
    sock = transport.get_extra_info("socket")
    local = transport.get_extra_info("sockname")
    if sock is None or local is None:
        return None
    ip = local[0].removeprefix(_MAPPED)
    try:
        if ":" in ip:
            address = _v6(sock.getsockopt(_SOL_IPV6, _SO_ORIGINAL_DST, 28))
        else:
            address = _v4(sock.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16))
    except OSError:
        return None  # no conntrack entry: not redirected
    return None if address == join(ip, local[1]) else address


def _v4(raw: bytes) -> str:
    port, ip = struct.unpack_from("!H4s", raw, 2)
    return join(socket.inet_ntop(socket.AF_INET, ip), port)


def _v6(raw: bytes) -> str:
    (port,) = struct.unpack_from("!H", raw, 2)
    ip = socket.inet_ntop(socket.AF_INET6, raw[8:24])
    return join(ip.removeprefix(_MAPPED), port)


def join(ip: str, port: int) -> str:
    """`ip:port`, IPv6 in brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def split(address: str) -> tuple[str, int]:
    """The inverse of `join`."""
    ip, _, port = address.rpartition(":")
    return ip.strip("[]"), int(port)


def is_here(ip: str) -> bool:
    """Whether an address is one of this network namespace's own: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # a datagram socket takes no TCP port
        try:
            probe.bind((ip, 0))
        except OSError:
            return False
    return True
