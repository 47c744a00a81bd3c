"""Trailers: the grammar of fields, and some that must not be there (RFC 9110 §6.5.1)."""

from tests.conformance.corpus.model import (
    CHUNKED,
    CRLF,
    POST,
    SMUGGLED,
    RequestCase,
    becomes,
    chunked,
    refused,
)

_BODY = b"2\r\nhi\r\n0\r\n"

_BAD = {
    "no-colon": b"X-T\r\n",
    "empty-name": b": v\r\n",
    "space-before-colon": b"X-T : v\r\n",
    "space-in-name": b"X T: v\r\n",
    "not-a-token": b"X(T: v\r\n",
    "fold": b"X-T: a\r\n b\r\n",
    "leading-space": b" X-T: v\r\n",
    "nul": b"X-T: a\x00b\r\n",
    "control": b"X-T: a\x01b\r\n",
    "delete": b"X-T: a\x7fb\r\n",
    "bare-cr": b"X-T: a\rb\r\n",
    "bare-lf": b"X-T: a\nX-U: b\r\n",
    "bare-lf-end": b"X-T: a\n",
    "request-line": b"GET / HTTP/1.1\r\n",
}

_FORBIDDEN = {
    "transfer-encoding": b"Transfer-Encoding: chunked\r\n",
    "content-length": b"Content-Length: 33\r\n",
    "host": b"Host: other\r\n",
    "signal": b"X-GT-Caller: other/other\r\n",
    "signal-case": b"x-gt-bid: 9\r\n",
    "content-type": b"Content-Type: text/html\r\n",
    "content-encoding": b"Content-Encoding: gzip\r\n",
    "content-range": b"Content-Range: bytes 0-1/2\r\n",
    "authorization": b"Authorization: Basic x\r\n",
    "proxy-authorization": b"Proxy-Authorization: Basic x\r\n",
    "connection": b"Connection: close\r\n",
    "te": b"TE: trailers\r\n",
    "trailer": b"Trailer: X-T\r\n",
    "upgrade": b"Upgrade: websocket\r\n",
}


CASES: tuple[RequestCase, ...] = (
    chunked("trailer", _BODY + b"X-T: v\r\n\r\n", b"hi", b"X-T: v\r\n"),
    chunked("trailer-two", _BODY + b"X-T: v\r\nx-t: w\r\n\r\n", b"hi", b"X-T: v\r\nx-t: w\r\n"),
    chunked("trailer-ows", _BODY + b"X-T:\t v \r\n\r\n", b"hi", b"X-T: v\r\n"),
    chunked("trailer-empty-value", _BODY + b"X-T:\r\n\r\n", b"hi", b"X-T:\r\n"),
    chunked("trailer-high-bytes", _BODY + b"X-T: caf\xc3\xa9\r\n\r\n", b"hi", b"X-T: caf\xc3\xa9\r\n"),
    chunked("trailer-no-body", b"0\r\nX-T: v\r\n\r\n", b"", b"X-T: v\r\n"),
    RequestCase(
        "trailer-announced",
        POST + b"Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n" + _BODY + b"X-T: v\r\n\r\n",
        becomes(POST + b"Trailer: X-T\r\nTransfer-Encoding: chunked\r\n", b"hi", b"X-T: v\r\n"),
    ),
    chunked(
        "trailer-hundred",
        _BODY + b"".join(b"X-%d: v\r\n" % n for n in range(100)) + CRLF,
        b"hi",
        b"".join(b"X-%d: v\r\n" % n for n in range(100)),
    ),
    *(
        refused(f"trailer-{name}", CHUNKED + _BODY + block + CRLF, why="RFC 9112 §7.1.2")
        for name, block in _BAD.items()
    ),
    refused("trailer-end-bare-lf", CHUNKED + _BODY + b"X-T: v\r\n\n"),
    refused(
        "trailer-is-a-request", CHUNKED + _BODY + SMUGGLED, why="a forgotten CRLF does not start a request"
    ),
    *(
        chunked(
            f"trailer-dropped-{name}",
            _BODY + line + b"X-T: v\r\n\r\n",
            b"hi",
            b"X-T: v\r\n",
            why="RFC 9110 §6.5.1",
        )
        for name, line in _FORBIDDEN.items()
    ),
    chunked("trailer-dropped-all", _BODY + b"Content-Length: 33\r\nHost: other\r\n\r\n", b"hi"),
    refused(
        "trailer-hundred-and-one",
        CHUNKED + _BODY + b"".join(b"X-%d: v\r\n" % n for n in range(101)) + CRLF,
        431,
    ),
    refused("trailer-too-large", CHUNKED + _BODY + b"X-T: " + b"v" * 66_000 + b"\r\n\r\n", 431),
    refused(
        "trailers-too-large", CHUNKED + _BODY + b"".join([b"X-T: " + b"v" * 8192 + CRLF] * 9) + CRLF, 431
    ),
)
