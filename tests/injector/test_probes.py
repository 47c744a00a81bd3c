"""The kubelet asks the sidecar, and the sidecar knows what it would have asked the application."""

import json

import pytest

from tests.injector.reviews import ask, pod

PORTS = {
    "ports": [
        {"name": "http", "containerPort": 8888},
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
    ]
}
KINDS = {"livenessProbe": "livez", "readinessProbe": "readyz", "startupProbe": "startupz"}


def originals(said):
    return json.loads(said.env.get("APP_PROBES", "{}"))


@pytest.mark.parametrize(("kind", "word"), KINDS.items())
def test_each_kind_of_probe_asks_at_its_own_path_with_its_own_timing(kind, word):
    timing = {"timeoutSeconds": 7, "periodSeconds": 3, "failureThreshold": 9, "initialDelaySeconds": 1}
    said = ask(pod(container={kind: timing | {"httpGet": {"path": "/up?x=1", "port": 80}}}))
    path = f"/app-health/app/{word}"
    asked = {"path": path, "port": 15490, "scheme": "HTTP"}
    assert said.container("app")[kind] == timing | {"httpGet": asked}
    expected = {"path": "/up?x=1", "port": 80, "scheme": "HTTP", "httpHeaders": []}
    assert originals(said) == {f"app/{word}": {"httpGet": expected, "timeoutSeconds": 7}}


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ({"tcpSocket": {"port": 5432}}, {"tcpSocket": {"port": 5432}}),
        ({"tcpSocket": {"port": "http"}}, {"tcpSocket": {"port": 8888}}),
        ({"grpc": {"port": 9000}}, {"grpc": {"port": 9000, "service": ""}}),
        ({"grpc": {"port": 9000, "service": "s"}}, {"grpc": {"port": 9000, "service": "s"}}),
        (
            {"httpGet": {"port": "http", "scheme": "HTTPS", "httpHeaders": [{"name": "Host", "value": "a"}]}},
            {
                "httpGet": {
                    "path": "/",
                    "port": 8888,
                    "scheme": "HTTPS",
                    "httpHeaders": [{"name": "Host", "value": "a"}],
                }
            },
        ),
    ],
)
def test_what_is_asked_is_kept_with_ports_as_numbers(handler, expected):
    said = ask(pod(container=PORTS | {"readinessProbe": handler}))
    assert originals(said) == {"app/readyz": expected | {"timeoutSeconds": 1}}
    assert said.container("app")["readinessProbe"]["httpGet"]["port"] == 15490
    assert set(said.container("app")["readinessProbe"]) == {"httpGet"}


@pytest.mark.parametrize(
    "handler",
    [
        {"exec": {"command": ["true"]}},
        {"httpGet": {"port": 80, "host": "10.0.0.1"}},
        {"tcpSocket": {"port": 80, "host": "db"}},
        {"httpGet": {"port": "nowhere"}},
        {"httpGet": {"port": 15490, "path": "/readyz"}},
    ],
)
def test_what_is_not_about_this_pod_or_cannot_be_understood_is_left_alone(handler):
    said = ask(pod(container=PORTS | {"livenessProbe": handler}))
    assert said.container("app")["livenessProbe"] == handler
    assert originals(said) == {}


def test_no_probe_sets_a_host():
    said = ask(pod(container=PORTS | {kind: {"tcpSocket": {"port": "http"}} for kind in KINDS}))
    assert all("host" not in said.container("app")[kind]["httpGet"] for kind in KINDS)


def test_probes_of_other_native_sidecars_are_rewritten_where_ours_starts_first():
    native = {
        "name": "logs",
        "image": "x",
        "restartPolicy": "Always",
        "startupProbe": {"tcpSocket": {"port": 1}},
    }
    said = ask(pod(initContainers=[native]))
    assert originals(said) == {"logs/startupz": {"tcpSocket": {"port": 1}, "timeoutSeconds": 1}}
    late = ask(pod({"native-sidecar": "false"}, initContainers=[native]))
    assert late.container("logs") == native
    assert originals(late) == {}


def test_probes_of_every_container_are_told_apart():
    theirs = pod(container={"livenessProbe": {"tcpSocket": {"port": 1}}})
    theirs["spec"]["containers"].append(
        {"name": "b", "image": "x", "livenessProbe": {"tcpSocket": {"port": 2}}}
    )
    assert {key: each["tcpSocket"]["port"] for key, each in originals(ask(theirs)).items()} == {
        "app/livez": 1,
        "b/livez": 2,
    }
