"""Response fields: the same grammar; our own and the connection's are taken out (RFC 9110 §7.6.1)."""

from tests.conformance.corpus.model import CRLF, BadGateway, Delivered, ResponseCase, lines

_OK = b"HTTP/1.1 200 OK\r\n"
_END = b"Content-Length: 2\r\n\r\nok"

_BAD = {
    "no-colon": b"X-A\r\n",
    "empty-name": b": v\r\n",
    "space-before-colon": b"X-A : v\r\n",
    "tab-before-colon": b"X-A\t: v\r\n",
    "space-in-name": b"X A: v\r\n",
    "not-a-token": b"X(A: v\r\n",
    "name-high-byte": b"X\xe9A: v\r\n",
    "name-nul": b"X\x00A: v\r\n",
    "leading-space": b" X-A: v\r\n",
    "fold-space": b"X-A: a\r\n b\r\n",
    "fold-tab": b"X-A: a\r\n\tb\r\n",
    "fold-hides-length": b"X-A: a\r\n Content-Length: 0\r\n",
    "nul": b"X-A: a\x00b\r\n",
    "control": b"X-A: a\x01b\r\n",
    "vertical-tab": b"X-A: a\x0bb\r\n",
    "delete": b"X-A: a\x7fb\r\n",
    "bare-cr": b"X-A: a\rb\r\n",
    "bare-lf": b"X-A: a\nX-B: b\r\n",
    "cr-cr-lf": b"X-A: a\r\r\n",
}

_STRIPPED = {
    "keep-alive": b"Keep-Alive: timeout=5\r\n",
    "connection": b"Connection: keep-alive\r\n",
    "connection-close": b"Connection: close\r\n",
    "connection-names": b"Connection: X-Hop\r\nX-Hop: 1\r\n",
    "connection-twice": b"Connection: X-Hop\r\nX-Hop: 1\r\nconnection: x-hip\r\nX-HIP: 1\r\n",
    "proxy-connection": b"Proxy-Connection: keep-alive\r\n",
    "proxy-authenticate": b"Proxy-Authenticate: Basic\r\n",
    "upgrade": b"Upgrade: h2c\r\n",
    "signal": b"X-GT-Congestion: 0.5\r\n",
    "signal-case": b"x-gt-regret: a=1\r\n",
    "signal-unknown": b"X-GT-Anything: 1\r\n",
    "signal-reason": b"X-GT-Reason: malformed\r\n",
}

_KEPT = {
    "repeated": b"Set-Cookie: a=1\r\nX-A: 1\r\nSet-Cookie: b=2\r\n",
    "case": b"x-lower: a\r\nX-UPPER: b\r\n",
    "high-bytes": b"X-A: caf\xc3\xa9\r\n",
    "empty": b"X-A:\r\n",
    "token-characters": b"!#$%&'*+-.^_`|~09azAZ: v\r\n",
    "server-date-via": b"Server: s\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: 1.0 fred\r\n",
    "etag": b'ETag: W/"x"\r\nCache-Control: no-store\r\n',
    "4-kib": b"X-A: " + b"v" * 4096 + b"\r\n",
    "ninety-nine": b"".join(b"X-%d: v\r\n" % n for n in range(99)),
}


CASES: tuple[ResponseCase, ...] = (
    *(
        ResponseCase(f"field-{name}", b"GET", _OK + block + _END, BadGateway())
        for name, block in _BAD.items()
    ),
    *(
        ResponseCase(
            f"strip-{name}",
            b"GET",
            _OK + b"X-A: 1\r\n" + block + b"X-B: 2\r\n" + _END,
            Delivered(200, lines(b"X-A: 1\r\nX-B: 2\r\nContent-Length: 2\r\n"), b"ok"),
        )
        for name, block in _STRIPPED.items()
    ),
    *(
        ResponseCase(
            f"keep-{name}",
            b"GET",
            _OK + block + _END,
            Delivered(200, (*lines(block), (b"Content-Length", b"2")), b"ok"),
        )
        for name, block in _KEPT.items()
    ),
    ResponseCase(
        "field-ows-trimmed",
        b"GET",
        _OK + b"X-A:\t a \t\r\nX-B:b\r\n" + _END,
        Delivered(200, lines(b"X-A: a\r\nX-B: b\r\nContent-Length: 2\r\n"), b"ok"),
    ),
    ResponseCase("field-bare-lf-end-of-head", b"GET", _OK + b"Content-Length: 2\r\n\nok", BadGateway()),
    ResponseCase("field-bare-lf-everywhere", b"GET", (_OK + _END).replace(CRLF, b"\n"), BadGateway()),
    ResponseCase(
        "field-hundred-and-one",
        b"GET",
        _OK + b"".join(b"X-%d: v\r\n" % n for n in range(100)) + _END,
        BadGateway(),
    ),
    ResponseCase("head-too-large", b"GET", _OK + b"X-A: " + b"v" * 66_000 + CRLF + _END, BadGateway()),
    ResponseCase(
        "head-too-large-in-ten", b"GET", _OK + (b"X-A: " + b"v" * 8000 + CRLF) * 10 + _END, BadGateway()
    ),
    ResponseCase("head-endless", b"GET", _OK + b"X-A: " + b"v" * 70_000, BadGateway()),
)
