"""Heads of messages, free of any codec: what HTTP/1.1 reads today and HTTP/2 will read later.

`fields` are the end-to-end fields in the order they came, names as spelled; hop-by-hop fields and the mesh's
own signals are never in it.
"""

from typing import Final

Fields = list[tuple[bytes, bytes]]

CHUNKED: Final = -1
"""A body whose length the head does not tell."""
UNTIL_CLOSE: Final = -2
"""A response body that ends with the connection (HTTP/1.0 style)."""

IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""RFC 9110 §9.2.2."""
HEDGEABLE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))
"""A second copy of these costs the application nothing but work."""


class RequestHead:
    """One request: method, origin-form target, authority, end-to-end fields, how its body is delimited."""

    __slots__ = (
        "absolute",
        "authority",
        "connection",
        "fields",
        "grpc_timeout",
        "idempotency_key",
        "keep_alive",
        "length",
        "method",
        "minor",
        "opaque",
        "signals",
        "target",
        "upgrade",
        "via",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.authority = b""
        self.absolute = False  # the target named the host
        self.opaque = False  # not HTTP/1: bytes for the connection's original destination
        self.minor = 1
        self.fields: Fields = []
        self.length = 0  # bytes, or CHUNKED
        self.keep_alive = True
        self.upgrade = b""  # b"websocket" or nothing
        self.idempotency_key = False
        self.grpc_timeout = b""
        self.via: list[bytes] | None = None
        self.signals: dict[bytes, bytes] | None = None  # X-GT-*, lower-cased names
        self.connection: list[bytes] | None = None  # tokens, lower-cased

    @property
    def replayable(self) -> bool:
        """May be sent twice without the application noticing (RFC 9110 §9.2.2, or the client vouches for it)."""
        return self.method in IDEMPOTENT or self.idempotency_key

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.method.decode()} {self.authority.decode('latin-1')} {self.length}>"
        )


class ResponseHead:
    """One response, interim or final: status, reason phrase, end-to-end fields, how its body is delimited."""

    __slots__ = (
        "connection",
        "fields",
        "keep_alive",
        "length",
        "minor",
        "phrase",
        "signals",
        "status",
        "upgrade",
    )

    def __init__(self) -> None:
        self.status = 0
        self.phrase = b""
        self.minor = 1
        self.fields: Fields = []
        self.length = 0  # bytes, CHUNKED or UNTIL_CLOSE
        self.keep_alive = True
        self.upgrade = b""
        self.signals: dict[bytes, bytes] | None = None
        self.connection: list[bytes] | None = None

    @property
    def interim(self) -> bool:
        """1xx, except the 101 that ends HTTP on this connection."""
        return self.status < 200 and self.status != 101

    def drop(self, name: bytes) -> None:
        """Remove a field, given in lower case."""
        self.fields = [field for field in self.fields if field[0].lower() != name]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.length}>"
