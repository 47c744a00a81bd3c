"""EQUILIBRIUM_APP_PROBES: what is understood, and that every mistake is told at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.apphealth.environment import parse_probes
from sidecar.apphealth.probes import WHICH, Grpc, HttpGet, Probe, TcpSocket
from sidecar.parsing import ParseError
from sidecar.settings import from_env

PORTS = "a number in 1..65535; names are resolved by the injector"


def parse(document: Any) -> tuple[Probe, ...]:
    return parse_probes(json.dumps(document))


def flaws(document: Any) -> list[str]:
    with pytest.raises(ParseError) as caught:
        parse(document)
    return [str(flaw) for flaw in caught.value.flaws]


def test_each_kind_of_probe_is_understood_as_the_injector_writes_it() -> None:
    http = {
        "path": "/healthz?full=1",
        "port": 8443,
        "scheme": "HTTPS",
        "httpHeaders": [{"name": "Host", "value": "bus"}, {"name": "X-A", "value": ""}],
    }
    found = parse(
        {
            "app/livez": {"httpGet": http, "timeoutSeconds": 3},
            "app/readyz": {"tcpSocket": {"port": 5432}},
            "side-1/startupz": {"grpc": {"port": 9000, "service": "bus.Lines"}, "timeoutSeconds": 1},
        }
    )
    assert found == (
        Probe("app", "livez", HttpGet(8443, "/healthz?full=1", "https", (("Host", "bus"), ("X-A", ""))), 3.0),
        Probe("app", "readyz", TcpSocket(5432), 1.0),
        Probe("side-1", "startupz", Grpc(9000, "bus.Lines"), 1.0),
    )


@pytest.mark.parametrize("service", [None, ""])
def test_a_grpc_probe_without_a_service_asks_for_the_server_as_a_whole(service: str | None) -> None:
    [found] = parse({"app/livez": {"grpc": {"port": 1, "service": service}}})
    assert found.action == Grpc(1, "")


def test_kubernetes_defaults_fill_what_is_left_out() -> None:
    [found] = parse({"app/livez": {"httpGet": {"port": 80}}})
    assert found == Probe("app", "livez", HttpGet(80, "/", "http", ()), 1.0)


def test_all_mistakes_are_told_at_once_each_with_its_key() -> None:
    found = flaws(
        {
            "app/livez": {"httpGet": {"port": "http", "scheme": "FTP", "hots": "x"}, "timeoutSeconds": 0},
            "App/readyz": {"tcpSocket": {"port": 70000}},
            "app/startupz": {"exec": {}},
            "app/readyz": {"tcpSocket": {"port": 1}, "grpc": {"port": 1}},
        }
    )
    assert found == [
        "app/livez: httpGet: no such key 'hots'; allowed: port, path, scheme, httpHeaders",
        f"app/livez: httpGet: port: 'http' is not a port; allowed: {PORTS}",
        "app/livez: httpGet: scheme: 'FTP' is not a scheme; allowed: HTTP, HTTPS",
        "app/livez: timeoutSeconds: 0 is not a timeout; allowed: a whole number of seconds, at least 1",
        "App/readyz: not the name of a probe; allowed: CONTAINER/PROBE, PROBE one of livez, readyz, startupz",
        f"App/readyz: tcpSocket: port: 70000 is not a port; allowed: {PORTS}",
        "app/startupz: no such key 'exec'; allowed: httpGet, tcpSocket, grpc, timeoutSeconds",
        "app/startupz: 0 actions; allowed: exactly one of httpGet, tcpSocket, grpc",
        "app/readyz: 2 actions; allowed: exactly one of httpGet, tcpSocket, grpc",
    ]


@pytest.mark.parametrize(
    ("probe", "mistake"),
    [
        ({}, "0 actions"),
        ({"timeoutSeconds": 1}, "0 actions"),
        (None, "None is not an object"),
        ({"httpGet": []}, "httpGet: [] is not an object"),
        ({"httpGet": {}}, "httpGet: no port"),
        ({"tcpSocket": {"port": True}}, "tcpSocket: port: True is not a port"),
        ({"tcpSocket": {"port": 80.0}}, "tcpSocket: port: 80.0 is not a port"),
        ({"tcpSocket": {"port": 80}, "timeoutSeconds": True}, "timeoutSeconds: True is not a timeout"),
        ({"tcpSocket": {"port": 80, "host": "x"}}, "tcpSocket: no such key 'host'"),
        ({"httpGet": {"port": 1, "path": 7}}, "httpGet: path: 7 is not a text"),
        ({"httpGet": {"port": 1, "httpHeaders": {}}}, "httpGet: httpHeaders: {} is not a list"),
        (
            {"httpGet": {"port": 1, "httpHeaders": [{"name": "a b"}]}},
            "httpGet: httpHeaders: 0: 'a b' is not the name",
        ),
        (
            {"httpGet": {"port": 1, "httpHeaders": [{"name": "a", "value": "b\r\nc: d"}]}},
            "the value of a has a line end",
        ),
        ({"grpc": {"port": 1, "service": 5}}, "grpc: service: 5 is not a text"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_is_wrong(probe: Any, mistake: str) -> None:
    [found] = flaws({"app/livez": probe})
    assert found.startswith("app/livez: ")
    assert mistake in found
    assert "; allowed: " in found


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '"x"', "null", "\udcff", "[" * 100_000])
def test_what_is_no_json_object_is_a_mistake(text: str) -> None:
    with pytest.raises(ParseError):
        parse_probes(text)


@pytest.mark.parametrize(
    "name", ["", "/", "app", "app/", "/livez", "app/healthz", "app/livez/", "a" * 64 + "/livez", "-a/livez"]
)
def test_what_names_no_probe_is_a_mistake(name: str) -> None:
    assert any("not the name of a probe" in flaw for flaw in flaws({name: {"tcpSocket": {"port": 1}}}))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["httpGet", "tcpSocket", "grpc", "port", "path", "timeoutSeconds", "httpHeaders", "name"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from([f"app/{which}" for which in WHICH]) | st.text(max_size=8), _json, max_size=3
    )
)
def test_any_json_is_probes_or_mistakes_and_nothing_else(document: dict[str, Any]) -> None:
    try:
        found = parse(document)
    except ParseError:
        return
    assert [probe.name for probe in found] == list(document)


def test_settings_hold_the_probes_and_name_the_variable_in_mistakes_without_showing_it() -> None:
    text = json.dumps(
        {
            "app/livez": {
                "httpGet": {"port": 80, "httpHeaders": [{"name": "Authorization", "value": "s3cret"}]}
            }
        }
    )
    settings = from_env({"EQUILIBRIUM_APP_PROBES": text})
    assert [probe.name for probe in settings.app_probes] == ["app/livez"]
    assert "s3cret" not in repr(settings)
    assert from_env({}).app_probes == ()
    with pytest.raises(
        Exception, match=r"EQUILIBRIUM_APP_PROBES=\(hidden\): app/livez: httpGet: port: 0 is not"
    ) as caught:
        from_env({"EQUILIBRIUM_APP_PROBES": text.replace("80", "0")})
    assert "s3cret" not in str(caught.value)
