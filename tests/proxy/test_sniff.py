"""What first bytes say: every HTTP/1 request is HTTP however it is cut, everything else is carried."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.proxy.sniff import HTTP, LONGEST, METHODS, MORE, OPAQUE, FirstBytes, dialled, redirected

REQUESTS = [
    b"GET / HTTP/1.1\r\n",
    b"DELETE /a?b HTTP/1.0\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"\r\nPOST / HTTP/1.1\r\n",
    b"GET http://bus/ HTTP/1.1\r\n",
    b"CONNECT db:1 HTTP/1.1\r\n",
]
MALFORMED = [
    b"GET \x00\x01",
    b"GET /\r\n",
    b"GET\t/ HTTP/1.1\r\n",
    b" GET / HTTP/1.1\r\n",
    b"get / HTTP/1.1\r\n",
    b"BREW /pot HTTP/1.1\r\n",
    b"GET / HTTP/9.9\r\n",
]
OTHERS = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 GET / HTTP/1.1\r\n",
    "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "postgres ssl": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    "postgres startup": b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00me\x00",
    "kafka": b"\x00\x00\x00\x17\x00\x12\x00\x00\x00\x00\x00\x01",
    "mongo": b"\x3f\x00\x00\x00\x01\x00\x00\x00",
    "redis": b"*1\r\n$4\r\nPING\r\n",
    "redis inline": b"PING\r\n",
    "memcached": b"get a key\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "git": b"0032git-upload-pack /p\x00host=h\x00",
    "amqp": b"AMQP\x00\x00\x09\x01",
    "mqtt": b"\x10\x0c\x00\x04MQTT\x04\x00",
    "ldap": b"0\x0c\x02\x01\x01`\x07",
    "graphite": b"host.cpu 0.5 1700000000\n",
    "json lines": b'{"hello": 1}\n',
    "stomp": b"CONNECT\naccept-version:1.2\n",
    "smtp client": b"EHLO me.example\r\n",
}


@pytest.mark.parametrize("raw", REQUESTS + MALFORMED)
def test_what_begins_as_http_is_http_however_malformed(raw: bytes) -> None:
    assert redirected(raw) == HTTP


@pytest.mark.parametrize("raw", OTHERS.values(), ids=list(OTHERS))
def test_other_protocols_are_carried(raw: bytes) -> None:
    assert redirected(raw) == OPAQUE


@pytest.mark.parametrize("raw", [*REQUESTS, *MALFORMED, *OTHERS.values()])
def test_where_the_bytes_are_cut_changes_nothing(raw: bytes) -> None:
    whole = redirected(raw)
    for cut in range(len(raw)):
        assert redirected(raw[:cut]) in (MORE, whole), f"decided otherwise after {cut} bytes"


@given(st.binary(max_size=300), st.booleans(), st.booleans())
@settings(max_examples=300)
def test_any_bytes_are_decided_in_the_end_and_never_differently_by_more_of_them(
    raw: bytes, relayed: bool, foreign: bool
) -> None:
    decided = MORE
    for end in range(len(raw) + 1):
        verdict = redirected(raw[:end], relayed=relayed, foreign=foreign)
        if decided != MORE:
            assert verdict == decided
        decided = verdict
    first = FirstBytes(redirected=True, by_port=False, relayed=relayed, foreign=foreign)
    assert first.settle(raw) in (HTTP, OPAQUE)
    assert first.take() == raw


@given(st.sampled_from(sorted(METHODS)), st.text(max_size=20).map(str.encode))
def test_a_known_method_and_a_space_is_enough(method: bytes, rest: bytes) -> None:
    assert redirected(method + b" " + rest) == HTTP


def test_a_line_that_never_ends_is_not_waited_for() -> None:
    assert redirected(b"x" * LONGEST) == OPAQUE
    assert redirected(b"BREW /" + b"a" * LONGEST) == HTTP, "the reader refuses it"
    assert redirected(b"\r\n" * LONGEST) == HTTP, "as it refuses this"


@pytest.mark.parametrize(
    ("raw", "relayed", "foreign", "verdict"),
    [
        (b"CONNECT x:443 HTTP/1.1\r\n", True, True, OPAQUE),
        (b"CONNECT x:443 HTTP/1.1\r\n", False, False, HTTP),
        (b"GET http://x/ HTTP/1.1\r\n", True, True, OPAQUE),
        (b"GET HTTP://x/ HTTP/1.1\r\n", True, True, OPAQUE),
        (b"GET http://x/ HTTP/1.1\r\n", True, False, HTTP),
        (b"GET htt", True, True, MORE),
        (b"GET /http://x/ HTTP/1.1\r\n", True, True, HTTP),
    ],
)
def test_what_is_meant_for_somebody_elses_proxy_is_carried_to_it(
    raw: bytes, relayed: bool, foreign: bool, verdict: int
) -> None:
    assert redirected(raw, relayed=relayed, foreign=foreign) == verdict


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (b"", OPAQUE),
        (b"G", HTTP),
        (b"\r\n", HTTP),
        (b"GET", HTTP),
        (b"\r\nDELET", HTTP),
        (b"ruok", OPAQUE),
        (b"SSH-2.0", OPAQUE),
        (b"BREW /", OPAQUE),
    ],
)
def test_when_time_is_up_only_the_beginning_of_a_known_method_is_still_http(raw: bytes, verdict: int) -> None:
    first = FirstBytes(redirected=True, by_port=False, relayed=True, foreign=False)
    assert first.settle(raw) == verdict


@pytest.mark.parametrize("raw", [b"X", b"PROPF", b"FOO / HT", b"\r\n" * 4095 + b"G", b"SSH-2.0"])
def test_on_the_way_in_nobody_gets_past_the_door_by_waiting(raw: bytes) -> None:
    """Relayed is what goes out: an application's own connections have no door to get past."""
    first = FirstBytes(redirected=True, by_port=False, relayed=False, foreign=False)
    assert first.settle(raw) == HTTP


@pytest.mark.parametrize("blank", [b"\x0b", b"\x0c", b"\r"])
def test_what_a_lenient_server_takes_for_a_space_makes_a_request(blank: bytes) -> None:
    assert redirected(b"GET" + blank + b"/" + blank + b"HTTP/1.1\r\n") == HTTP


@pytest.mark.parametrize("raw", [*REQUESTS, b"\x00\x00", b"BREW", b"", *MALFORMED])
def test_whoever_dialled_us_speaks_http_unless_it_is_tls_or_http2(raw: bytes) -> None:
    assert dialled(raw) == (MORE if raw == b"" else HTTP)
    assert dialled(OTHERS["tls"]) == dialled(OTHERS["h2"]) == OPAQUE


def test_an_opaque_port_is_opaque_whatever_is_said_there() -> None:
    first = FirstBytes(redirected=True, by_port=True, relayed=False, foreign=False)
    assert first.judge(REQUESTS[0]) == OPAQUE
    assert first.take() == REQUESTS[0]
