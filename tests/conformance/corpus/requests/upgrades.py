"""Switching protocols: websocket and nothing else (RFC 9110 §7.8, RFC 6455 §4)."""

from dataclasses import replace

from tests.conformance.corpus.model import (
    CRLF,
    GET,
    HOST,
    POST,
    SMUGGLED,
    Forwarded,
    RequestCase,
    becomes,
    sent,
)
from tests.support.upstream import Answer

_KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
_WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_SWITCHED = Answer(
    (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",),
    eof=True,
)
_SWITCHED_AND_HEARD = replace(_SWITCHED, tunnel_bytes=7)
_ASKED = GET + _WEBSOCKET + _KEY

CASES: tuple[RequestCase, ...] = (
    RequestCase(
        "upgrade-websocket",
        _ASKED + CRLF,
        Forwarded((sent(_ASKED),), closes=True),
        answer=_SWITCHED,
        why="RFC 6455",
    ),
    RequestCase(
        "upgrade-websocket-case",
        GET + b"connection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n" + _KEY + CRLF,
        Forwarded((sent(GET + b"connection: Upgrade\r\nupgrade: WebSocket\r\n" + _KEY),), closes=True),
        answer=_SWITCHED,
    ),
    RequestCase(
        "upgrade-websocket-declined", _ASKED + CRLF, becomes(_ASKED), why="RFC 9110 §7.8: may be ignored"
    ),
    RequestCase(
        "upgrade-websocket-pipelined",
        _ASKED + CRLF + SMUGGLED,
        Forwarded((sent(_ASKED), sent(SMUGGLED[:-2]))),
        why="declined: what follows is a request, held back until then",
    ),
    RequestCase(
        "upgrade-websocket-early-frames",
        _ASKED + CRLF + b"\x81\x05hello",
        Forwarded((sent(_ASKED),), closes=True, tunnel=b"\x81\x05hello"),
        answer=_SWITCHED_AND_HEARD,
        why="frames sent before the 101 belong to the tunnel",
    ),
    RequestCase(
        "upgrade-h2c",
        GET
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        becomes(GET),
        why="h2c smuggling: the upstream must not switch behind our back",
    ),
    RequestCase(
        "upgrade-h2c-settings-not-named",
        GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        becomes(GET),
    ),
    RequestCase("upgrade-other", GET + b"Connection: Upgrade\r\nUpgrade: irc/6.9\r\n\r\n", becomes(GET)),
    RequestCase("upgrade-tls", GET + b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n", becomes(GET)),
    RequestCase("upgrade-empty", GET + b"Connection: Upgrade\r\nUpgrade:\r\n\r\n", becomes(GET)),
    RequestCase(
        "upgrade-list",
        GET + b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n" + _KEY + CRLF,
        becomes(GET + _KEY),
        why="not exactly websocket",
    ),
    RequestCase(
        "upgrade-two-fields",
        GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n" + _KEY + CRLF,
        becomes(GET + _KEY),
        why="not exactly websocket",
    ),
    RequestCase(
        "upgrade-two-fields-empty-first",
        GET + b"Connection: Upgrade\r\nUpgrade:\r\nUpgrade: websocket\r\n" + _KEY + CRLF,
        becomes(GET + _KEY),
        why="not exactly websocket",
    ),
    RequestCase(
        "upgrade-not-in-connection",
        GET + b"Upgrade: websocket\r\n" + _KEY + CRLF,
        becomes(GET + _KEY),
        why="RFC 9110 §7.8",
    ),
    RequestCase(
        "upgrade-only-in-connection", GET + b"Connection: Upgrade\r\n" + _KEY + CRLF, becomes(GET + _KEY)
    ),
    RequestCase(
        "upgrade-websocket-with-body",
        POST + _WEBSOCKET + _KEY + b"Content-Length: 5\r\n\r\nhello",
        becomes(POST + _KEY + b"Content-Length: 5\r\n", b"hello"),
        why="a body and a tunnel cannot share the bytes that follow",
    ),
    RequestCase(
        "upgrade-websocket-with-chunked-body",
        GET + _WEBSOCKET + _KEY + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        becomes(GET + _KEY + b"Transfer-Encoding: chunked\r\n", b"hi"),
    ),
    RequestCase(
        "upgrade-1-0",
        b"GET / HTTP/1.0\r\n" + HOST + _WEBSOCKET + _KEY + CRLF,
        becomes(GET + _KEY, closes=True),
        why="RFC 9110 §7.8: ignored from a 1.0 client",
    ),
)
