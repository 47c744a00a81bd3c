"""Raw head → `RequestHead`/`ResponseHead`: strict expression, then llhttp, then what the fields mean together.

The head object is its own httptools protocol, so a request costs one object. Field names are looked up as
spelled in a memo of rules; an ordinary field costs one dictionary hit.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

from sidecar import contract
from sidecar.errors import ExchangeError
from sidecar.proxy.http1.grammar import (
    AUTHORITY,
    REQUEST_HEAD,
    RESPONSE_HEAD,
    broken,
    diagnose,
    refuse,
)
from sidecar.proxy.message import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead

_SIGNAL_PREFIX = contract.SIGNAL_PREFIX.encode()
_PROTECTED = frozenset((b"host", b"content-length", b"transfer-encoding"))
_KEEP_ALIVE = frozenset((b"keep-alive", b"Keep-Alive"))
_UNSET = -3  # no Content-Length and no Transfer-Encoding seen
_MEMO: Final = 2048  # spellings remembered; a client cannot make them grow
_SPACE: Final = 32
_LENGTH_DIGITS: Final = 18  # below 2**63, whatever the digits
_LONGEST: Final = 256  # bytes of a spelling worth remembering
_AUTHORITIES: Final[set[bytes]] = set()

FieldRule = Callable[[Any, bytes, bytes], None]


class _Rules(dict[bytes, FieldRule | None]):
    """Field name as spelled → what it means to us, or None for an ordinary field."""

    def __init__(self, rules: dict[bytes, FieldRule]) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, name: bytes) -> FieldRule | None:
        lower = name.lower()
        rule = self._rules.get(lower)
        if rule is None and lower.startswith(_SIGNAL_PREFIX):
            rule = _signal
        if len(self) < _MEMO and len(name) <= _LONGEST:
            self[name] = rule
        return rule


def _drop(head: Any, name: bytes, value: bytes) -> None:
    """Hop-by-hop: it was for us."""


def _signal(head: Any, name: bytes, value: bytes) -> None:
    if head.signals is None:
        head.signals = {}
    head.signals[name.lower()] = value


def _connection(head: Any, name: bytes, value: bytes) -> None:
    if value in _KEEP_ALIVE and head.minor:
        return  # what nearly every client sends says nothing new
    tokens = [token.strip(b" \t").lower() for token in value.split(b",")]
    head.connection = tokens if head.connection is None else head.connection + tokens


def _length(head: Any, name: bytes, value: bytes) -> None:
    if head.length != _UNSET:
        head.fault("two-lengths")
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        head.fault("length")
    head.length = int(value)
    head.fields.append((name, value))


def _coding(head: Any, name: bytes, value: bytes) -> None:
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


def _host(head: Any, name: bytes, value: bytes) -> None:
    if head.authority:
        head.fault("two-hosts")
    check_authority(value, head.fault)
    head.authority = value
    head.fields.append((name, value))


def _upgrade(head: Any, name: bytes, value: bytes) -> None:
    head.upgrade = b"several" if head.upgrade else value.lower() or b"empty"


def _via(head: Any, name: bytes, value: bytes) -> None:
    head.via = [*(head.via or ()), value]
    head.fields.append((name, value))


def _idempotency_key(head: Any, name: bytes, value: bytes) -> None:
    head.idempotency_key = True
    head.fields.append((name, value))


def _grpc_timeout(head: Any, name: bytes, value: bytes) -> None:
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


def _feed(parser: Any, head: Any, raw: bytes, fault: Callable[[str], Any]) -> None:
    """Let llhttp read the head. Our own refusals are raised inside its callbacks and come out wrapped."""
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade:
        pass  # CONNECT or Upgrade: the head is complete, what follows is our business
    except HttpParserInvalidMethodError:
        fault("method")
    except HttpParserError as error:
        if isinstance(error.__context__, ExchangeError):
            raise error.__context__ from None  # our own verdict, raised inside a callback
        _explain(head, raw)
        fault("method" if "method" in str(error) else "llhttp")  # RTSP's are known to llhttp, and not HTTP's


def _explain(head: Any, raw: bytes) -> None:
    """llhttp refused before we saw every field: read them again by hand, so that the words fit the fault."""
    again = type(head)()
    again.minor, again.length = head.minor, _UNSET
    for line in raw.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        again.on_header(name, value.strip(b" \t"))
    if again.coding:
        _settle_coding(again)


def _settle_coding(head: Any) -> None:
    """Transfer-Encoding is judged when every field is known, so that the order of fields cannot matter."""
    if head.length != _UNSET:
        head.fault("length-and-coding")
    if head.minor == 0:
        head.fault("coding-1.0")
    if head.coding != b"chunked":
        head.fault("coding")
    head.length = CHUNKED


def parse_request(raw: bytes, max_fields: int) -> RequestHead:
    """Read one complete request head, blank line included. Raises `Refused`."""
    match = REQUEST_HEAD.fullmatch(raw)
    if match is None:
        refuse(diagnose(raw, "request"))
    if raw.count(b"\n") - 2 > max_fields:
        refuse("head-fields")
    head = Http1Request()
    head.method, head.target, minor = match.groups()
    head.minor = minor[0] - 48
    head.length = _UNSET
    _feed(HttpRequestParser(head), head, raw, refuse)
    if head.coding:
        _settle_coding(head)
    elif head.length == _UNSET:
        head.length = 0
    if head.target[0] != 47 or b"#" in head.target or head.method == b"CONNECT":
        _target(head)
    if not head.authority:
        refuse("no-host")
    if head.minor == 0:
        head.keep_alive = False
    if head.connection is not None:
        _apply_connection(head, refuse)
    if head.upgrade:
        _settle_upgrade(head)
    return head


def parse_response(raw: bytes, max_fields: int) -> ResponseHead:
    """Read one complete response head, blank line included. Raises `UpstreamFraming`."""
    match = RESPONSE_HEAD.fullmatch(raw)
    if match is None:
        broken(diagnose(raw, "response"))
    if raw.count(b"\n") - 2 > max_fields:
        broken("head-fields")
    head = Http1Response()
    minor, status, phrase = match.groups()
    head.minor, head.status, head.phrase = minor[0] - 48, int(status), phrase or b""
    head.length = _UNSET
    _feed(HttpResponseParser(head), head, raw, broken)
    if head.coding:
        _settle_coding(head)
    elif head.length == _UNSET:
        head.length = UNTIL_CLOSE
    if head.minor == 0:
        head.keep_alive = False
    if head.connection is not None:
        _apply_connection(head, broken)
    else:
        head.upgrade = b""
    return head


def _target(head: RequestHead) -> None:
    """Absolute, authority and asterisk form (RFC 9112 §3.2); an absolute form replaces Host."""
    target = head.target
    if b"#" in target:
        refuse("fragment")
    if head.method == b"CONNECT":
        if not target.rpartition(b":")[2].isdigit():
            refuse("target")
        check_authority(target, refuse)
        if head.length:
            refuse("connect-body")
        _set_authority(head, target)
    elif target.startswith(b"/"):
        return
    elif target == b"*":
        if head.method != b"OPTIONS":
            refuse("target")
    else:
        _absolute(head, target)


def _absolute(head: RequestHead, target: bytes) -> None:
    scheme, separator, rest = target.partition(b"://")
    if not separator:
        refuse("target")
    if scheme.lower() != b"http":
        refuse("scheme")
    cut = min((i for i in (rest.find(b"/"), rest.find(b"?")) if i >= 0), default=len(rest))
    authority, path = rest[:cut], rest[cut:]
    check_authority(authority, refuse)
    _set_authority(head, authority)
    head.absolute = True
    if path.startswith(b"/"):
        head.target = path
    else:
        head.target = b"*" if head.method == b"OPTIONS" and not path else b"/" + path


def _set_authority(head: RequestHead, authority: bytes) -> None:
    """The target's authority wins over Host (RFC 9112 §3.2.2), in Host's place."""
    for i, (name, _) in enumerate(head.fields):
        if name.lower() == b"host":
            head.fields[i] = (name, authority)
            break
    else:
        if head.minor == 1:
            refuse("no-host")
        head.fields.insert(0, (b"Host", authority))
    head.authority = authority


def _apply_connection(head: RequestHead | ResponseHead, fault: Callable[[str], Any]) -> None:
    """What the Connection field asks: close, keep, and fields that go no further (RFC 9110 §7.6.1)."""
    tokens = head.connection or []
    for token in tokens:
        if token in _PROTECTED or token.startswith(_SIGNAL_PREFIX):
            fault("connection-token")
    if b"close" in tokens:
        head.keep_alive = False
    elif head.minor == 0 and b"keep-alive" in tokens and isinstance(head, ResponseHead):
        head.keep_alive = True
    if b"upgrade" not in tokens:
        head.upgrade = b""
    named = set(tokens) - {b"close", b"keep-alive", b"upgrade", b""}
    if named:
        if isinstance(head, RequestHead) and b"idempotency-key" in named:
            head.idempotency_key = False  # the next hop will not see it
        head.fields = [field for field in head.fields if field[0].lower() not in named]


def _settle_upgrade(head: RequestHead) -> None:
    """Only a bodiless websocket upgrade is passed on; h2c and the rest are served as plain HTTP/1.1."""
    wanted = head.upgrade == b"websocket" and head.method == b"GET" and head.length == 0 and head.minor == 1
    if not wanted or b"upgrade" not in (head.connection or ()):
        head.upgrade = b""
