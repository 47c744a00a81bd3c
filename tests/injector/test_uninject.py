"""Un-injecting gives the pod back as its owner wrote it."""

from injector.mutation import uninject
from sidecar import contract
from tests.fuzz.pods import meaning
from tests.injector.reviews import ask, pod

RICH = {
    "ports": [{"name": "http", "containerPort": 80}],
    "env": [{"name": "A", "value": "1"}],
    "livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
}


def test_everything_is_as_it_was():
    for settings in ({}, {"intercept": "none"}, {"native-sidecar": "false"}):
        theirs = pod(settings, container=RICH, resources={"requests": {"cpu": 1}})
        said = ask(theirs)
        assert said.outcome == "injected"
        assert meaning(uninject.uninject(said.obj)) == meaning(theirs)


def test_the_name_goes_back_to_the_port_it_came_from():
    ports = [{"containerPort": 80}, {"name": "http", "containerPort": 80}]
    said = ask(pod({"intercept": "none"}, container={"ports": ports}))
    assert said.container("app")["ports"] == [{"containerPort": 80}, {"containerPort": 80}]
    assert uninject.uninject(said.obj)["spec"]["containers"][0]["ports"] == ports


def test_a_pod_that_was_never_injected_is_the_same_object():
    theirs = pod()
    assert uninject.uninject(theirs) is theirs


def test_a_status_that_is_not_ours_is_not_believed():
    for text in ("injected", "{}", "[]", '{"version":99}'):
        theirs = pod({contract.STATUS: text})
        assert uninject.uninject(theirs) is theirs


def test_a_probe_somebody_changed_since_stays_changed():
    injected = ask(pod(container=RICH)).obj
    injected["spec"]["containers"][0]["livenessProbe"] = {"exec": {"command": ["true"]}}
    restored = uninject.uninject(injected)
    assert restored["spec"]["containers"][0]["livenessProbe"] == {"exec": {"command": ["true"]}}


def test_what_others_added_since_stays():
    injected = ask(pod(container=RICH)).obj
    injected["spec"]["volumes"] = [{"name": "theirs", "emptyDir": {}}]
    injected["spec"]["initContainers"].append({"name": "theirs", "image": "x"})
    restored = uninject.uninject(injected)["spec"]
    assert [each["name"] for each in restored["initContainers"] + restored["volumes"]] == ["theirs", "theirs"]


def test_the_injected_pod_is_not_changed():
    injected = ask(pod({"intercept": "none"}, container=RICH)).obj
    before = repr(injected)
    uninject.uninject(injected)
    assert repr(injected) == before
