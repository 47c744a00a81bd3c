"""Which headers a gateway passes on: the end-to-end ones, names and values as they came, in their order."""

from collections.abc import Iterable

from multidict import CIMultiDict

X_POD = "X-Pod"
"""Which pod really answered."""
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110 §7.6.1, and what Spring Cloud Gateway removes."""
OF_THIS_REQUEST = frozenset({b"host", b"expect"})
"""The next hop gets its own `Host` (no `PreserveHostHeader`); a `100 Continue` was sent by then."""
FRAMING = frozenset({b"content-length"})
HANDSHAKE = frozenset(
    {b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol"}
)

Raw = Iterable[tuple[bytes, bytes]]


def passed(raw: Raw, without: frozenset[bytes] = frozenset()) -> CIMultiDict[str]:
    """All but the hop-by-hop headers, those the message's own `Connection` names, and `without`."""
    fields = list(raw)
    dropped = HOP_BY_HOP | without | _named(fields)
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in fields:
        if name.lower() not in dropped:
            kept.add(name.decode("ascii"), value.decode("utf-8", "surrogateescape"))
    return kept


def _named(fields: Raw) -> frozenset[bytes]:
    values = [value for name, value in fields if name.lower() == b"connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))
