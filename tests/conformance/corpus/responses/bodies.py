"""Bodies with a length, bodies up to the end of the connection, and too many bytes (RFC 9112 §6.3, §8)."""

from tests.conformance.corpus.model import BadGateway, Broken, Delivered, ResponseCase, Truncated, lines

_OK = b"HTTP/1.1 200 OK\r\n"
_TWO = _OK + b"Content-Length: 2\r\n\r\nok"
_LENGTH_TWO = lines(b"Content-Length: 2\r\n")
_UNASKED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


def _delivered(
    name: str, block: bytes, body: bytes, *, eof: bool = False, method: bytes = b"GET"
) -> ResponseCase:
    return ResponseCase(
        name, method, _OK + block + b"\r\n" + body, Delivered(200, lines(block), body), eof=eof
    )


def _until_close(
    name: str, raw: bytes, expect: Delivered, *, version: bytes = b"HTTP/1.1", why: str = ""
) -> ResponseCase:
    return ResponseCase(f"until-close-{name}", b"GET", raw, expect, eof=True, version=version, why=why)


def _surplus(
    name: str, raw: bytes, expect: Delivered, *, method: bytes = b"GET", why: str = ""
) -> ResponseCase:
    return ResponseCase(f"surplus-{name}", method, raw, expect, surplus=True, why=why)


CASES: tuple[ResponseCase, ...] = (
    _delivered("length-zero", b"Content-Length: 0\r\n", b""),
    _delivered("length-leading-zeros", b"Content-Length: 0002\r\n", b"ok"),
    _delivered("length-post", b"Content-Length: 2\r\n", b"ok", method=b"POST"),
    _delivered("length-then-eof", b"Content-Length: 2\r\n", b"ok", eof=True),
    _delivered("length-40-kib", b"Content-Length: 40960\r\n", b"0123456789abcdef" * 2560),
    _delivered("length-body-looks-like-a-response", b"Content-Length: %d\r\n" % len(_TWO), _TWO),
    _delivered("length-underscore-is-another-field", b"Content_Length: 9\r\nContent-Length: 2\r\n", b"ok"),
    ResponseCase("length-to-1-0", b"GET", _TWO, Delivered(200, _LENGTH_TWO, b"ok"), version=b"HTTP/1.0"),
    _until_close("1-1", _OK + b"\r\nhello", Delivered(200, (), b"hello"), why="RFC 9112 §6.3: re-framed"),
    _until_close("empty", _OK + b"\r\n", Delivered(200, (), b"")),
    _until_close("1-0", b"HTTP/1.0 200 OK\r\n\r\nhello", Delivered(200, (), b"hello")),
    _until_close("connection-close", _OK + b"Connection: close\r\n\r\nhello", Delivered(200, (), b"hello")),
    _until_close(
        "looks-chunked", _OK + b"\r\n2\r\nhi\r\n0\r\n\r\n", Delivered(200, (), b"2\r\nhi\r\n0\r\n\r\n")
    ),
    _until_close("to-1-0", _OK + b"\r\nhello", Delivered(200, (), b"hello"), version=b"HTTP/1.0"),
    _until_close(
        "1-0-to-1-0", b"HTTP/1.0 200 OK\r\n\r\nhello", Delivered(200, (), b"hello"), version=b"HTTP/1.0"
    ),
    ResponseCase(
        "eof-in-length-body",
        b"GET",
        _OK + b"Content-Length: 10\r\n\r\nhello",
        Truncated(),
        eof=True,
        why="RFC 9112 §8",
    ),
    ResponseCase("eof-before-length-body", b"GET", _OK + b"Content-Length: 10\r\n\r\n", Broken(), eof=True),
    ResponseCase("eof-at-once", b"POST", b"", BadGateway(b"reset"), eof=True),
    ResponseCase("eof-in-status-line", b"POST", b"HTTP/1.1 20", BadGateway(b"reset"), eof=True),
    ResponseCase("eof-in-fields", b"POST", _OK + b"Content-Len", BadGateway(b"reset"), eof=True),
    ResponseCase(
        "eof-before-end-of-head", b"POST", _OK + b"Content-Length: 2\r\n", BadGateway(b"reset"), eof=True
    ),
    _surplus(
        "second-response", _TWO + _UNASKED, Delivered(200, _LENGTH_TWO, b"ok"), why="response queue poisoning"
    ),
    _surplus("bytes", _TWO + b"xx", Delivered(200, _LENGTH_TWO, b"ok")),
    _surplus("crlf", _TWO + b"\r\n", Delivered(200, _LENGTH_TWO, b"ok")),
    _surplus(
        "length-zero", _OK + b"Content-Length: 0\r\n\r\nok", Delivered(200, lines(b"Content-Length: 0\r\n"))
    ),
    _surplus(
        "chunked",
        _OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + _UNASKED,
        Delivered(200, (), b"ok"),
    ),
    _surplus(
        "head", _TWO, Delivered(200, _LENGTH_TWO), method=b"HEAD", why="RFC 9112 §6.3: HEAD has no body"
    ),
    _surplus(
        "head-chunked", _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Delivered(200), method=b"HEAD"
    ),
    _surplus("204", b"HTTP/1.1 204 No Content\r\n\r\n" + _UNASKED, Delivered(204)),
    _surplus("304", b"HTTP/1.1 304 Not Modified\r\n\r\n" + _UNASKED, Delivered(304)),
)
