"""Bearer tokens: JWT signed with HS256 (RFC 7519, RFC 7515), by hand because the standard library is enough.

The secret is shared, so that any replica accepts what another one issued.
"""

import base64
import hashlib
import hmac
import os
from typing import Any

import orjson

from sidecar import clock

SECRET = os.environ.get("JWT_SECRET", "urbanmove-stand-in-secret-that-protects-nothing").encode()
LIFETIME_MS = 86_400_000
REFRESH_MS = 7 * LIFETIME_MS
_HEADER = b'{"alg":"HS256","typ":"JWT"}'


class BadToken(ValueError):
    """Not ours, altered, or expired."""


def issue(subject: str, role: str, lifetime_ms: int = LIFETIME_MS) -> str:
    """A token for `subject` (an email address), valid from now for `lifetime_ms`."""
    now_s = int(clock.wall_s())
    claims = {"sub": subject, "role": role, "iat": now_s, "exp": now_s + lifetime_ms // 1000}
    signed = f"{_encode(_HEADER)}.{_encode(orjson.dumps(claims))}"
    return f"{signed}.{_encode(_sign(signed))}"


def read(token: str) -> dict[str, Any]:
    """The claims of a valid token; BadToken otherwise."""
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    try:
        genuine = hmac.compare_digest(_decode(signature), _sign(signed))
        algorithm = orjson.loads(_decode(header))["alg"]
        claims: dict[str, Any] = orjson.loads(_decode(payload))
    except (ValueError, KeyError) as error:  # base64, UTF-8 and JSON all raise kinds of ValueError
        raise BadToken("not a token") from error
    if not genuine or algorithm != "HS256":
        raise BadToken("signature")
    if claims["exp"] <= clock.wall_s():
        raise BadToken("expired")
    return claims


def _sign(signed: str) -> bytes:
    return hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
