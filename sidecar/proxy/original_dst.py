"""Where a redirected connection was going before iptables sent it here (`SO_ORIGINAL_DST`, netfilter)."""

import asyncio
import socket
import struct
from typing import Final

_SO_ORIGINAL_DST: Final = 80  # linux/netfilter_ipv4.h, and the same number for IPv6
_SOL_IPV6: Final = 41


def original_dst(transport: asyncio.Transport) -> str | None:
    """`ip:port`, or None for a connection that came to us on purpose."""
    sock = transport.get_extra_info("socket")
    local = transport.get_extra_info("sockname")
    if sock is None or local is None:
        return None
    try:
        if sock.family == socket.AF_INET6:
            address = _v6(sock.getsockopt(_SOL_IPV6, _SO_ORIGINAL_DST, 28))
        else:
            address = _v4(sock.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16))
    except OSError:
        return None  # no conntrack entry: not redirected
    return None if address == join(local[0], local[1]) else address


def _v4(raw: bytes) -> str:
    port, ip = struct.unpack_from("!H4s", raw, 2)
    return join(socket.inet_ntop(socket.AF_INET, ip), port)


def _v6(raw: bytes) -> str:
    (port,) = struct.unpack_from("!H", raw, 2)
    ip = socket.inet_ntop(socket.AF_INET6, raw[8:24])
    return join(ip.removeprefix("::ffff:"), port)


def join(ip: str, port: int) -> str:
    """`ip:port`, IPv6 in brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
