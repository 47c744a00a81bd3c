"""One kind of value each: what is accepted, what is refused, and what the refusal says."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import parsing
from sidecar.parsing import ParseError


def refusal(parse, text):
    with pytest.raises(ParseError) as caught:
        parse(text)
    return str(caught.value)


def refused(parse, *texts):
    for text in texts:
        assert "; allowed: " in refusal(parse, text), text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10.0.0.1:80", ("10.0.0.1", 80)),
        ("10.0.0.1:65535", ("10.0.0.1", 65535)),
        ("[::1]:80", ("::1", 80)),
        ("[FD00:0::1]:1", ("fd00::1", 1)),
    ],
)
def test_host_and_port(text, value):
    assert parsing.parse_host_port(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":",
            ":80",
            "10.0.0.1",
            "10.0.0.1:",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.1:-1",
            "10.0.0.1:8O",
        ),
        *("10.0.0.1:٨٠", "10.0.0:80", "10.0.0.01:80", "bus:80", "::1:80", "[::1]", "[::1:80", "::1]:80"),
        *("[10.0.0.1]:80", "[[::1]]:80", "[fe80::1%eth0]:80", " 10.0.0.1:80", "10.0.0.1 :80", "[]:80"),
    ],
)
def test_what_is_no_host_and_port(text):
    assert "ip:port or [v6]:port, port 1..65535" in refusal(parsing.parse_host_port, text)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_a_formatted_address_reads_back(ip, port):
    assert parsing.parse_host_port(parsing.format_host_port(str(ip), port)) == (str(ip), port)


def test_listeners():
    assert parsing.parse_listener("0.0.0.0:0") == ("0.0.0.0", 0)
    assert parsing.parse_listener("[::]:15406") == ("::", 15406)
    assert parsing.parse_listener("localhost:80") == ("127.0.0.1", 80)
    refused(parsing.parse_listener, ":80", "*:80", "example.org:80")


def test_name_servers():
    assert parsing.parse_name_server("10.96.0.10") == ("10.96.0.10", 53)
    assert parsing.parse_name_server("10.96.0.10:5353") == ("10.96.0.10", 5353)
    assert parsing.parse_name_server("fd00::a") == ("fd00::a", 53)
    assert parsing.parse_name_server("[fd00::a]:5353") == ("fd00::a", 5353)
    refused(parsing.parse_name_server, "dns", "dns:53", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("1s", 1), ("1.5s", 1.5), ("5m", 300), ("2h", 7200), ("0.5ms", 0.0005)],
)
def test_durations(text, seconds):
    assert math.isclose(parsing.parse_duration(text), seconds)


def test_what_is_no_duration():
    refused(
        parsing.parse_duration, "", "10", "s", "1 s", "1d", "-1s", "0s", "0ms", "1e3s", "infs", "none", "1s1"
    )


def test_a_bound_may_be_none():
    assert parsing.parse_bound("none") is None
    assert parsing.parse_bound("1s") == 1
    assert "or none" in refusal(parsing.parse_bound, "never")


def test_seconds():
    assert parsing.parse_seconds("0") == 0
    assert parsing.parse_seconds("2.5") == 2.5
    refused(parsing.parse_seconds, "", "10s", "-1", "inf", "nan")


def test_fractions():
    assert parsing.parse_fraction("0") == 0
    assert parsing.parse_fraction("0.05") == 0.05
    assert parsing.parse_fraction("1") == 1
    refused(parsing.parse_fraction, "", "5%", "1.1", "-0.1", "nan")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(
            ("0", 0),
            ("1024", 1024),
            ("64KiB", 65536),
            ("64Ki", 65536),
            ("64 KiB", 65536),
            ("500Mi", 524288000),
        ),
        *(("1.5Gi", 1610612736), ("1k", 1000), ("1kB", 1000), ("2M", 2000000), ("1G", 10**9), ("7B", 7)),
    ],
)
def test_sizes(text, size):
    assert parsing.parse_size(text) == size


def test_what_is_no_size():
    refused(parsing.parse_size, "", "-1", "Mi", "64kib", "64KIB", "1e3", "1,5Gi", "9" * 400, "64Kib", "1m")


def test_counts():
    assert parsing.parse_count(0)("0") == 0
    assert "at least 1" in refusal(parsing.parse_count(1), "0")
    refused(parsing.parse_count(0), "", "-1", "1.0", "1_0", "٣", "9" * 400)


def test_workloads():
    assert parsing.parse_workload("default/bus-service") == "default/bus-service"
    refused(
        parsing.parse_workload,
        "",
        "bus",
        "/bus",
        "default/",
        "a/b/c",
        "a/b c",
        "a/b\r\nX-Y: z",
        "a/-b",
        "a/b\n",
    )


def test_labels():
    assert parsing.parse_label("eu-central-1a") == "eu-central-1a"
    refused(parsing.parse_label, "", "a b", "a=b", "a;b", 'a"b', "a\n", "é", "x" * 254)


def test_choices_name_all_the_words():
    assert parsing.parse_choice("full", "service")("full") == "full"
    assert refusal(parsing.parse_choice("full", "service"), "Full") == "unknown; allowed: full, service"


def test_lists_name_every_wrong_item():
    parse = parsing.parse_list(parsing.parse_ip)
    assert parse("10.0.0.1, ::1") == ("10.0.0.1", "::1")
    message = refusal(parse, "10.0.0.1,x,,y")
    assert message.count("not an IP address") == 3
    assert "'x' is not an IP address" in message


FIELDS = {"connect": parsing.parse_duration, "total": parsing.parse_bound}


def test_pairs():
    assert parsing.parse_pairs("connect=1s, total=none", FIELDS) == {"connect": 1.0, "total": None}


def test_pairs_name_every_flaw():
    message = refusal(
        lambda text: parsing.parse_pairs(text, FIELDS), "conect=1s,total=x,connect=1s,connect=2s,"
    )
    assert "no such key 'conect', did you mean connect?; allowed: connect, total" in message
    assert "total=x is not a duration; allowed: " in message
    assert "connect is given twice" in message
    assert "no such key ''" in message


PARSERS = [
    parsing.parse_ip,
    parsing.parse_host_port,
    parsing.parse_name_server,
    parsing.parse_bound,
    parsing.parse_seconds,
    parsing.parse_size,
    parsing.parse_count(1),
    parsing.parse_workload,
    parsing.parse_label,
]


@given(st.sampled_from(PARSERS), st.text() | st.text("0123456789.:[]%-+e_KMiBms/"))
def test_any_text_is_a_value_or_a_parse_error(parse, text):
    try:
        parse(text)
    except ParseError as error:
        assert error.flaws  # noqa: PT017
