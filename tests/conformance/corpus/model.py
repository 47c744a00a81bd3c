"""What a case is and what may be expected of it.

A case is bytes and what must become of them. The expectation is written against RFC 9110 and RFC 9112; where these
leave a choice the stricter of Envoy and HAProxy wins, and `why` says so.
"""

from dataclasses import dataclass

from tests.support.messages import Field, read_fields
from tests.support.upstream import OK, Answer

CRLF = b"\r\n"
HOST = b"Host: bus-service\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + CRLF
"""A second request, hidden behind an ambiguous first one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as the upstream must receive it, before the fields the proxy appends."""

    start: bytes
    fields: tuple[Field, ...]
    body: bytes = b""
    trailers: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Answered by the proxy with this status and closed; no complete message reaches the upstream."""

    status: int = 400


@dataclass(frozen=True, slots=True)
class Unroutable:
    """Well-formed, but for a service nobody knows: answered 502 `unknown-service`."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is closed without a byte of answer."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The client went away in the middle: whatever the answer, no complete message reaches the upstream."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The upstream receives exactly these messages and its answers come back."""

    messages: tuple[Sent, ...]
    then: Refused | None = None
    """A further message on the same connection is refused."""
    closes: bool = False
    """The proxy closes the connection after the last answer."""
    tunnel: bytes = b""
    """What follows the head once the upstream has switched protocols."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The client gets this status from the upstream; how much of the request arrived there does not matter."""

    status: int


@dataclass(frozen=True, slots=True)
class Tunnelled:
    """A CONNECT is answered 200; from then on the upstream receives bytes as they are, here this one request."""

    message: Sent


RequestExpectation = Refused | Unroutable | Closed | Abandoned | Forwarded | Answered | Tunnelled


@dataclass(frozen=True, slots=True)
class RequestCase:
    """Bytes a client writes on one connection."""

    name: str
    raw: bytes
    expect: RequestExpectation
    why: str = ""
    answer: Answer = OK
    half_close: bool = False

    def __repr__(self) -> str:
        return f"RequestCase({self.name!r}, {len(self.raw)} bytes, {self.expect!r})"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The client gets this; `fields` without those of the connection (Transfer-Encoding among them)."""

    status: int
    fields: tuple[Field, ...] = ()
    body: bytes = b""
    trailers: tuple[Field, ...] = ()
    interim: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BadGateway:
    """502 with this `X-GT-Reason`: nothing of the upstream's response is passed on."""

    reason: bytes = b"framing"


@dataclass(frozen=True, slots=True)
class Truncated:
    """The client can see that the response is incomplete."""


@dataclass(frozen=True, slots=True)
class Broken:
    """BadGateway while the head has not been passed on, Truncated afterwards: segmentation decides which."""


ResponseExpectation = Delivered | BadGateway | Truncated | Broken


@dataclass(frozen=True, slots=True)
class ResponseCase:
    """Bytes an upstream answers one request with; `eof`: and closes."""

    name: str
    method: bytes
    raw: bytes
    expect: ResponseExpectation
    eof: bool = False
    why: str = ""
    version: bytes = b"HTTP/1.1"
    """The client's."""
    asks: bytes = b""
    """Further field lines of the request."""
    surplus: bool = False
    """More bytes than the response has: the connection must not be used again."""

    def __repr__(self) -> str:
        return f"ResponseCase({self.name!r}, {self.method!r}, {len(self.raw)} bytes, {self.expect!r})"

    @property
    def request(self) -> bytes:
        """What the client asks with."""
        return self.method + b" / " + self.version + CRLF + HOST + self.asks + CRLF

    @property
    def answer(self) -> Answer:
        """The upstream's script."""
        return Answer((self.raw,), eof=self.eof)


def lines(block: bytes) -> tuple[Field, ...]:
    """`Name: value` lines, each ended by CRLF."""
    fields = read_fields(block.removesuffix(CRLF).split(CRLF)) if block else ()
    return tuple((name, value.strip(b" \t")) for name, value in fields)


def sent(head: bytes, body: bytes = b"", trailers: bytes = b"") -> Sent:
    """A message written as text: start line and field lines, then what the body means."""
    start, _, block = head.partition(CRLF)
    return Sent(start, lines(block), body, lines(trailers))


def becomes(head: bytes, body: bytes = b"", trailers: bytes = b"", *, closes: bool = False) -> Forwarded:
    """One message arrives."""
    return Forwarded((sent(head, body, trailers),), closes=closes)


def same(name: str, raw: bytes, *, why: str = "") -> RequestCase:
    """A request that arrives as it was sent (its body, if any, has a Content-Length)."""
    head, _, body = raw.partition(CRLF + CRLF)
    return RequestCase(name, raw, becomes(head + CRLF, body), why=why)


def refused(name: str, raw: bytes, status: int = 400, *, why: str = "") -> RequestCase:
    """A request that nobody behind the proxy hears of."""
    return RequestCase(name, raw, Refused(status), why=why)


def chunked(name: str, body: bytes, means: bytes, trailers: bytes = b"", *, why: str = "") -> RequestCase:
    """A chunked request whose body is understood as `means`."""
    return RequestCase(name, CHUNKED + body, becomes(CHUNKED[:-2], means, trailers), why=why)
