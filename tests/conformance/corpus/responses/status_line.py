"""The status line (RFC 9112 §4)."""

from tests.conformance.corpus.model import BadGateway, Delivered, ResponseCase

_END = b"\r\nContent-Length: 2\r\n\r\nok"
_LENGTH = ((b"Content-Length", b"2"),)

_GOOD = {
    "ok": (b"HTTP/1.1 200 OK", 200),
    "no-reason": (b"HTTP/1.1 200 ", 200),
    "no-reason-no-space": (b"HTTP/1.1 200", 200),
    "long-reason": (b"HTTP/1.1 200 It is all right, as far as we can tell", 200),
    "reason-high-bytes": (b"HTTP/1.1 200 \xc3\xa7a va", 200),
    "reason-tab": (b"HTTP/1.1 200 all\tright", 200),
    "1-0": (b"HTTP/1.0 200 OK", 200),
    "201": (b"HTTP/1.1 201 Created", 201),
    "301": (b"HTTP/1.1 301 Moved Permanently", 301),
    "404": (b"HTTP/1.1 404 Not Found", 404),
    "500": (b"HTTP/1.1 500 Internal Server Error", 500),
    "299": (b"HTTP/1.1 299 Unassigned", 299),
    "599": (b"HTTP/1.1 599 Unassigned", 599),
}

_BAD = {
    "http-0-9": b"hello",
    "version-0-9": b"HTTP/0.9 200 OK",
    "version-1-2": b"HTTP/1.2 200 OK",
    "version-2-0": b"HTTP/2.0 200 OK",
    "version-2": b"HTTP/2 200 OK",
    "version-lowercase": b"http/1.1 200 OK",
    "version-two-digits": b"HTTP/1.10 200 OK",
    "version-icy": b"ICY 200 OK",
    "version-rtsp": b"RTSP/1.0 200 OK",
    "version-missing": b"200 OK",
    "no-space": b"HTTP/1.1200 OK",
    "two-spaces": b"HTTP/1.1  200 OK",
    "tab": b"HTTP/1.1\t200 OK",
    "leading-space": b" HTTP/1.1 200 OK",
    "code-missing": b"HTTP/1.1 OK",
    "code-two-digits": b"HTTP/1.1 20 OK",
    "code-four-digits": b"HTTP/1.1 2000 OK",
    "code-leading-zero": b"HTTP/1.1 0200 OK",
    "code-000": b"HTTP/1.1 000 Nothing",
    "code-099": b"HTTP/1.1 099 Nothing",
    "code-600": b"HTTP/1.1 600 Nothing",
    "code-999": b"HTTP/1.1 999 Nothing",
    "code-negative": b"HTTP/1.1 -20 OK",
    "code-signed": b"HTTP/1.1 +200 OK",
    "code-hex": b"HTTP/1.1 0x8 OK",
    "code-letters": b"HTTP/1.1 2xx OK",
    "code-decimal": b"HTTP/1.1 200.1 OK",
    "code-comma": b"HTTP/1.1 200, OK",
    "code-glued": b"HTTP/1.1 200OK",
    "reason-nul": b"HTTP/1.1 200 O\x00K",
    "reason-control": b"HTTP/1.1 200 O\x01K",
    "reason-bare-cr": b"HTTP/1.1 200 O\rK",
    "leading-crlf": b"\r\nHTTP/1.1 200 OK",
    "leading-nul": b"\x00HTTP/1.1 200 OK",
    "request": b"GET / HTTP/1.1",
    "tls-alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "html": b"<html><body>502</body></html>",
}

_WHY = {
    "leading-crlf": "RFC 9112 §2.2 forgives it in requests only; bytes before a response belong to another one",
    "code-600": "RFC 9110 §15: 100 to 599",
    "code-glued": "RFC 9112 §4: SP after the code",
}

CASES: tuple[ResponseCase, ...] = (
    *(
        ResponseCase(f"status-{name}", b"GET", line + _END, Delivered(code, _LENGTH, b"ok"))
        for name, (line, code) in _GOOD.items()
    ),
    *(
        ResponseCase(f"status-{name}", b"GET", line + _END, BadGateway(), why=_WHY.get(name, ""))
        for name, line in _BAD.items()
    ),
    ResponseCase(
        "status-line-bare-lf", b"GET", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", BadGateway()
    ),
    ResponseCase(
        "status-line-bare-cr", b"GET", b"HTTP/1.1 200 OK\rContent-Length: 2\r\n\r\nok", BadGateway()
    ),
)
