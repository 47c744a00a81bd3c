"""What the sidecar is told, and that it accepts all of it."""

import pytest

from injector.template import Template
from sidecar import contract, settings
from tests.injector.reviews import ask, pod

EVERYTHING = {
    "strategy": "conservative",
    "mode": "observe",
    "memory-hook": "http://127.0.0.1:9009/",
    "usage-url": "http://127.0.0.1:80/metrics",
    "opaque-ports": "5432,9000-9010",
    "intercept": "none",
}
PROBED = {
    "ports": [{"name": "http", "containerPort": 8888}],
    "livenessProbe": {"tcpSocket": {"port": "http"}},
    "readinessProbe": {"httpGet": {"port": "http", "httpHeaders": [{"name": "A", "value": "$(B)"}]}},
    "startupProbe": {"grpc": {"port": 9000}},
}
COORDINATED = Template(discovery="coordinator:http://coordinator.mesh:15480")


def expanded(said):
    """As the kubelet hands it over: literal values with `$$(` as `$(`, references as some text."""
    return {each["name"]: each.get("value", "a-name").replace("$$(", "$(") for each in said.sidecar["env"]}


def test_the_sidecar_accepts_the_least_it_is_given():
    environ = expanded(ask(pod()))
    assert settings.from_env(environ).workload == "default/gateway"


def test_the_sidecar_accepts_everything_it_may_be_given():
    environ = expanded(ask(pod(EVERYTHING, container=PROBED), template=COORDINATED))
    read = settings.from_env(environ)
    assert (read.app, read.strategy, read.mode, read.unknown) == (
        ("127.0.0.1", 8888),
        "conservative",
        "observe",
        "passthrough",
    )
    assert read.discovery.argument == "http://coordinator.mesh:15480"


def test_the_sidecar_knows_for_whom_it_stands_there():
    said = ask(pod(container={"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 8888}]}))
    env = said.env
    assert (env["WORKLOAD"], env["CONTAINER"], env["APP"]) == ("default/gateway", "app", "127.0.0.1:8888")
    assert env["POD"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert env["NODE"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}
    assert env["MESH_KEY"] == {
        "secretKeyRef": {"name": "equilibrium-mesh-key", "key": "key", "optional": True}
    }
    assert env["DISCOVERY"] == "dns"


def test_what_nobody_set_is_left_to_the_sidecars_own_defaults():
    assert set(ask(pod()).env) == {"POD", "NODE", "WORKLOAD", "CONTAINER", "DISCOVERY", "MESH_KEY"}


def test_settings_reach_the_sidecar():
    settings = {"strategy": "conservative", "mode": "observe", "usage-url": "http://127.0.0.1:80/m"}
    env = ask(pod(settings | {"memory-hook": "reclaim", "opaque-ports": "5432, 9092"})).env
    assert (env["STRATEGY"], env["MODE"], env["USAGE_URL"]) == (
        "conservative",
        "observe",
        "http://127.0.0.1:80/m",
    )
    assert (env["MEMORY_HOOK"], env["OPAQUE_PORTS"]) == ("reclaim", "5432,9092")


def test_a_dollar_in_a_setting_is_not_expanded_by_kubernetes():
    env = ask(pod({"usage-url": "http://127.0.0.1:80/$(HOME)"})).env
    assert env["USAGE_URL"] == "http://127.0.0.1:80/$$(HOME)"


@pytest.mark.parametrize(
    ("metadata", "workload"),
    [
        ({"name": "p"}, "default/p"),
        ({"generateName": "p-"}, "default/p"),
        ({}, "default/unknown"),
        (
            {"name": "db-0", "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": True}]},
            "default/db",
        ),
        ({"name": "p", "ownerReferences": [{"kind": "X", "name": "db", "controller": False}]}, "default/p"),
        (
            {"ownerReferences": [{"kind": "ReplicaSet", "name": "plain-rs", "controller": True}]},
            "default/plain-rs",
        ),
    ],
)
def test_the_workload_is_the_owner_people_know(metadata, workload):
    theirs = pod()
    theirs["metadata"] = metadata | {"annotations": {contract.INJECT: "true"}}
    assert ask(theirs).env["WORKLOAD"] == workload


def test_only_a_replica_set_is_named_after_the_hash_of_its_template():
    theirs = pod()
    theirs["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "db-5d", "controller": True}]
    assert ask(theirs).env["WORKLOAD"] == "default/db-5d"


def test_the_container_kubectl_shows_is_the_application():
    two = pod({"kubectl.kubernetes.io/default-container": "app"})
    two["spec"]["containers"].insert(0, {"name": "logs", "image": "x", "ports": [{"containerPort": 1}]})
    assert ask(two).env["CONTAINER"] == "app"
    del two["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"]
    said = ask(two)
    assert said.env["CONTAINER"] == said.annotations["kubectl.kubernetes.io/default-container"] == "logs"
