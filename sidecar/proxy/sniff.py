"""What a connection's first bytes say: HTTP/1, or something to be carried untouched.

Only the beginning of a connection is asked, once. HTTP that is malformed must still be read as HTTP, and refused: a
pipe is nobody's to police, so whatever an HTTP server might take for a request does not become one.
"""

import re
from typing import Final

MORE: Final = 0
"""Cannot be told yet."""
HTTP: Final = 1
OPAQUE: Final = 2

METHODS: Final = frozenset(
    (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH")
)
LONGEST: Final = 8192
"""How many bytes are held, at most, while it cannot be told."""

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*")
_VERSION: Final = re.compile(rb"[ \t\x0b\x0c\r]HTTP/[0-9]")
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_SPACE: Final = 32
_BLANKS: Final = b" \t\x0b\x0c\r"
"""What a lenient server may take for the space of a request line (RFC 9112 §3)."""
_SCHEME: Final = b"http://"


def dialled(data: bytes) -> int:
    """Of a connection that came to us on purpose: HTTP unless it is an HTTP/2 preface or TLS."""
    if data[:3] == b"PRI" or data[:2] == b"\x16\x03":
        return OPAQUE
    if len(data) < 3 and (b"PRI".startswith(data) or b"\x16\x03".startswith(data)):
        return MORE
    return HTTP


def redirected(data: bytes, *, relayed: bool = False, foreign: bool = False) -> int:
    """Of a connection whose destination is known without its bytes.

    `relayed`: CONNECT is meant for the destination, a proxy of somebody else's. `foreign`: so is the absolute form.
    """
    text = data.lstrip(b"\r\n")  # servers skip empty lines before a request (RFC 9112 §2.2)
    found = _TOKEN.match(text)
    end = found.end() if found is not None else 0
    if end == len(text):
        if len(text) >= LONGEST:
            return OPAQUE
        return MORE if len(data) < LONGEST else HTTP
    if text[end] not in _BLANKS:
        return OPAQUE
    word = text[:end]
    if word == b"PRI":
        return OPAQUE  # the preface of HTTP/2
    if text[end] == _SPACE and word in METHODS:
        if relayed and word == b"CONNECT":
            return OPAQUE
        return _absolute(text[end + 1 :]) if foreign else HTTP
    return _unknown(text)


def _absolute(target: bytes) -> int:
    """Whether the target has a scheme."""
    begun = target[: len(_SCHEME)].lower()
    if begun == _SCHEME:
        return OPAQUE
    return MORE if _SCHEME.startswith(begun) else HTTP


def _unknown(text: bytes) -> int:
    """A word nobody knows as a method: HTTP if its line says so at the end, else `SSH-2.0-x y`, `get key`."""
    end = text.find(b"\n")
    line = text if end < 0 else text[:end]
    if _BINARY.search(line) is not None:
        return OPAQUE
    if end < 0:
        return MORE if len(text) < LONGEST else HTTP
    return HTTP if _VERSION.search(line) is not None else OPAQUE


class FirstBytes:
    """What one connection has shown so far. `relayed` and `foreign`: see `redirected`."""

    __slots__ = ("_foreign", "_relayed", "by_port", "held", "redirected", "silent")

    def __init__(self, *, redirected: bool, by_port: bool, relayed: bool, foreign: bool) -> None:
        self.redirected = redirected
        self.by_port = by_port  # opaque whatever they say
        self._relayed = relayed
        self._foreign = foreign
        self.held = b""
        self.silent = False  # nothing came in time; whoever speaks first decides

    def judge(self, data: bytes) -> int:
        """The verdict with these bytes, which are `held` from here on."""
        self.held = self.held + data if self.held else data
        if self.by_port:
            return OPAQUE
        if self.redirected:
            return redirected(self.held, relayed=self._relayed, foreign=self._foreign)
        return dialled(self.held)

    def settle(self, data: bytes = b"") -> int:
        """The verdict when no more is waited for: what may be the beginning of a request is read as one."""
        verdict = self.judge(data)
        if verdict != MORE:
            return verdict
        if self.held and not self._relayed:
            return (
                HTTP  # on the way in nobody gets past the door by waiting: any token may yet become a method
            )
        text = self.held.lstrip(b"\r\n")
        begun = self.held and any((b"%b http://" % method).startswith(text) for method in METHODS)
        return HTTP if begun else OPAQUE

    def take(self) -> bytes:
        """What was held."""
        held, self.held = self.held, b""
        return held
