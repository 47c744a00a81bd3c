"""Raw head → `RequestHead`/`ResponseHead`: strict expression, then llhttp, then what the fields mean together.

The head object is its own httptools protocol, so a request costs one object; `fields` has a rule for each name.
"""

from collections.abc import Callable
from typing import Any, Final

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
    HttpResponseParser,
)

from sidecar.errors import ExchangeError
from sidecar.proxy.http1.fields import SIGNAL_PREFIX, UNSET, Http1Request, Http1Response, check_authority
from sidecar.proxy.http1.grammar import REQUEST_HEAD, RESPONSE_HEAD, broken, diagnose, refuse
from sidecar.proxy.message import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead

_ZERO: Final = 48
_SLASH: Final = 47
_LEAST_FIELD: Final = 4  # bytes of `a:` and its line end
_PROTECTED: Final = frozenset((b"host", b"content-length", b"transfer-encoding"))


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
    again.minor, again.length = head.minor, UNSET
    for line in raw.split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        again.on_header(name, value.strip(b" \t"))
    if again.coding:
        _settle_coding(again)


def _settle_coding(head: Any) -> None:
    """Transfer-Encoding is judged when every field is known, so that the order of fields cannot matter."""
    if head.length != UNSET:
        head.fault("length-and-coding")
    if head.minor == 0:
        head.fault("coding-1.0")
    if head.coding != b"chunked":
        head.fault("coding")
    head.length = CHUNKED


def _too_many(raw: bytes, max_fields: int) -> bool:
    """More fields than allowed; lines are only counted where so many would fit."""
    return len(raw) > _LEAST_FIELD * max_fields and raw.count(b"\n") - 2 > max_fields


def parse_request(raw: bytes, max_fields: int) -> RequestHead:
    """Read one complete request head, blank line included. Raises `Refused`."""
    match = REQUEST_HEAD.fullmatch(raw)
    if match is None:
        refuse(diagnose(raw, "request"))
    if _too_many(raw, max_fields):
        refuse("head-fields")
    head = Http1Request()
    method, target, minor = match.groups()
    head.method, head.target, head.minor = method, target, minor[0] - _ZERO
    head.length = UNSET
    _feed(HttpRequestParser(head), head, raw, refuse)
    if head.coding:
        _settle_coding(head)
    elif head.length == UNSET:
        head.length = 0
    if target[0] != _SLASH or target.find(b"#") >= 0 or method == b"CONNECT":
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
    if _too_many(raw, max_fields):
        broken("head-fields")
    head = Http1Response()
    head.minor = raw[7] - _ZERO  # HTTP/1.1 200: the expression has seen to it that the digits stand here
    head.status = 100 * raw[9] + 10 * raw[10] + raw[11] - 111 * _ZERO
    head.phrase = match[1] or b""
    head.length = UNSET
    _feed(HttpResponseParser(head), head, raw, broken)
    if head.coding:
        _settle_coding(head)
    elif head.length == UNSET:
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
        if token in _PROTECTED or token.startswith(SIGNAL_PREFIX):
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
