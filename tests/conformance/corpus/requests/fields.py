"""Field lines: names are tokens, values are visible, lines end in CRLF (RFC 9112 §5, RFC 9110 §5)."""

from tests.conformance.corpus.model import CRLF, GET, RequestCase, becomes, refused, same

_NOT_TOKEN = {
    "space": b"X A",
    "tab": b"X\tA",
    "paren": b"X(A",
    "paren-close": b"X)A",
    "comma": b"X,A",
    "slash": b"X/A",
    "semicolon": b"X;A",
    "less": b"X<A",
    "equals": b"X=A",
    "greater": b"X>A",
    "question": b"X?A",
    "at": b"X@A",
    "bracket": b"X[A",
    "backslash": b"X\\A",
    "bracket-close": b"X]A",
    "brace": b"X{A",
    "brace-close": b"X}A",
    "quote": b'X"A',
    "nul": b"X\x00A",
    "control": b"X\x01A",
    "delete": b"X\x7fA",
    "high-byte": b"X\xe9A",
    "utf-8": b"X\xc3\xa9A",
    "empty": b"",
    "trailing-space": b"X ",
    "trailing-tab": b"X\t",
    "bare-cr": b"X\rA",
    "leading-high-byte": b"\xffX",
}

_BAD_VALUES = {
    "nul": b"a\x00b",
    "control-1": b"a\x01b",
    "backspace": b"a\x08b",
    "vertical-tab": b"a\x0bb",
    "form-feed": b"a\x0cb",
    "escape": b"a\x1bb",
    "control-31": b"a\x1fb",
    "delete": b"a\x7fb",
    "bare-cr": b"a\rb",
    "bare-lf": b"a\nb",
    "bare-lf-field": b"a\nX-B: c",
    "bare-cr-field": b"a\rX-B: c",
    "nul-only": b"\x00",
    "control-leading": b"\x0ba",
    "control-trailing": b"a\x0b",
}

_GOOD_VALUES = {
    "empty": b"",
    "latin-1": b"caf\xe9",
    "utf-8": b"caf\xc3\xa9",
    "tab-inside": b"a\tb",
    "colon": b"a:b",
    "quoted": b'"a, b"; c="d\\"e"',
    "all-visible": bytes(range(0x21, 0x7F)),
    "spaces-inside": b"a   b",
    "4-kib": b"v" * 4096,
    "high-bytes": bytes(range(0x80, 0x100)),
}

CASES: tuple[RequestCase, ...] = (
    *(
        refused(f"field-name-{name}", GET + n + b": v\r\n\r\n", why="RFC 9110 §5.1: field-name = token")
        for name, n in _NOT_TOKEN.items()
    ),
    *(
        refused(f"field-value-{name}", GET + b"X-A: " + v + b"\r\n\r\n", why="RFC 9110 §5.5")
        for name, v in _BAD_VALUES.items()
    ),
    *(same(f"field-value-{name}", GET + b"X-A: " + v + b"\r\n\r\n") for name, v in _GOOD_VALUES.items()),
    refused("field-no-colon", GET + b"X-A\r\n\r\n"),
    refused("field-no-colon-value", GET + b"X-A v\r\n\r\n"),
    refused("field-colon-only", GET + b":\r\n\r\n"),
    refused("field-first-leading-space", b"GET / HTTP/1.1\r\n X-A: v\r\nHost: bus-service\r\n\r\n"),
    refused("field-fold-space", GET + b"X-A: a\r\n b\r\n\r\n", why="RFC 9112 §5.2: a server may refuse"),
    refused("field-fold-tab", GET + b"X-A: a\r\n\tb\r\n\r\n", why="RFC 9112 §5.2"),
    refused("field-fold-empty", GET + b"X-A: a\r\n \r\n\r\n", why="RFC 9112 §5.2"),
    refused("field-fold-field", GET + b"X-A: a\r\n Content-Length: 5\r\n\r\nhello", why="RFC 9112 §5.2"),
    refused("field-bare-lf-line-ends", GET[:-2] + b"\nX-A: a\n\n", why="RFC 9112 §2.2 lets us refuse"),
    refused("field-bare-lf-end-of-head", GET + b"X-A: a\r\n\n"),
    refused("field-bare-lf-both", GET + b"X-A: a\n\n"),
    refused("field-cr-cr-lf", GET + b"X-A: a\r\r\n\r\n"),
    refused("field-end-cr-only", GET + b"X-A: a\r\n\rX-B: b\r\n\r\n"),
    refused("field-lf-cr", GET + b"X-A: a\n\r\n\r\n"),
    same("field-name-all-token-characters", GET + b"!#$%&'*+-.^_`|~09azAZ: v\r\n\r\n", why="RFC 9110 §5.6.2"),
    same("field-name-underscore", GET + b"X_A: v\r\n\r\n"),
    same("field-name-single", GET + b"x: v\r\n\r\n"),
    same("field-name-digits", GET + b"123: v\r\n\r\n"),
    same("field-name-1-kib", GET + b"N" * 1024 + b": v\r\n\r\n"),
    same(
        "field-repeated",
        GET + b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nx-a: 4\r\n\r\n",
        why="order and spelling are kept",
    ),
    same("field-case-kept", GET + b"x-LOWER-Upper: MiXeD\r\n\r\n"),
    same("field-cookie-twice", GET + b"Cookie: a=1\r\nCookie: b=2\r\n\r\n"),
    same(
        "field-traceparent",
        GET + b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    ),
    same("field-b3", GET + b"X-B3-TraceId: 463ac35c9f6413ad\r\nX-B3-Sampled: 1\r\nb3: 0\r\n\r\n"),
    same("field-idempotency-key", GET + b'Idempotency-Key: "8e03978e-40d5"\r\n\r\n'),
    same("field-forwarded", GET + b"Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"),
    same("field-authorization", GET + b"Authorization: Bearer a.b.c\r\n\r\n"),
    same("field-range", GET + b'Range: bytes=0-1\r\nIf-Range: "x"\r\n\r\n'),
    same("field-accept-encoding", GET + b"Accept-Encoding: gzip;q=1.0, *;q=0\r\n\r\n"),
    RequestCase(
        "field-ows-trimmed",
        GET + b"X-A: \t a b \t \r\nX-B:c\r\n\r\n",
        becomes(GET + b"X-A: a b\r\nX-B: c\r\n"),
    ),
    RequestCase("field-ows-only", GET + b"X-A: \t \r\n\r\n", becomes(GET + b"X-A:\r\n")),
    same("field-many", GET + b"".join(b"X-%d: v\r\n" % n for n in range(20)) + CRLF),
)
