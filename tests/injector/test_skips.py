"""Pods that asked and are left as they are, each for a reason that is documented."""

import pytest

from sidecar import contract
from tests.injector import documents
from tests.injector.reviews import OWNER, ask, pod

ALREADY = pod(
    initContainers=[{"name": contract.SIDECAR_CONTAINER, "image": "ours", "restartPolicy": "Always"}]
)
ALREADY["metadata"]["annotations"][contract.STATUS] = "{}"
EXAMPLES = {
    "host-network": pod(hostNetwork=True),
    "uid-clash": pod(container={"securityContext": {"runAsUser": 1773}}),
    "port-clash": pod(container={"ports": [{"containerPort": 15401}]}),
    "name-clash": pod(container={"ports": [{"name": "eq-admin", "containerPort": 80}]}),
    "windows": pod(os={"name": "windows"}),
    "mirror-pod": pod({"kubernetes.io/config.mirror": "5d"}),
    "no-containers": pod() | {"spec": {"containers": []}},
    "own-namespace": pod(),
    "system-namespace": pod(),
    "already-injected": ALREADY,
    "opted-out": pod({"inject": "false"}),
    "not-opted-in": pod() | {"metadata": {"name": "p"}},
}
NAMESPACES = {"own-namespace": "equilibrium-system", "system-namespace": "kube-system"}
SILENT = {"already-injected", "opted-out", "not-opted-in"}


def test_every_reason_has_an_example_here_and_a_row_in_the_document():
    rows = documents.table("| reason | when |")
    assert {word for row in rows for word in documents.words(row[0])} == set(EXAMPLES)


@pytest.mark.parametrize("reason", EXAMPLES)
def test_a_pod_is_let_in_unchanged_with_its_reason(reason):
    said = ask(EXAMPLES[reason], namespace=NAMESPACES.get(reason, "default"))
    assert (said.outcome, said.answer.reason, said.patch) == ("skipped", reason, [])


@pytest.mark.parametrize("reason", EXAMPLES)
def test_only_who_asked_and_did_not_get_it_is_told(reason):
    said = ask(EXAMPLES[reason], namespace=NAMESPACES.get(reason, "default"))
    assert bool(said.warnings) == (said.answer.event is not None) == (reason not in SILENT)
    assert all(f"not injected ({reason})" in text for text in said.warnings)


def test_the_owner_is_told_by_an_event():
    note = ask(EXAMPLES["host-network"]).answer.event
    assert (note.kind, note.api_version, note.name, note.uid) == (
        "ReplicaSet",
        "apps/v1",
        "gateway-5d",
        OWNER["uid"],
    )
    assert (note.type, note.reason, note.namespace) == ("Warning", "InjectionSkipped", "default")
    assert "hostNetwork" in note.message


def test_a_pod_without_an_owner_is_told_itself():
    alone = pod(hostNetwork=True)
    alone["metadata"] = {"name": "p", "annotations": {contract.INJECT: "true"}}
    note = ask(alone).answer.event
    assert (note.kind, note.api_version, note.name, note.uid) == ("Pod", "v1", "p", "")


def test_a_dry_run_tells_nobody():
    assert ask(EXAMPLES["host-network"], dryRun=True).answer.event is None
    assert ask(pod(), dryRun=True).answer.event is None


@pytest.mark.parametrize("port", [15401, 15406, 15490])
@pytest.mark.parametrize("field", ["containerPort", "hostPort"])
@pytest.mark.parametrize("part", ["containers", "initContainers"])
def test_none_of_our_ports_is_shared(port, field, part):
    holder = {"name": "other", "image": "x", "ports": [{"containerPort": 80} | {field: port}]}
    theirs = pod()
    theirs["spec"].setdefault(part, []).append(holder)
    said = ask(theirs)
    assert said.answer.reason == "port-clash"
    assert "container other" in said.warnings[0]
    assert str(port) in said.warnings[0]


def test_a_container_decides_about_its_user_before_the_pod_does():
    by_pod = pod(securityContext={"runAsUser": 1773})
    assert ask(by_pod).answer.reason == "uid-clash"
    by_pod["spec"]["containers"][0]["securityContext"] = {"runAsUser": 1000}
    assert ask(by_pod).outcome == "injected"


def test_our_user_is_no_obstacle_where_nothing_is_intercepted():
    assert (
        ask(pod({"intercept": "none"}, container={"securityContext": {"runAsUser": 1773}})).outcome
        == "injected"
    )


def test_a_node_selector_for_windows_is_as_good_as_the_os_field():
    assert ask(pod(nodeSelector={"kubernetes.io/os": "windows"})).answer.reason == "windows"
    assert ask(pod(nodeSelector={"kubernetes.io/os": "linux"})).outcome == "injected"


def test_a_volume_of_our_name_is_in_the_way_of_a_token():
    volume = {"name": "equilibrium-token", "emptyDir": {}}
    assert ask(pod(volumes=[volume])).answer.reason == "name-clash"


@pytest.mark.parametrize("half", ["container", "status"])
def test_half_an_injection_is_named(half):
    theirs = pod()
    if half == "container":
        theirs["spec"]["containers"].append({"name": contract.SIDECAR_CONTAINER, "image": "x"})
    else:
        theirs["metadata"]["annotations"][contract.STATUS] = "{}"
    said = ask(theirs)
    assert said.answer.reason == "already-injected"
    assert len(said.warnings) == 1


@pytest.mark.parametrize(
    "spec",
    [{"shareProcessNamespace": True}, {"hostPID": True}, {"hostUsers": False}, {"restartPolicy": "Never"}],
)
def test_what_users_expect_to_work_is_no_obstacle(spec):
    assert ask(pod(**spec)).outcome == "injected"
