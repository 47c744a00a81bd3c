"""The `caBundle` of our webhooks: whether it has our authorities, and the patch that puts them there. Pure.

One rule: every entry of our configuration trusts every authority of ca.crt, else its bundle becomes exactly these.
What else a bundle holds stays as long as ours are in it (an authority just expired, another's that does no harm), and
goes when they are not: without ours it verified nothing that we serve.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from injector.certs import keyring


class Service(NamedTuple):
    """Whom an entry calls."""

    namespace: str
    name: str


Json = dict[str, Any]


def problem(configuration: Mapping[str, Any] | None, authorities: Sequence[bytes], service: Service) -> str:
    """Why callers would not trust us; empty when all of our entries have all authorities."""
    if configuration is None:
        return "does not exist"
    entries = list(_ours(configuration, service))
    if not entries:
        return f"has no webhook for the service {service.namespace}/{service.name}"
    if not authorities:
        return "cannot have an authority that is not made yet"
    lacking = [entry["name"] for _, entry in entries if not _has(entry, authorities)]
    return f"caBundle of {', '.join(lacking)} lacks our authority" if lacking else ""


def patch(configuration: Mapping[str, Any], authorities: Sequence[bytes], service: Service) -> list[Json]:
    """JSON patch (RFC 6902) of the entries' caBundle and nothing else; empty when there is nothing to do or to say.

    Each entry is guarded by a `test` of what was read: if anybody wrote in between, nothing is written.
    """
    if not authorities:
        return []
    wanted = base64.b64encode(b"".join(authorities)).decode()
    operations: list[Json] = []
    for index, entry in _ours(configuration, service):
        if not _has(entry, authorities):
            path = f"/webhooks/{index}"
            operations += [
                {"op": "test", "path": f"{path}/name", "value": entry["name"]},
                {"op": "test", "path": f"{path}/clientConfig", "value": entry["clientConfig"]},
                {"op": "add", "path": f"{path}/clientConfig/caBundle", "value": wanted},
            ]
    return operations


def _ours(configuration: Mapping[str, Any], service: Service) -> list[tuple[int, Json]]:
    """Entries that call our service, or a URL (an injector outside the cluster): the configuration is ours by name."""
    found = []
    for index, entry in enumerate(configuration.get("webhooks") or []):
        called = entry["clientConfig"].get("service")
        if called is None or Service(called["namespace"], called["name"]) == service:
            found.append((index, entry))
    return found


def _has(entry: Mapping[str, Any], authorities: Sequence[bytes]) -> bool:
    try:
        bundle = base64.b64decode(entry["clientConfig"].get("caBundle") or "")
    except ValueError:  # no API server keeps such a thing
        return False
    trusted = {_body(block) for block in keyring.split(bundle)}
    return trusted.issuperset(map(_body, authorities))


def _body(block: bytes) -> bytes:
    return b"".join(block.split())
