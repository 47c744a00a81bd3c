"""Where a response ends: one way to say so, or the connection's end (RFC 9112 §6.3)."""

from tests.conformance.corpus.model import BadGateway, ResponseCase

_OK = b"HTTP/1.1 200 OK\r\n"
_ZERO = b"0\r\n\r\n"

_BAD_LENGTHS = {
    "empty": b"",
    "plus": b"+2",
    "minus": b"-1",
    "hex": b"0x2",
    "float": b"2.0",
    "list-same": b"2, 2",
    "list-different": b"2, 3",
    "trailing-comma": b"2,",
    "inner-space": b"2 2",
    "letters": b"two",
    "junk-after": b"2x",
    "nineteen-digits": b"1000000000000000000",
    "overflow-64": b"18446744073709551618",
}

_BAD_CODINGS = {
    "empty": b"",
    "gzip": b"gzip",
    "gzip-chunked": b"gzip, chunked",
    "chunked-gzip": b"chunked, gzip",
    "identity": b"identity",
    "chunked-identity": b"chunked, identity",
    "chunked-twice": b"chunked, chunked",
    "prefixed": b"xchunked",
    "suffixed": b"chunkedx",
    "quoted": b'"chunked"',
    "parameter": b"chunked;q=1",
    "trailing-comma": b"chunked,",
}

_BOTH = {
    "length-twice-same": b"Content-Length: 2\r\nContent-Length: 2\r\n",
    "length-twice-different": b"Content-Length: 2\r\ncontent-length: 3\r\n",
    "coding-twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "coding-twice-identity": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "coding-twice-empty-first": b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
    "coding-twice-empty-last": b"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
    "coding-empty-and-length": b"Transfer-Encoding:\r\nContent-Length: 5\r\n",
    "coding-and-length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "length-and-coding": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "coding-and-length-zero": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    "coding-vertical-tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "coding-space-before-colon": b"Transfer-Encoding : chunked\r\n",
    "coding-folded": b"Transfer-Encoding:\r\n chunked\r\n",
}


def _bad(name: str, block: bytes, body: bytes, why: str = "RFC 9112 §6.3") -> ResponseCase:
    return ResponseCase(name, b"GET", _OK + block + b"\r\n" + body, BadGateway(), eof=True, why=why)


CASES: tuple[ResponseCase, ...] = (
    *(_bad(f"length-{name}", b"Content-Length: " + v + b"\r\n", b"ok") for name, v in _BAD_LENGTHS.items()),
    *(
        _bad(f"coding-{name}", b"Transfer-Encoding: " + v + b"\r\n", _ZERO, "RFC 9112 §6.1")
        for name, v in _BAD_CODINGS.items()
    ),
    *(_bad(name, block, _ZERO) for name, block in _BOTH.items()),
    ResponseCase(
        "coding-on-1-0",
        b"GET",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + _ZERO,
        BadGateway(),
        eof=True,
        why="RFC 9112 §6.1: its framing is faulty",
    ),
)
