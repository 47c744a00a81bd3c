"""HEAD, 204 and 304: no body, whatever the fields say (RFC 9112 §6.3)."""

from tests.conformance.corpus.model import BadGateway, Delivered, ResponseCase, lines

_OK = b"HTTP/1.1 200 OK\r\n"
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n"
_NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n"
_LENGTH = b"Content-Length: 5\r\n"
_CODING = b"Transfer-Encoding: chunked\r\n"


def _head(name: str, block: bytes, *, eof: bool = False) -> ResponseCase:
    return ResponseCase(f"head-{name}", b"HEAD", _OK + block + b"\r\n", Delivered(200, lines(block)), eof=eof)


CASES: tuple[ResponseCase, ...] = (
    _head("length", _LENGTH),
    _head("length-huge", b"Content-Length: 999999999999\r\n"),
    ResponseCase("head-coding", b"HEAD", _OK + _CODING + b"\r\n", Delivered(200)),
    _head("nothing", b"X-A: 1\r\n"),
    _head("nothing-eof", b"X-A: 1\r\n", eof=True),
    ResponseCase(
        "head-404", b"HEAD", b"HTTP/1.1 404 Not Found\r\n" + _LENGTH + b"\r\n", Delivered(404, lines(_LENGTH))
    ),
    ResponseCase("head-204", b"HEAD", _NO_CONTENT + b"\r\n", Delivered(204)),
    ResponseCase(
        "head-1-0", b"HEAD", _OK + _LENGTH + b"\r\n", Delivered(200, lines(_LENGTH)), version=b"HTTP/1.0"
    ),
    ResponseCase(
        "head-length-twice", b"HEAD", _OK + _LENGTH + _LENGTH + b"\r\n", BadGateway(), why="RFC 9110 §8.6"
    ),
    ResponseCase("head-coding-and-length", b"HEAD", _OK + _LENGTH + _CODING + b"\r\n", BadGateway()),
    ResponseCase("head-length-invalid", b"HEAD", _OK + b"Content-Length: x\r\n\r\n", BadGateway()),
    ResponseCase("204", b"GET", _NO_CONTENT + b"X-A: 1\r\n\r\n", Delivered(204, lines(b"X-A: 1\r\n"))),
    ResponseCase("204-post", b"POST", _NO_CONTENT + b"\r\n", Delivered(204)),
    ResponseCase(
        "204-length-zero",
        b"GET",
        _NO_CONTENT + b"Content-Length: 0\r\n\r\n",
        Delivered(204),
        why="RFC 9110 §8.6: MUST NOT have one",
    ),
    ResponseCase("204-length", b"GET", _NO_CONTENT + _LENGTH + b"\r\n", Delivered(204), why="RFC 9110 §8.6"),
    ResponseCase("204-coding", b"GET", _NO_CONTENT + _CODING + b"\r\n", Delivered(204), why="RFC 9112 §6.1"),
    ResponseCase("204-to-1-0", b"GET", _NO_CONTENT + b"\r\n", Delivered(204), version=b"HTTP/1.0"),
    ResponseCase(
        "304", b"GET", _NOT_MODIFIED + b'ETag: "x"\r\n\r\n', Delivered(304, lines(b'ETag: "x"\r\n'))
    ),
    ResponseCase(
        "304-length",
        b"GET",
        _NOT_MODIFIED + _LENGTH + b"\r\n",
        Delivered(304, lines(_LENGTH)),
        why="RFC 9110 §8.6: of the 200",
    ),
    ResponseCase(
        "205-length-zero",
        b"GET",
        b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        Delivered(205, lines(b"Content-Length: 0\r\n")),
    ),
)
