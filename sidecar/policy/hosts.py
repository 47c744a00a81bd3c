"""Hosts as requests spell them: one spelling for each service, the port apart."""

from typing import Final

_CLUSTER_SUFFIXES: Final = (".svc.cluster.local", ".svc")


def canonical(host: str, namespace: str) -> str:
    """One spelling for every name of a service; `namespace`: where short names are looked up."""
    host = host.lower().rstrip(".")
    for suffix in _CLUSTER_SUFFIXES:
        if host.endswith(suffix) and host.count(".") > suffix.count("."):
            host = host.removesuffix(suffix)
            break
    return host if "." in host or ":" in host else f"{host}.{namespace}"


def is_cluster_name(host: str) -> bool:
    """Whether a name can only be of the cluster: `bus` and `bus.other.svc`; `bus.other` may be a domain as well."""
    host = host.lower().rstrip(".")
    return bool(host) and ("." not in host or host.endswith(_CLUSTER_SUFFIXES)) and ":" not in host


def split_authority(authority: bytes) -> tuple[str, int | None]:
    """`b"[::1]:80"` → `("::1", 80)`; the port is None when absent. The authority is known to be valid."""
    host, _, port = authority.decode("latin-1").rpartition(":")
    if host and port.isdigit() and (not host.startswith("[") or host.endswith("]")):
        return host.strip("[]"), int(port)
    return authority.decode("latin-1").strip("[]"), None
