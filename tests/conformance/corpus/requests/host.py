"""Host: exactly one, and a name (RFC 9112 §3.2, RFC 9110 §7.2)."""

from tests.conformance.corpus.model import CRLF, GET, RequestCase, Unroutable, becomes, refused, same

_LINE = b"GET / HTTP/1.1\r\n"

_BAD = {
    "empty": b"",
    "userinfo": b"user@bus-service",
    "userinfo-empty": b"@bus-service",
    "slash-at-space": b"a/@b c",
    "space": b"bus service",
    "tab": b"bus\tservice",
    "path": b"bus-service/x",
    "query": b"bus-service?x",
    "fragment": b"bus-service#x",
    "backslash": b"bus-service\\x",
    "scheme": b"http://bus-service",
    "comma-list": b"bus-service,other",
    "comma-space-list": b"bus-service, other",
    "semicolon-space": b"bus-service; x",
    "quoted": b'"bus-service"',
    "angle-brackets": b"<bus-service>",
    "caret": b"bus^service",
    "pipe": b"bus|service",
    "braces": b"{bus-service}",
    "backtick": b"`bus-service`",
    "control": b"bus\x01service",
    "nul": b"bus-service\x00",
    "delete": b"bus\x7fservice",
    "high-byte": b"b\xc3\xbcs",
    "port-letters": b"bus-service:abc",
    "port-negative": b"bus-service:-1",
    "port-signed": b"bus-service:+80",
    "port-too-large": b"bus-service:65536",
    "port-huge": b"bus-service:99999999999999999999",
    "port-hex": b"bus-service:0x50",
    "port-twice": b"bus-service:80:80",
    "port-only": b":80",
    "colon-only": b":",
    "ipv6-unbracketed": b"::1",
    "ipv6-unclosed": b"[::1",
    "ipv6-unopened": b"::1]",
    "ipv6-suffix": b"[::1]x",
    "ipv6-letters": b"[hello]",
    "percent-bad": b"bus%zzservice",
}

_WHY = {
    "empty": "RFC 9110 §4.2.1: an http URI has a host",
    "comma-list": "legal in a reg-name, but it reads as two hosts",
    "port-too-large": "no such port",
    "userinfo-empty": "RFC 9112 §3.2.3",
}

CASES: tuple[RequestCase, ...] = (
    refused("host-missing", _LINE + CRLF, why="RFC 9112 §3.2"),
    refused("host-missing-with-fields", _LINE + b"Accept: */*\r\n\r\n", why="RFC 9112 §3.2"),
    refused("host-twice", GET + b"Host: other\r\n\r\n", why="RFC 9112 §3.2"),
    refused("host-twice-same", GET + b"Host: bus-service\r\n\r\n", why="RFC 9112 §3.2"),
    refused("host-twice-apart", GET + b"Accept: */*\r\nhost: bus-service\r\n\r\n", why="RFC 9112 §3.2"),
    refused("host-missing-1-0", b"GET / HTTP/1.0\r\n\r\n", why="nothing to route by"),
    refused("host-twice-1-0", b"GET / HTTP/1.0\r\nHost: bus-service\r\nHost: bus-service\r\n\r\n"),
    refused("host-space-before-colon", _LINE + b"Host : bus-service\r\n\r\n", why="RFC 9112 §5.1"),
    refused("host-folded", _LINE + b"Host:\r\n bus-service\r\n\r\n", why="RFC 9112 §5.2"),
    *(
        refused(f"host-{name}", _LINE + b"Host: " + v + b"\r\n\r\n", why=_WHY.get(name, ""))
        for name, v in _BAD.items()
    ),
    same("host-port", _LINE + b"Host: bus-service:8080\r\n\r\n"),
    same(
        "host-uppercase-value", _LINE + b"Host: BUS-SERVICE\r\n\r\n", why="RFC 9110 §4.2.3: case-insensitive"
    ),
    same("host-lowercase-name", _LINE + b"host: bus-service\r\n\r\n"),
    same("host-uppercase-name", _LINE + b"HOST: bus-service\r\n\r\n"),
    same("host-last", _LINE + b"Accept: */*\r\nX-A: 1\r\nHost: bus-service\r\n\r\n"),
    RequestCase("host-no-space", _LINE + b"Host:bus-service\r\n\r\n", becomes(GET)),
    RequestCase("host-tabs-around", _LINE + b"Host:\tbus-service\t\r\n\r\n", becomes(GET)),
    RequestCase("host-spaces-around", _LINE + b"Host:   bus-service   \r\n\r\n", becomes(GET)),
    RequestCase("host-unknown", _LINE + b"Host: nobody\r\n\r\n", Unroutable()),
    RequestCase("host-unknown-port", _LINE + b"Host: bus-service:1\r\n\r\n", Unroutable()),
    RequestCase(
        "host-underscore", _LINE + b"Host: bus_service_x\r\n\r\n", Unroutable(), why="RFC 3986: unreserved"
    ),
    RequestCase("host-ipv4", _LINE + b"Host: 192.0.2.1\r\n\r\n", Unroutable()),
    RequestCase("host-ipv6", _LINE + b"Host: [::1]\r\n\r\n", Unroutable()),
    RequestCase("host-ipv6-port", _LINE + b"Host: [2001:db8::1]:8080\r\n\r\n", Unroutable()),
)
