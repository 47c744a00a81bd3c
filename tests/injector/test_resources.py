"""Requests and limits: the class of the pod is kept, and each field is set by itself."""

import pytest

from sidecar import contract
from tests.fuzz.pods import quality
from tests.injector.reviews import ask, pod

FIXED = {"cpu": "1", "memory": "1Gi"}
GUARANTEED = {"resources": {"requests": FIXED, "limits": FIXED}}
DEFAULTS = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}}


def test_everything_we_add_has_requests_and_limits():
    said = ask(pod())
    assert said.sidecar["resources"] == said.container(contract.INIT_CONTAINER)["resources"] == DEFAULTS


@pytest.mark.parametrize("container", [GUARANTEED, {"resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}])
@pytest.mark.parametrize("settings", [{}, {"native-sidecar": "false"}, {"proxy-cpu-limit": "100m"}])
def test_a_guaranteed_pod_stays_guaranteed(container, settings):
    said = ask(pod(settings, container=container))
    assert quality(pod(container=container)) == quality(said.obj) == "Guaranteed"
    assert said.sidecar["resources"]["requests"] == said.sidecar["resources"]["limits"]


def test_in_a_guaranteed_pod_the_limit_counts_and_else_the_request():
    assert ask(pod(container=GUARANTEED)).sidecar["resources"]["requests"] == {
        "cpu": "500m",
        "memory": "192Mi",
    }
    said = ask(pod({"proxy-cpu-request": "100m", "proxy-memory-request": "64Mi"}, container=GUARANTEED))
    assert said.sidecar["resources"]["limits"] == {"cpu": "100m", "memory": "64Mi"}
    said = ask(pod({"proxy-cpu-request": "100m", "proxy-cpu-limit": "200m"}, container=GUARANTEED))
    assert said.sidecar["resources"]["requests"]["cpu"] == "200m"
    assert any("raised to the limit of 200m: the pod is Guaranteed" in text for text in said.warnings)


@pytest.mark.parametrize(
    "resources",
    [
        {"requests": {"cpu": "1"}},
        {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        {"limits": {"cpu": "1"}},
    ],
)
def test_a_burstable_pod_stays_burstable(resources):
    theirs = pod(
        {"proxy-cpu-request": "500m", "proxy-memory-request": "192Mi"}, container={"resources": resources}
    )
    assert quality(theirs) == quality(ask(theirs).obj) == "Burstable"


def test_one_init_container_without_limits_makes_a_pod_burstable():
    theirs = pod(container=GUARANTEED, initContainers=[{"name": "init", "image": "x"}])
    assert quality(theirs) == "Burstable"
    assert ask(theirs).sidecar["resources"] == DEFAULTS


def test_each_field_is_overridden_by_itself():
    said = ask(pod({"proxy-memory-limit": "1Gi", "proxy-cpu-request": "100m"}))
    assert said.sidecar["resources"] == {
        "requests": {"cpu": "100m", "memory": "96Mi"},
        "limits": {"cpu": "500m", "memory": "1Gi"},
    }


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"proxy-cpu-request": "1"}, "proxy-cpu-request='1': above the limit; allowed: at most 500m"),
        ({"proxy-cpu-limit": "20m"}, "proxy-cpu-limit='20m': below the request; allowed: at least 50m"),
        (
            {"proxy-memory-request": "1Gi", "proxy-memory-limit": "512Mi"},
            "proxy-memory-request='1Gi': above the limit; allowed: at most 512Mi",
        ),
    ],
)
def test_a_request_above_its_limit_is_refused(settings, text):
    said = ask(pod(settings))
    assert said.outcome == "denied"
    assert text in said.message


def test_quantities_are_compared_as_quantities():
    assert ask(pod({"proxy-memory-request": "192000Ki", "proxy-cpu-request": "0.5"})).outcome == "injected"


def test_resources_of_the_whole_pod_grow_by_ours():
    whole = {
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"cpu": "2500m", "memory": "2G", "hugepages-2Mi": "2Mi"},
    }
    assert ask(pod(resources=whole)).spec["resources"] == {
        "requests": {"cpu": "1050m", "memory": str(2**30 + 96 * 2**20)},
        "limits": {"cpu": "3000m", "memory": str(2 * 10**9 + 192 * 2**20), "hugepages-2Mi": "2Mi"},
    }


def test_a_pod_guaranteed_as_a_whole_stays_so():
    theirs = pod(resources={"requests": FIXED, "limits": FIXED})
    said = ask(theirs)
    assert quality(theirs) == quality(said.obj) == "Guaranteed"
    assert said.sidecar["resources"]["requests"] == said.sidecar["resources"]["limits"]
