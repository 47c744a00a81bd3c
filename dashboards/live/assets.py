"""The page's files, as they are installed: read once, known by their digest."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
"""Nothing but our own files runs, nothing is fetched from elsewhere, and no text ever becomes markup."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # ask again each time: 304 costs a millisecond, an old page after an upgrade an hour
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    media: str
    tag: str
    """Its ETag, quotes included."""


@cache
def assets() -> dict[str, Asset]:
    """By name."""
    found = {}
    for file in resources.files("dashboards.live").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in TYPES:
            body = file.read_bytes()
            found[file.name] = Asset(body, TYPES[kind], f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return found
