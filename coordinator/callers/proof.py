"""What a request proves by itself: the mesh key's signature, or that it comes from this host and from nobody else."""

import ipaddress
from typing import Final

from aiohttp import web

from sidecar import contract, parsing
from sidecar.parsing import ParseError
from sidecar.policy.auth import Verifier

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "Via")


def signer(verifier: Verifier | None, request: web.Request, body: bytes, now_unix_s: float) -> str:
    """The workload that signed it (`X-GT-Auth`); empty: nobody, or the signature is not good."""
    try:
        workload = parsing.parse_workload(request.headers.get(contract.CALLER, ""))
    except ParseError:
        return ""
    good = verifier is not None and verifier.verify(
        request.headers.get(contract.AUTH, "").encode("utf-8", "replace"),
        method=request.method.encode(),
        path=request.raw_path.encode("utf-8", "surrogateescape"),
        body=body,
        workload=workload,
        now_unix_s=now_unix_s,
    )
    return workload if good else ""


def is_local(request: web.Request) -> bool:
    """From this host and from no page in a browser."""
    return is_here(request) and "Origin" not in request.headers


def is_here(request: web.Request) -> bool:
    """From this host, pages in its browsers included; who a proxy on this host speaks for is not known."""
    return _is_loopback(request.remote) and not any(name in request.headers for name in _FORWARDED)


def _is_loopback(remote: str | None) -> bool:
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
