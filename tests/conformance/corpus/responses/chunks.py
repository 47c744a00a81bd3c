"""Chunked responses: understood and framed anew, or broken where they break (RFC 9112 §7.1)."""

from tests.conformance.corpus.model import Broken, Delivered, ResponseCase, lines

_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
_HI = b"2\r\nhi\r\n"

_GOOD = {
    "plain": _HI + _END,
    "two": b"1\r\nh\r\n1\r\ni\r\n" + _END,
    "leading-zeros": b"0002\r\nhi\r\n000\r\n\r\n",
    "extension": b"2;x=y\r\nhi\r\n0;z\r\n\r\n",
}

_BAD = {
    "hex-prefix": b"0x2\r\nhi\r\n" + _END,
    "minus": b"-2\r\nhi\r\n" + _END,
    "plus": b"+2\r\nhi\r\n" + _END,
    "leading-space": b" 2\r\nhi\r\n" + _END,
    "trailing-space": b"2 \r\nhi\r\n" + _END,
    "not-hex": b"g\r\nhi\r\n" + _END,
    "empty-size": b"\r\nhi\r\n" + _END,
    "seventeen-digits": b"00000000000000002\r\nhi\r\n" + _END,
    "bare-lf": b"2\nhi\r\n" + _END,
    "data-bare-lf": b"2\r\nhi\n" + _END,
    "data-no-crlf": b"2\r\nhi" + _END,
    "data-too-long": b"2\r\nhim\r\n" + _END,
    "extension-bare-lf": b"2;x\ny\r\nhi\r\n" + _END,
    "extension-nul": b"2;x\x00\r\nhi\r\n" + _END,
    "line-too-long": b"2;" + b"x" * 5000 + b"\r\nhi\r\n" + _END,
    "not-chunked": b"hello, world\r\n",
    "last-bare-lf": _HI + b"0\n\n",
    "trailer-no-colon": _HI + b"0\r\nX-T\r\n\r\n",
    "trailer-fold": _HI + b"0\r\nX-T: a\r\n b\r\n\r\n",
    "trailer-nul": _HI + b"0\r\nX-T: a\x00\r\n\r\n",
    "trailer-space-before-colon": _HI + b"0\r\nX-T : a\r\n\r\n",
    "trailers-hundred-and-one": _HI + b"0\r\n" + b"".join(b"X-%d: v\r\n" % n for n in range(101)) + b"\r\n",
    "trailers-too-large": _HI + b"0\r\nX-T: " + b"v" * 66_000 + b"\r\n\r\n",
}

_INCOMPLETE = {
    "before-body": b"",
    "in-size": b"5",
    "in-data": b"5\r\nhel",
    "after-data": b"5\r\nhello",
    "before-last": b"5\r\nhello\r\n",
    "in-last": b"5\r\nhello\r\n0\r\n",
    "in-trailers": b"5\r\nhello\r\n0\r\nX-T: v\r\n",
}

_TRAILERS = {
    "plain": (b"X-T: v\r\n", b"X-T: v\r\n"),
    "two": (b"X-T: v\r\nGrpc-Status: 0\r\n", b"X-T: v\r\nGrpc-Status: 0\r\n"),
    "length-dropped": (b"Content-Length: 9\r\nX-T: v\r\n", b"X-T: v\r\n"),
    "coding-dropped": (b"Transfer-Encoding: chunked\r\nX-T: v\r\n", b"X-T: v\r\n"),
    "signal-dropped": (b"X-GT-Reputation: 1\r\nX-T: v\r\n", b"X-T: v\r\n"),
}

CASES: tuple[ResponseCase, ...] = (
    *(
        ResponseCase(f"chunk-{name}", b"GET", _HEAD + body, Delivered(200, (), b"hi"))
        for name, body in _GOOD.items()
    ),
    ResponseCase("chunk-empty", b"GET", _HEAD + _END, Delivered(200)),
    ResponseCase(
        "chunk-uppercase",
        b"GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + _HI + _END,
        Delivered(200, (), b"hi"),
    ),
    ResponseCase(
        "chunk-16-kib",
        b"GET",
        _HEAD + b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + _END,
        Delivered(200, (), b"x" * 0x4000),
    ),
    *(
        ResponseCase(
            f"trailer-{name}",
            b"GET",
            _HEAD + _HI + b"0\r\n" + block + b"\r\n",
            Delivered(200, (), b"hi", lines(kept)),
        )
        for name, (block, kept) in _TRAILERS.items()
    ),
    ResponseCase(
        "chunk-to-1-0",
        b"GET",
        _HEAD + _HI + b"0\r\nX-T: v\r\n\r\n",
        Delivered(200, (), b"hi"),
        version=b"HTTP/1.0",
        why="RFC 9112 §6.1: no transfer coding to a 1.0 client",
    ),
    *(ResponseCase(f"chunk-{name}", b"GET", _HEAD + body, Broken(), eof=True) for name, body in _BAD.items()),
    *(
        ResponseCase(f"chunk-incomplete-{name}", b"GET", _HEAD + body, Broken(), eof=True, why="RFC 9112 §8")
        for name, body in _INCOMPLETE.items()
    ),
)
