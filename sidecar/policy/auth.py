"""`X-GT-Auth`: proof of knowing the mesh key (wire.md).

`v1 t=<unix s>,n=<nonce>,mac=<hex HMAC-SHA256(key, method|path|sha256(body)|workload|t|n)>`, valid 30 s either
way, each nonce once. On the data path a *connection* is proven by its first request, so the body hash there is
that of no body.
"""

import hashlib
import hmac
import re
from collections import OrderedDict
from typing import Final

WINDOW_S: Final = 30
_MAX_NONCES: Final = 65536
_VALUE: Final = re.compile(rb"v1 t=([0-9]{1,12}),n=([0-9A-Za-z_-]{8,64}),mac=([0-9a-f]{64})")


def _mac(key: bytes, method: bytes, path: bytes, body: bytes, workload: str, t: bytes, nonce: bytes) -> str:
    parts = (method, path, hashlib.sha256(body).hexdigest().encode(), workload.encode(), t, nonce)
    return hmac.new(key, b"|".join(parts), hashlib.sha256).hexdigest()


def sign(
    key: bytes, *, method: bytes, path: bytes, body: bytes, workload: str, now_unix_s: float, nonce: str
) -> bytes:
    """The value of `X-GT-Auth` for one message."""
    t, n = b"%d" % now_unix_s, nonce.encode()
    return b"v1 t=%b,n=%b,mac=%b" % (t, n, _mac(key, method, path, body, workload, t, n).encode())


class Verifier:
    """Checks values made by `sign`, and refuses one it has seen."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._nonces: OrderedDict[bytes, int] = OrderedDict()

    def verify(
        self, value: bytes, *, method: bytes, path: bytes, body: bytes, workload: str, now_unix_s: float
    ) -> bool:
        """True once for each genuine, fresh value."""
        match = _VALUE.fullmatch(value)
        if match is None:
            return False
        t, nonce, mac = match.groups()
        if abs(now_unix_s - int(t)) > WINDOW_S or nonce in self._nonces:
            return False
        expected = _mac(self._key, method, path, body, workload, t, nonce)
        if not hmac.compare_digest(expected.encode(), mac):
            return False
        self._remember(nonce, int(t), now_unix_s)
        return True

    def _remember(self, nonce: bytes, t: int, now_unix_s: float) -> None:
        self._nonces[nonce] = t
        while self._nonces:
            oldest, seen = next(iter(self._nonces.items()))
            if len(self._nonces) <= _MAX_NONCES and now_unix_s - seen <= 2 * WINDOW_S:
                break
            del self._nonces[oldest]
