"""Errors become HTTP here and nowhere else: status, `X-GT-Reason`, a small JSON body (wire.md)."""

from typing import Final

import orjson

from sidecar import contract
from sidecar.errors import ExchangeError
from sidecar.proxy.message import ResponseHead

_REASON: Final = contract.REASON.encode()


def reply(error: ExchangeError, service: str) -> tuple[ResponseHead, bytes]:
    """The response to send for `error`, complete."""
    body = orjson.dumps({"error": error.reason, "service": service, "detail": error.detail})
    head = ResponseHead()
    head.status = error.status
    head.phrase = _PHRASES.get(error.status, b"Error")
    head.fields = [
        (b"Content-Type", b"application/json"),
        (b"Content-Length", b"%d" % len(body)),
        (_REASON, error.reason.encode()),
    ]
    if error.retry_after_s is not None:
        head.fields.append((b"Retry-After", b"%d" % error.retry_after_s))
    head.length = len(body)
    return head, body


_PHRASES: Final = {
    400: b"Bad Request",
    401: b"Unauthorized",
    408: b"Request Timeout",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    508: b"Loop Detected",
}
