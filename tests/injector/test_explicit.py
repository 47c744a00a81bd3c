"""`intercept: none`: nothing privileged, and plain words about what is not caught."""

import pytest

from sidecar import contract
from tests.injector.reviews import ask, pod

NONE = {"intercept": "none"}
HTTP = {"name": "http", "containerPort": 8888}


def env(said, name="app"):
    return {each["name"]: each.get("value") for each in said.container(name).get("env", ())}


def names(said):
    return [each["name"] for each in said.spec.get("initContainers", ())]


def test_there_is_nothing_privileged():
    assert names(ask(pod(NONE))) == [contract.SIDECAR_CONTAINER]
    assert "initContainers" not in ask(pod(NONE | {"native-sidecar": "false"})).spec


def test_containers_are_told_of_the_proxy_after_their_own_variables():
    said = ask(pod(NONE, container={"env": [{"name": "A", "value": "1"}]}))
    proxy, direct = "http://127.0.0.1:15401", env(said)["NO_PROXY"]
    assert direct.split(",")[:3] == ["localhost", "127.0.0.1", "::1"]
    assert "169.254.169.254" in direct.split(","), "a cloud's credentials are no proxy's business"
    expected = {"A": "1", "HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": direct, "no_proxy": direct}
    assert list(env(said).items()) == list(expected.items())
    assert said.env["UNKNOWN"] == "passthrough"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"])
def test_a_container_that_chooses_its_proxy_itself_is_left_alone_with_a_warning(name):
    said = ask(pod(NONE, container={"env": [{"name": name, "value": "x"}]}))
    assert env(said) == {name: "x"}
    assert any(f"container app sets {name} itself" in text for text in said.warnings)


@pytest.mark.parametrize(
    "checks",
    [
        {"livenessProbe": {"exec": {"command": ["wget", "-q", "-O-", "http://localhost:8080/"]}}},
        {"lifecycle": {"preStop": {"exec": {"command": ["wget", "http://localhost/stop"]}}}},
    ],
    ids=["probe", "hook"],
)
def test_a_container_whose_probes_or_hooks_run_commands_is_not_told_and_its_owner_is(checks):
    """They inherit the variables, and BusyBox wget asks a proxy for localhost, too."""
    said = ask(pod(NONE, container=checks))
    assert env(said) == {}
    assert any("runs a command" in text for text in said.warnings)


@pytest.mark.parametrize("name", ["grpc", "https", "http2", "postgres", "webhook"])
def test_a_port_whose_name_does_not_say_http_stays(name):
    """What is dialled at the sidecar by name is read as HTTP/1: anything else would be cut off."""
    said = ask(pod(NONE, container={"ports": [{"name": name, "containerPort": 50051}]}))
    assert said.container("app")["ports"] == [{"name": name, "containerPort": 50051}]
    assert any("no inbound at all" in text for text in said.warnings)


def test_init_containers_are_not_told():
    said = ask(pod(NONE, initContainers=[{"name": "init", "image": "x"}]))
    assert env(said, "init") == {}


def test_the_first_named_tcp_port_moves_to_the_sidecar():
    ports = [
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        {"containerPort": 1},
        HTTP,
        {"name": "b", "containerPort": 2},
    ]
    said = ask(pod(NONE, container={"ports": ports}))
    assert said.container("app")["ports"] == [ports[0], ports[1], {"containerPort": 8888}, ports[3]]
    assert {"name": "http", "containerPort": 15406, "protocol": "TCP"} in said.sidecar["ports"]
    assert said.env["APP"] == "127.0.0.1:8888"
    assert any("'http'" in text for text in said.warnings)


def test_without_a_named_port_nothing_is_caught_and_that_is_said():
    said = ask(pod(NONE, container={"ports": [{"containerPort": 8888}]}))
    assert all(each.get("name") in (None, "eq-admin") for each in said.sidecar["ports"])
    assert any("no inbound at all" in text for text in said.warnings)
    assert said.env["APP"] == "127.0.0.1:8888"


def test_a_name_another_container_has_too_stays():
    theirs = pod(NONE, container={"ports": [HTTP, {"name": "web", "containerPort": 2}]})
    theirs["spec"]["containers"].append(
        {"name": "b", "image": "x", "ports": [{"name": "http", "containerPort": 3}]}
    )
    assert ask(theirs).sidecar["ports"][0]["name"] == "web"


@pytest.mark.parametrize(
    "field",
    [
        {"lifecycle": {"preStop": {"httpGet": {"port": "http", "path": "/stop"}}}},
        {"livenessProbe": {"httpGet": {"port": "http", "host": "10.0.0.1"}}},
    ],
)
def test_a_name_the_kubelet_goes_by_stays(field):
    said = ask(pod(NONE, container={"ports": [HTTP]} | field))
    assert said.container("app")["ports"] == [HTTP]


def test_a_name_that_only_rewritten_probes_went_by_moves():
    said = ask(pod(NONE, container={"ports": [HTTP], "livenessProbe": {"httpGet": {"port": "http"}}}))
    assert said.sidecar["ports"][0]["name"] == "http"


def test_a_restricted_namespace_gets_it_by_default_with_a_warning():
    said = ask(pod(), "restricted")
    assert names(said) == [contract.SIDECAR_CONTAINER]
    assert any("interception is off" in text and "NET_ADMIN" in text for text in said.warnings)


def test_who_chose_it_is_not_told_why():
    assert not any("interception is off" in text for text in ask(pod(NONE), "restricted").warnings)


def test_interception_is_refused_where_the_server_would_refuse_the_pod():
    said = ask(pod({"intercept": "iptables"}), "restricted")
    assert said.outcome == "denied"
    assert "equilibrium.io/intercept='iptables'" in said.message
    assert "allowed: none" in said.message


def test_with_interception_applications_are_left_to_themselves():
    said = ask(pod(container={"ports": [HTTP]}))
    assert said.container("app") == {"name": "app", "image": "gateway:1", "ports": [HTTP]}
    assert "UNKNOWN" not in said.env
    assert said.warnings == []
