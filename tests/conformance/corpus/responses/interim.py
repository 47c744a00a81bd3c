"""1xx: relayed to those who know them, never the end of an exchange (RFC 9110 §15.2)."""

from tests.conformance.corpus.model import BadGateway, Broken, Delivered, ResponseCase, lines

_FINAL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_LENGTH = lines(b"Content-Length: 2\r\n")


def _relayed(
    name: str, raw: bytes, *interim: int, version: bytes = b"HTTP/1.1", why: str = ""
) -> ResponseCase:
    return ResponseCase(
        f"interim-{name}",
        b"GET",
        raw + _FINAL,
        Delivered(200, _LENGTH, b"ok", interim=interim),
        version=version,
        why=why,
    )


def _bad(name: str, raw: bytes, *, asks: bytes = b"", why: str = "") -> ResponseCase:
    return ResponseCase(f"interim-{name}", b"GET", raw, BadGateway(), eof=True, asks=asks, why=why)


CASES: tuple[ResponseCase, ...] = (
    _relayed("100", _CONTINUE, 100, why="RFC 9110 §15.2: relayed, asked for or not"),
    _relayed("102", b"HTTP/1.1 102 Processing\r\n\r\n", 102),
    _relayed("103", _HINTS, 103),
    _relayed("199", b"HTTP/1.1 199 Unassigned\r\n\r\n", 199),
    _relayed("several", _CONTINUE + _HINTS + _HINTS, 100, 103, 103),
    _relayed("thirty-two", _HINTS * 32, *([103] * 32)),
    _relayed(
        "from-1-0",
        b"HTTP/1.0 100 Continue\r\n\r\n",
        100,
        why="1.0 has no 1xx; Envoy and HAProxy shrug, and so do we",
    ),
    _relayed("to-1-0", _CONTINUE + _HINTS, version=b"HTTP/1.0", why="RFC 9110 §15.2: never to a 1.0 client"),
    ResponseCase(
        "interim-thirty-three",
        b"GET",
        _HINTS * 33 + _FINAL,
        Broken(),
        eof=True,
        why="an upstream that never answers",
    ),
    ResponseCase("interim-then-eof", b"POST", _CONTINUE, Broken(), eof=True),
    ResponseCase("interim-then-garbage", b"GET", _CONTINUE + b"garbage\r\n\r\n", Broken(), eof=True),
    ResponseCase(
        "interim-then-body", b"GET", _CONTINUE + b"hello" + _FINAL, Broken(), eof=True, why="1xx has no body"
    ),
    _bad("101-unasked", _SWITCH, why="RFC 9110 §15.2.2"),
    _bad("101-unasked-then-final", _SWITCH + _FINAL),
    _bad("101-no-upgrade", b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + _FINAL),
    _bad(
        "101-asked-for-h2c",
        _SWITCH,
        asks=b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        why="it was not passed on",
    ),
    _bad("field-bad", b"HTTP/1.1 103 Early Hints\r\nLink : x\r\n\r\n" + _FINAL),
    _bad("field-fold", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n y\r\n\r\n" + _FINAL),
    _bad("too-large", b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 66_000 + b"\r\n\r\n" + _FINAL),
)
