"""Fields of one connection stay on it (RFC 9110 §7.6.1); fields of the mesh are ours."""

from tests.conformance.corpus.model import GET, HOST, POST, RequestCase, becomes, refused, same

_NOT_FOR_CONNECTION = {
    "host": b"Host",
    "content-length": b"Content-Length",
    "transfer-encoding": b"Transfer-Encoding",
    "signal": b"X-GT-Caller",
    "signal-lowercase": b"x-gt-bid",
    "host-in-list": b"close, Host",
    "lowercase": b"content-length",
    "coding-in-list": b"keep-alive ,\ttransfer-encoding",
}

_STRIPPED = {
    "keep-alive": b"Keep-Alive: timeout=5\r\n",
    "proxy-connection": b"Proxy-Connection: keep-alive\r\n",
    "proxy-authenticate": b"Proxy-Authenticate: Basic\r\n",
    "proxy-authorization": b"Proxy-Authorization: Basic x\r\n",
    "te": b"TE: trailers, deflate\r\n",
    "connection-keep-alive": b"Connection: keep-alive\r\n",
    "connection-empty": b"Connection:\r\n",
    "connection-commas": b"Connection: ,, keep-alive ,\r\n",
    "connection-names-field": b"Connection: X-Hop\r\nX-Hop: 1\r\n",
    "connection-names-later-and-earlier": b"X-Hop: 0\r\nConnection: x-hop\r\nX-HOP: 1\r\n",
    "connection-names-two": b"Connection: X-Hop, X-Hip\r\nX-Hip: 1\r\nX-Hop: 1\r\n",
    "connection-twice": b"Connection: X-Hop\r\nX-Hop: 1\r\nconnection: X-Hip\r\nX-Hip: 1\r\n",
    "connection-names-absent": b"Connection: X-Hop\r\n",
    "signal-caller": b"X-GT-Caller: kube-system/admin\r\n",
    "signal-bid": b"X-GT-Bid: 1000000\r\n",
    "signal-lowercase": b"x-gt-attempt: 3\r\n",
    "signal-uppercase": b"X-GT-REPUTATION: 1.0\r\n",
    "signal-unknown": b"X-GT-Anything: 1\r\n",
    "signal-twice": b"X-GT-Caller: a/b\r\nX-GT-Caller: c/d\r\n",
    "signal-auth": b"X-GT-Auth: v1 t=1,n=a,mac=00\r\n",
}

CASES: tuple[RequestCase, ...] = (
    *(
        refused(f"connection-{name}", POST + b"Connection: " + v + b"\r\nContent-Length: 2\r\n\r\nhi")
        for name, v in _NOT_FOR_CONNECTION.items()
    ),
    refused("connection-second-field", GET + b"Connection: close\r\nConnection: host\r\n\r\n"),
    *(
        RequestCase(
            f"strip-{name}",
            GET + b"X-A: 1\r\n" + block + b"X-B: 2\r\n\r\n",
            becomes(GET + b"X-A: 1\r\nX-B: 2\r\n"),
            why="RFC 9110 §7.6.1" if "signal" not in name else "the mesh speaks for itself",
        )
        for name, block in _STRIPPED.items()
    ),
    RequestCase("connection-close", GET + b"Connection: close\r\n\r\n", becomes(GET, closes=True)),
    RequestCase("connection-close-uppercase", GET + b"CONNECTION: CLOSE\r\n\r\n", becomes(GET, closes=True)),
    RequestCase("connection-close-in-list", GET + b"Connection: x, close\r\n\r\n", becomes(GET, closes=True)),
    RequestCase(
        "connection-keep-alive-1-0",
        b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
        becomes(GET, closes=True),
        why="RFC 9112 §9.3: a proxy does not persist with a 1.0 client",
    ),
    same(
        "via-kept", GET + b"Via: 1.0 fred, 1.1 p.example.net\r\n\r\n", why="RFC 9110 §7.6.3: ours is appended"
    ),
    same("via-two-kept", GET + b"Via: 1.0 fred\r\nX-A: 1\r\nvia: HTTP/1.1 b\r\n\r\n"),
    same("not-a-signal", GET + b"X-GTA: 5\r\nX_GT_Caller: a\r\nXX-GT-Caller: b\r\n\r\n"),
    same(
        "expect-unknown",
        POST + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\nhi",
        why="RFC 9110 §10.1.1: MAY 417",
    ),
    same(
        "max-forwards-kept", GET + b"Max-Forwards: 5\r\n\r\n", why="RFC 9110 §7.6.2: only TRACE and OPTIONS"
    ),
)
