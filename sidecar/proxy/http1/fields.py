"""What each field means to a proxy, one rule a name: hop-by-hop, framing, routing, the mesh's own signals.

Names are looked up as spelled in a bounded memo, so an ordinary field costs one dictionary hit.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn, Union

from sidecar import contract
from sidecar.proxy.http1.grammar import AUTHORITY, broken, refuse
from sidecar.proxy.message import RequestHead, ResponseHead

SIGNAL_PREFIX: Final = contract.SIGNAL_PREFIX.encode()
_KEEP_ALIVE = frozenset((b"keep-alive", b"Keep-Alive"))
UNSET: Final = -3  # no Content-Length and no Transfer-Encoding seen
_MEMO: Final = 2048  # spellings remembered; a client cannot make them grow
_SPACE: Final = 32
_LENGTH_DIGITS: Final = 18  # below 2**63, whatever the digits
_LONGEST: Final = 256  # bytes of a spelling worth remembering
_AUTHORITIES: Final[set[bytes]] = set()

FieldRule = Callable[[Any, bytes, bytes], None]
_Head = Union["Http1Request", "Http1Response"]


class _Rules(dict[bytes, FieldRule | None]):
    """Field name as spelled → what it means to us, or None for an ordinary field."""

    def __init__(self, rules: dict[bytes, FieldRule]) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, name: bytes) -> FieldRule | None:
        lower = name.lower()
        rule = self._rules.get(lower)
        if rule is None and lower.startswith(SIGNAL_PREFIX):
            rule = _signal
        if len(self) < _MEMO and len(name) <= _LONGEST:
            self[name] = rule
        return rule


def _drop(head: "_Head", name: bytes, value: bytes) -> None:
    """Hop-by-hop: it was for us."""


def _signal(head: "_Head", name: bytes, value: bytes) -> None:
    if head.signals is None:
        head.signals = {}
    head.signals[name.lower()] = value


def _connection(head: "_Head", name: bytes, value: bytes) -> None:
    if value in _KEEP_ALIVE and head.minor:
        return  # what nearly every client sends says nothing new
    tokens = [token.strip(b" \t").lower() for token in value.split(b",")]
    head.connection = tokens if head.connection is None else head.connection + tokens


def _length(head: "_Head", name: bytes, value: bytes) -> None:
    if head.length != UNSET:
        head.fault("two-lengths")
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        head.fault("length")
    head.length = int(value)
    head.fields.append((name, value))


def _coding(head: "_Head", name: bytes, value: bytes) -> None:
    head.coding = b"several" if head.coding else value.lower() or b"empty"


def check_authority(value: bytes, fault: Callable[[str], Any]) -> None:
    """`host` or `host:port` (RFC 3986 §3.2), the port within 16 bits. What was found valid is remembered."""
    if value in _AUTHORITIES:
        return
    match = AUTHORITY.fullmatch(value)
    if match is None:
        fault("userinfo" if b"@" in value else "host")
    elif match[1] is not None and int(match[1]) > 65535:
        fault("host")
    elif len(_AUTHORITIES) < _MEMO and len(value) <= _LONGEST:
        _AUTHORITIES.add(value)


def _host(head: "Http1Request", name: bytes, value: bytes) -> None:
    if head.authority:
        head.fault("two-hosts")
    check_authority(value, head.fault)
    head.authority = value
    head.fields.append((name, value))


def _upgrade(head: "_Head", name: bytes, value: bytes) -> None:
    head.upgrade = b"several" if head.upgrade else value.lower() or b"empty"


def _via(head: "Http1Request", name: bytes, value: bytes) -> None:
    head.via = [*(head.via or ()), value]
    head.fields.append((name, value))


def _idempotency_key(head: "Http1Request", name: bytes, value: bytes) -> None:
    head.idempotency_key = True
    head.fields.append((name, value))


def _grpc_timeout(head: "Http1Request", name: bytes, value: bytes) -> None:
    head.grpc_timeout = value
    head.fields.append((name, value))


_HOP_BY_HOP: dict[bytes, FieldRule] = {
    b"connection": _connection,
    b"keep-alive": _drop,
    b"proxy-connection": _drop,
    b"proxy-authenticate": _drop,
    b"proxy-authorization": _drop,
    b"te": _drop,
    b"upgrade": _upgrade,
    b"http2-settings": _drop,
    b"content-length": _length,
    b"transfer-encoding": _coding,
}
_REQUEST_RULES = _Rules(
    _HOP_BY_HOP
    | {
        b"host": _host,
        b"via": _via,
        b"idempotency-key": _idempotency_key,
        b"grpc-timeout": _grpc_timeout,
    }
)
_RESPONSE_RULES = _Rules(_HOP_BY_HOP)


class Http1Request(RequestHead):
    """A request head being read; `on_header` is httptools' callback."""

    __slots__ = ("coding",)

    def __init__(self) -> None:
        super().__init__()
        self.coding = b""

    def on_header(self, name: bytes, value: bytes, rules: _Rules = _REQUEST_RULES) -> None:
        if value and value[-1] <= _SPACE:  # llhttp leaves trailing white space in place (RFC 9112 §5.1)
            value = value.rstrip(b" \t")
        rule = rules[name]
        if rule is None:
            self.fields.append((name, value))
        else:
            rule(self, name, value)

    def fault(self, rule: str) -> NoReturn:
        refuse(rule)


class Http1Response(ResponseHead):
    """A response head being read."""

    __slots__ = ("coding",)

    def __init__(self) -> None:
        super().__init__()
        self.coding = b""

    def on_header(self, name: bytes, value: bytes, rules: _Rules = _RESPONSE_RULES) -> None:
        if value and value[-1] <= _SPACE:  # llhttp leaves trailing white space in place (RFC 9112 §5.1)
            value = value.rstrip(b" \t")
        rule = rules[name]
        if rule is None:
            self.fields.append((name, value))
        else:
            rule(self, name, value)

    def fault(self, rule: str) -> NoReturn:
        broken(rule)
