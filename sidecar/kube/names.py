"""Which Service of the cluster a host names, from `bus` to `bus.other.svc.cluster.local`. Pure."""

import ipaddress
import re

from sidecar.policy import hosts

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

Key = tuple[str, str]
"""Namespace, name."""


def service(host: str, namespace: str) -> Key | None:
    """None for what cannot be a Service; `namespace`: where short names are looked up."""
    labels = hosts.canonical(host, namespace).split(".")
    if len(labels) != 2 or not all(map(_LABEL.fullmatch, labels)):
        return None
    return labels[1], labels[0]


def host(key: Key, namespace: str) -> str:
    """As it is published: short in our own namespace, as people and dashboards call it."""
    return key[1] if key[0] == namespace else f"{key[1]}.{key[0]}"


def is_ip(text: str) -> bool:
    """Whether a host is an address already."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
