"""The four forms of a request target (RFC 9112 §3.2)."""

from tests.conformance.corpus.model import (
    CRLF,
    HOST,
    RequestCase,
    Tunnelled,
    Unroutable,
    becomes,
    refused,
    same,
    sent,
)

_CONNECT = b"CONNECT bus-service:8080 HTTP/1.1\r\nHost: bus-service:8080\r\n"


def _get(target: bytes, head: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + head + CRLF


def _to(
    name: str, target: bytes, arrives: bytes, *, host: bytes = b"bus-service", why: str = ""
) -> RequestCase:
    """An absolute form and the origin form it becomes."""
    head = b"GET " + arrives + b" HTTP/1.1\r\nHost: " + host + CRLF
    return RequestCase(f"absolute-{name}", _get(target), becomes(head), why=why)


_UNCHANGED = {
    "query": b"/a?b=c&d=e",
    "query-empty": b"/a?",
    "query-twice": b"/a?b?c",
    "double-slash": b"//bus-service/x",
    "dot-segments": b"/a/../b/./c",
    "dot-segments-encoded": b"/%2e%2e/%2E",
    "encoded-slash": b"/a%2Fb",
    "encoded-nul": b"/%00",
    "encoded-crlf": b"/%0d%0aX:y",
    "percent-invalid": b"/%zz",
    "percent-truncated": b"/%",
    "semicolon": b"/;a=b",
    "sub-delims": b"/!$&'()*+,;=:@",
    "uri-in-query": b"/?u=http://a/b",
    "colon": b"/a:b",
    "at": b"/user@host",
    "quote": b'/"',
    "braces": b"/{a}",
    "pipe": b"/a|b",
    "brackets": b"/?a[]=1",
}

_BAD = {
    "relative": b"index.html",
    "query-only": b"?a=b",
    "fragment": b"/a#b",
    "fragment-empty": b"/a#",
    "fragment-in-query": b"/a?b#c",
    "backslash": b"\\a",
    "space": b"/a b",
    "nul": b"/a\x00b",
    "control": b"/a\x01b",
    "delete": b"/a\x7fb",
    "high-byte": b"/\xc3\xa9",
    "tab": b"/a\tb",
    "asterisk-get": b"*",
    "asterisk-path": b"*/a",
    "authority-get": b"bus-service:8080",
    "authority-get-no-port": b"bus-service",
    "absolute-https": b"https://bus-service/",
    "absolute-ftp": b"ftp://bus-service/",
    "absolute-ws": b"ws://bus-service/",
    "absolute-file": b"file:///etc/passwd",
    "absolute-unknown-scheme": b"x://bus-service/",
    "absolute-no-scheme": b"://bus-service/",
    "absolute-one-slash": b"http:/bus-service/",
    "absolute-no-slashes": b"http:bus-service",
    "absolute-empty-host": b"http:///x",
    "absolute-nothing": b"http://",
    "absolute-userinfo": b"http://user@bus-service/",
    "absolute-userinfo-password": b"http://user:pass@bus-service/",
    "absolute-userinfo-empty": b"http://@bus-service/",
    "absolute-port-letters": b"http://bus-service:abc/",
    "absolute-port-too-large": b"http://bus-service:65536/",
    "absolute-port-only": b"http://:80/",
    "absolute-fragment": b"http://bus-service/#x",
    "absolute-backslash": b"http://bus-service\\@other/",
    "absolute-space-in-host": b"http://bus service/",
    "absolute-bad-host": b"http://bus^service/",
    "absolute-ipv6-unclosed": b"http://[::1/",
}

_WHY = {
    "fragment": "RFC 9112 §3.2: no form has one",
    "high-byte": "RFC 3986 §2: not a URI character; HAProxy refuses it",
    "absolute-userinfo": "RFC 9110 §4.2.4",
    "absolute-https": "we would send it in clear",
    "asterisk-get": "RFC 9112 §3.2.4: OPTIONS only",
    "authority-get": "RFC 9112 §3.2.3: CONNECT only",
}

CASES: tuple[RequestCase, ...] = (
    *(same(f"target-{name}", _get(target)) for name, target in _UNCHANGED.items()),
    same("target-8-kib", _get(b"/" + b"a" * 8191)),
    *(refused(f"target-{name}", _get(target), why=_WHY.get(name, "")) for name, target in _BAD.items()),
    _to("form", b"http://bus-service/x?y", b"/x?y"),
    _to("scheme-uppercase", b"HTTP://bus-service/x", b"/x", why="RFC 3986 §3.1: case-insensitive"),
    _to("host-uppercase", b"http://BUS-SERVICE/x", b"/x", host=b"BUS-SERVICE"),
    _to("no-path", b"http://bus-service", b"/", why="RFC 9112 §3.2.1"),
    _to("no-path-query", b"http://bus-service?a=b", b"/?a=b", why="RFC 9112 §3.2.1"),
    _to("port", b"http://bus-service:8080/x", b"/x", host=b"bus-service:8080"),
    _to("at-in-path", b"http://bus-service/@x", b"/@x"),
    _to("at-in-query", b"http://bus-service?@x", b"/?@x"),
    _to("double-slash", b"http://bus-service//x", b"//x"),
    RequestCase(
        "absolute-host-replaced",
        _get(b"http://bus-service/x", b"Accept: */*\r\nhost: other:99\r\nX-A: 1\r\n"),
        becomes(b"GET /x HTTP/1.1\r\nAccept: */*\r\nhost: bus-service\r\nX-A: 1\r\n"),
        why="RFC 9112 §3.2.2: the target decides, the received Host is ignored",
    ),
    refused("absolute-host-missing", _get(b"http://bus-service/", b""), why="RFC 9112 §3.2: still required"),
    refused("absolute-host-twice", _get(b"http://bus-service/", HOST + HOST)),
    refused("absolute-host-invalid", _get(b"http://bus-service/", b"Host: a/@b c\r\n")),
    RequestCase(
        "absolute-1-0-host-inserted",
        b"GET http://bus-service/x HTTP/1.0\r\nAccept: */*\r\n\r\n",
        becomes(b"GET /x HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n", closes=True),
    ),
    RequestCase(
        "absolute-unknown", _get(b"http://nobody/x"), Unroutable(), why="Host does not override the target"
    ),
    same("asterisk-options", b"OPTIONS * HTTP/1.1\r\n" + HOST + CRLF),
    RequestCase(
        "absolute-options-no-path",
        b"OPTIONS http://bus-service HTTP/1.1\r\n" + HOST + CRLF,
        becomes(b"OPTIONS * HTTP/1.1\r\n" + HOST),
        why="RFC 9112 §3.2.4: the last proxy sends *",
    ),
    RequestCase(
        "absolute-options-path",
        b"OPTIONS http://bus-service/ HTTP/1.1\r\n" + HOST + CRLF,
        becomes(b"OPTIONS / HTTP/1.1\r\n" + HOST),
    ),
    *(
        refused(
            f"connect-{name}", b"CONNECT " + target + b" HTTP/1.1\r\n" + HOST + CRLF, why="RFC 9112 §3.2.3"
        )
        for name, target in {
            "no-port": b"bus-service",
            "empty-port": b"bus-service:",
            "bad-port": b"bus-service:http",
            "port-too-large": b"bus-service:65536",
            "origin-form": b"/",
            "absolute-form": b"http://bus-service:8080/",
            "asterisk": b"*",
            "path": b"bus-service:8080/x",
            "userinfo": b"user@bus-service:8080",
            "no-host": b":8080",
        }.items()
    ),
    RequestCase(
        "connect-tunnel",
        b"CONNECT bus-service:8080 HTTP/1.1\r\nHost: bus-service:8080\r\n\r\n" + _get(b"/x"),
        Tunnelled(sent(_get(b"/x")[:-2])),
        why="RFC 9110 §9.3.6: nothing is added inside a tunnel",
    ),
    RequestCase(
        "connect-unknown",
        b"CONNECT nobody:8080 HTTP/1.1\r\nHost: nobody:8080\r\n\r\n",
        Unroutable(),
    ),
    refused(
        "connect-with-length", _CONNECT + b"Content-Length: 5\r\n\r\nhello", why="RFC 9110 §9.3.6: no content"
    ),
    refused(
        "connect-with-coding",
        _CONNECT + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        why="RFC 9110 §9.3.6",
    ),
    refused("connect-no-host-field", b"CONNECT bus-service:8080 HTTP/1.1\r\n\r\n", why="RFC 9112 §3.2"),
    same("target-unchanged-with-host-last", b"GET /x HTTP/1.1\r\nA: 1\r\n" + HOST + CRLF),
)
