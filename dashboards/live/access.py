"""Which requests of a browser on this machine are a person's own, and which some other page's. Pure.

A page of anybody's may make the browser ask loopback. What gives it away: `Origin` of another host, `Sec-Fetch-Site`,
and, where it had its own name resolve to 127.0.0.1 (DNS rebinding), that name in `Host`. An address in `Host` cannot
be rebound: a page that came from it came from us.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final

_OURS: Final = frozenset({"same-origin", "none"})


def refusal(headers: Mapping[str, str], *, opened: bool) -> str:
    """Why not, in a sentence; empty: it may. `opened`: a page somebody may have followed a link to."""
    host = headers.get("Host", "")
    if not names_an_address(host):
        return f"Host is {host!r:.80}; allowed: localhost or an address"
    origin = headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return "a page of another origin asks"
    site = headers.get("Sec-Fetch-Site")
    if site is None or site in _OURS:
        return ""
    return "" if opened and headers.get("Sec-Fetch-Mode") == "navigate" else "a page of another site asks"


def names_an_address(host: str) -> bool:
    """Whether `Host` is localhost, or an address as digits."""
    name = _name(host)
    return name == "localhost" or name.endswith(".localhost") or _address(name) is not None


def is_loopback(remote: str | None) -> bool:
    """Of a peer's address."""
    address = _address(remote or "")
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
