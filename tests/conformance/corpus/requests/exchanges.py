"""More than one message, or not quite one: pipelining, Expect, early answers, half-closes (RFC 9112 §9)."""

from tests.conformance.corpus.model import (
    CHUNKED,
    CRLF,
    GET,
    HOST,
    POST,
    Abandoned,
    Answered,
    Forwarded,
    Refused,
    RequestCase,
    Sent,
    becomes,
    sent,
)
from tests.support.upstream import OK, Answer

_ONE = GET + CRLF
_TWO = b"GET /2 HTTP/1.1\r\n" + HOST + CRLF
_THREE = b"GET /3 HTTP/1.1\r\n" + HOST + CRLF
_HELLO = POST + b"Content-Length: 5\r\n\r\nhello"
_HELLO_CHUNKED = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"

_get, _two, _three = sent(GET), sent(_TWO[:-2]), sent(_THREE[:-2])
_hello = sent(POST + b"Content-Length: 5\r\n", b"hello")
_hello_chunked = sent(CHUNKED[:-2], b"hello")

_CONTINUE = Answer(OK.parts, on_head=b"HTTP/1.1 100 Continue\r\n\r\n")
_EARLY = Answer((b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",), when="head")
_EXPECTING = POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n"


def _pipelined(name: str, raw: bytes, *messages: Sent, why: str = "RFC 9112 §9.3.2") -> RequestCase:
    return RequestCase(f"pipelined-{name}", raw, Forwarded(messages), why=why)


def _then_refused(name: str, raw: bytes, *messages: Sent, status: int = 400, why: str = "") -> RequestCase:
    return RequestCase(f"pipelined-{name}", raw, Forwarded(messages, then=Refused(status)), why=why)


def _first_only(name: str, raw: bytes, message: Sent, why: str) -> RequestCase:
    return RequestCase(f"pipelined-{name}", raw, Forwarded((message,), closes=True), why=why)


def _half_closed(name: str, raw: bytes, *messages: Sent, closes: bool = True, why: str = "") -> RequestCase:
    expect = Forwarded(messages, closes=closes) if messages else Abandoned()
    return RequestCase(f"half-close-{name}", raw, expect, why=why, half_close=True)


CASES: tuple[RequestCase, ...] = (
    _pipelined("two", _ONE + _TWO, _get, _two),
    _pipelined("three", _ONE + _TWO + _THREE, _get, _two, _three),
    _pipelined("sixteen", _ONE + _TWO * 15, _get, *([_two] * 15)),
    _pipelined("length-then-get", _HELLO + _TWO, _hello, _two),
    _pipelined("chunked-then-get", _HELLO_CHUNKED + _TWO, _hello_chunked, _two),
    _pipelined("get-then-chunked", _ONE + _HELLO_CHUNKED, _get, _hello_chunked),
    _pipelined(
        "head-then-get", _ONE.replace(b"GET", b"HEAD") + _TWO, sent(GET.replace(b"GET", b"HEAD")), _two
    ),
    _pipelined(
        "get-body-then-get",
        GET + b"Content-Length: 5\r\n\r\nhello" + _TWO,
        sent(GET + b"Content-Length: 5\r\n", b"hello"),
        _two,
    ),
    _pipelined(
        "underscore-length",
        POST + b"Content_Length: 5\r\n\r\n" + _TWO,
        sent(POST + b"Content_Length: 5\r\n"),
        _two,
        why="another field: the body is empty",
    ),
    _pipelined(
        "trailers-then-get",
        CHUNKED + b"0\r\nX-T: v\r\n\r\n" + _TWO,
        sent(CHUNKED[:-2], b"", b"X-T: v\r\n"),
        _two,
    ),
    _pipelined("crlf-after-post", _HELLO + CRLF + _TWO, _hello, _two, why="RFC 9112 §2.2: one is ignored"),
    _then_refused("crlf-twice-after-post", _HELLO + CRLF * 2 + _TWO, _hello),
    _then_refused("then-garbage", _ONE + b"garbage\r\n\r\n", _get),
    _then_refused("then-unknown-method", _ONE + b"BREW / HTTP/1.1\r\n" + HOST + CRLF, _get, status=501),
    _then_refused("then-no-host", _ONE + b"GET / HTTP/1.1\r\n\r\n", _get),
    _then_refused(
        "then-cl-te", _ONE + POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", _get
    ),
    _then_refused("then-bad-chunk", _ONE + CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", _get),
    _then_refused(
        "body-longer-than-length",
        POST + b"Content-Length: 3\r\n\r\nhello\r\n\r\n",
        sent(POST + b"Content-Length: 3\r\n", b"hel"),
        why="`lo` is not a request line",
    ),
    _then_refused(
        "then-http2-preface",
        _ONE + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        _get,
        why="only the first bytes of a connection can be one",
    ),
    _first_only(
        "after-close", GET + b"Connection: close\r\n\r\n" + _TWO, _get, "RFC 9112 §9.6: nothing after close"
    ),
    _first_only(
        "after-1-0", b"GET / HTTP/1.0\r\n" + HOST + CRLF + _TWO, _get, "RFC 9112 §9.3: 1.0 does not persist"
    ),
    _first_only(
        "after-post-close",
        POST + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello" + _TWO,
        _hello,
        "RFC 9112 §9.6",
    ),
    RequestCase(
        "pipelined-after-1-0-keep-alive",
        b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n" + _TWO,
        Forwarded((_get,), closes=True),
        why="RFC 9112 §9.3: a proxy does not persist with a 1.0 client",
    ),
    RequestCase(
        "expect-continue",
        _EXPECTING + b"\r\nhello",
        becomes(_EXPECTING, b"hello"),
        answer=_CONTINUE,
        why="RFC 9110 §10.1.1",
    ),
    RequestCase("expect-continue-not-sent", _EXPECTING + b"\r\nhello", becomes(_EXPECTING, b"hello")),
    RequestCase(
        "expect-continue-chunked",
        POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        becomes(POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", b"hi"),
        answer=_CONTINUE,
    ),
    RequestCase(
        "early-response", _HELLO, Answered(413), answer=_EARLY, why="RFC 9112 §9.3: read while sending"
    ),
    RequestCase("early-response-chunked", _HELLO_CHUNKED, Answered(413), answer=_EARLY),
    _half_closed("after-get", _ONE, _get, why="RFC 9112 §9.6: the answer still comes"),
    _half_closed("after-post", _HELLO, _hello),
    _half_closed("after-chunked", _HELLO_CHUNKED, _hello_chunked),
    _half_closed("after-two", _ONE + _TWO, _get, _two),
    _half_closed("nothing", b""),
    _half_closed("in-request-line", b"GET / HT"),
    _half_closed("in-fields", GET + b"X-A: "),
    _half_closed("before-end-of-head", GET),
    _half_closed("in-length-body", POST + b"Content-Length: 5\r\n\r\nhel", why="RFC 9112 §8: incomplete"),
    _half_closed("before-body", POST + b"Content-Length: 5\r\n\r\n"),
    _half_closed("in-chunk-size", CHUNKED + b"5"),
    _half_closed("in-chunk", CHUNKED + b"5\r\nhel"),
    _half_closed(
        "before-last-chunk", CHUNKED + b"5\r\nhello\r\n", why="RFC 9112 §8: no zero chunk, not complete"
    ),
    _half_closed("after-last-chunk", CHUNKED + b"5\r\nhello\r\n0\r\n"),
    _half_closed("in-trailers", CHUNKED + b"0\r\nX-T: v\r\n"),
)
