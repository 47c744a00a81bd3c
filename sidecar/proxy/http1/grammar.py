"""What is refused, in one table, and the grammar that decides.

A proxy that forwards an ambiguous message is a smuggling hole: two parsers that disagree about where a
message ends let one user's bytes become another user's request. llhttp alone is lenient (it accepts two
Hosts, `gzip, chunked`, HTTP/0.9, obs-fold …), so the raw head must match one strict expression first; only
then is it parsed. A head is judged when it is complete: how it was cut into packets cannot change the verdict.
"""

import re
from typing import Final, NamedTuple, NoReturn

from sidecar import contract
from sidecar.errors import Refused, UpstreamFraming


class Rule(NamedTuple):
    """Why a message is refused: our status for a request (a response is always 502) and the words for it."""

    status: int
    detail: str
    source: str


REFUSALS: Final[dict[str, Rule]] = {
    # -- bytes
    "nul": Rule(400, "NUL byte in the head", "RFC 9110 §5.5"),
    "control-character": Rule(400, "control character in the head", "RFC 9110 §5.5"),
    "bare-cr": Rule(400, "CR without LF", "RFC 9112 §2.2"),
    "bare-lf": Rule(400, "LF without CR", "RFC 9112 §2.2: recipients MAY accept; those that do disagree"),
    "obs-fold": Rule(400, "folded field line", "RFC 9112 §5.2"),
    # -- start line
    "start-line": Rule(400, "not a valid start line", "RFC 9112 §3, §4"),
    "http-0.9": Rule(400, "HTTP/0.9 request", "RFC 9112 §3"),
    "version": Rule(400, "HTTP version is neither 1.0 nor 1.1", "RFC 9112 §2.3"),
    "method": Rule(501, "unknown method", "RFC 9110 §9.1"),
    "llhttp": Rule(400, "head is not understood by the parser", "llhttp, strict mode"),
    "target": Rule(400, "request target is not valid for this method", "RFC 9112 §3.2"),
    "fragment": Rule(400, "request target has a fragment", "RFC 9112 §3.2.1"),
    "userinfo": Rule(400, "authority has userinfo", "RFC 9110 §4.2.4"),
    "scheme": Rule(400, "only http can be proxied in absolute form", "RFC 9112 §3.2.2"),
    # -- fields
    "field-name": Rule(400, "field name is not a token", "RFC 9110 §5.1"),
    "space-before-colon": Rule(400, "whitespace between field name and colon", "RFC 9112 §5.1"),
    "no-colon": Rule(400, "field line without a colon", "RFC 9112 §5"),
    "head-bytes": Rule(431, "head is too large", "RFC 6585 §5"),
    "head-fields": Rule(431, "too many fields", "RFC 6585 §5"),
    "no-host": Rule(400, "no Host", "RFC 9112 §3.2"),
    "two-hosts": Rule(400, "more than one Host", "RFC 9112 §3.2"),
    "host": Rule(400, "Host is not a valid authority", "RFC 9110 §7.2"),
    "connection-token": Rule(400, "Connection names a field it may not remove", "RFC 9110 §7.6.1"),
    # -- framing
    "two-lengths": Rule(400, "more than one Content-Length", "RFC 9112 §6.3"),
    "length": Rule(400, "Content-Length is not a plain decimal", "RFC 9110 §8.6"),
    "length-and-coding": Rule(400, "both Content-Length and Transfer-Encoding", "RFC 9112 §6.1"),
    "connect-body": Rule(400, "CONNECT with a body", "RFC 9110 §9.3.6: content has no meaning"),
    "coding": Rule(501, "Transfer-Encoding is not exactly chunked", "RFC 9112 §6.1"),
    "coding-1.0": Rule(400, "Transfer-Encoding on HTTP/1.0", "RFC 9112 §6.1"),
    "chunk-size": Rule(400, "invalid chunk size line", "RFC 9112 §7.1"),
    "chunk-end": Rule(400, "chunk data is not followed by CRLF", "RFC 9112 §7.1"),
    "trailer": Rule(400, "invalid trailer section", "RFC 9112 §7.1.2"),
    "trailer-bytes": Rule(431, "trailer section is too large", "RFC 6585 §5"),
    "truncated": Rule(400, "connection closed inside the message", "RFC 9112 §8"),
    # -- responses only
    "unasked-101": Rule(400, "101 without a matching upgrade request", "RFC 9110 §15.2.2"),
    "interim-flood": Rule(400, "too many interim responses", "RFC 9110 §15.2"),
}

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_FIELDS = rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+"

REQUEST_HEAD: Final = re.compile(
    rb"(" + _TOKEN + rb") ([\x21-\x7e]++) HTTP/1\.([01])\r\n" + _FIELDS + rb"\r\n"
)
RESPONSE_HEAD: Final = re.compile(
    rb"HTTP/1\.[01] [1-5][0-9][0-9](?: ([\t\x20-\x7e\x80-\xff]*+))?+\r\n" + _FIELDS + rb"\r\n"
)
TRAILERS: Final = re.compile(_FIELDS + rb"\r\n")
AUTHORITY: Final = re.compile(
    rb"(?:(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})++|\[[0-9A-Fa-f:.]++\])(?::([0-9]{1,5}))?+"
)

_START_LINE = {
    "request": re.compile(_TOKEN + rb" [\x21-\x7e]++ HTTP/1\.[01]"),
    "response": re.compile(rb"HTTP/1\.[01] [1-5][0-9][0-9](?: [\t\x20-\x7e\x80-\xff]*+)?+"),
}
_BYTES_RULES: Final = (
    ("nul", re.compile(rb"\x00")),
    ("bare-cr", re.compile(rb"\r(?!\n|\Z)")),
    ("bare-lf", re.compile(rb"(?<!\r)\n")),
    ("control-character", re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")),
    ("obs-fold", re.compile(rb"\r\n[ \t]")),
)
_VERSION = re.compile(rb"(?:.* )?HTTP/(?!1\.[01](?: |$))\S*.*")
_PARTIAL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|\Z)|(?<!\r)\n")


def refuse(rule: str) -> NoReturn:
    """Raise the request refusal that the table names."""
    status, detail, _ = REFUSALS[rule]
    reason = {431: contract.TOO_LARGE, 501: contract.UNSUPPORTED}.get(status, contract.MALFORMED)
    raise Refused(detail, status=status, reason=reason, rule=rule)


def broken(rule: str) -> NoReturn:
    """Raise the same verdict for a response: the endpoint's fault, 502."""
    raise UpstreamFraming(REFUSALS[rule].detail, rule=rule)


def diagnose(head: bytes, kind: str) -> str:
    """Name the first rule a head (already known to be bad) breaks. Off the fast path: only words depend on it."""
    for rule, pattern in _BYTES_RULES:
        if pattern.search(head):
            return rule
    start, _, fields = head.partition(b"\r\n")
    if not _START_LINE[kind].fullmatch(start):
        return _diagnose_start(start, kind)
    for line in fields.split(b"\r\n")[:-2]:
        name, colon, _ = line.partition(b":")
        if not colon:
            return "no-colon"
        if name.rstrip(b" \t") != name:
            return "space-before-colon"
    return "field-name"


def _diagnose_start(start: bytes, kind: str) -> str:
    if kind == "request" and re.fullmatch(_TOKEN + rb" [^ ]+", start):
        return "http-0.9"
    return "version" if _VERSION.fullmatch(start) else "start-line"


def diagnose_partial(head: bytes | bytearray, kind: str, scanned: int = 0) -> str | None:
    """A rule that an incomplete head breaks for sure, or None: a bad client need not be waited for.

    `scanned` bytes have been judged before. The start line is `diagnose_line`'s.
    """
    return diagnose(bytes(head), kind) if _PARTIAL.search(head, max(0, scanned - 1)) else None


def diagnose_line(head: bytes | bytearray, end: int, kind: str) -> str | None:
    """What is wrong with the start line `head[:end]`, or None."""
    if _START_LINE[kind].fullmatch(head, 0, end):
        return None
    return _diagnose_start(bytes(head[:end]), kind)
