"""The example's pods, through the injector as deploy/base configures it, in every kind of namespace."""

import base64
import json

import jsonpatch
import pytest

from injector import settings, webhook
from sidecar import contract
from tests.deploy import manifests, security
from tests.support import openapi

NAMES = ("bus-service", "trajet-service", "user-service", "ticket-service", "gateway")


def injected(name: str, *flags: str) -> tuple[webhook.Answer, manifests.Object]:
    """What the injector says to a pod of that Deployment, and the pod then; the gateway's is annotated first."""
    template = dict(manifests.templates(manifests.rendered(manifests.EXAMPLE)))[name]
    template["metadata"].setdefault("annotations", {})[contract.INJECT] = "true"
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "generateName": f"{name}-5d8f-"}
    request = {
        "uid": "u",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "urbanmove",
        "operation": "CREATE",
        "object": pod,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    (container,) = manifests.one(manifests.installed(), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    environ = {**manifests.environment(container), "EQUILIBRIUM_INJECTOR_NAMESPACE": "equilibrium-system"}
    answer = webhook.answer(
        json.dumps(review).encode(), frozenset(flags), settings.from_env(environ).template
    )
    patch = json.loads(base64.b64decode(json.loads(answer.body)["response"]["patch"]))
    changed: manifests.Object = jsonpatch.apply_patch(pod, patch)
    return answer, changed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flags", [(), ("restricted",), ("namespace",), ("namespace", "restricted")], ids=str)
def test_each_gets_a_sidecar_and_stays_valid(name: str, flags: tuple[str, ...]) -> None:
    answer, pod = injected(name, *flags)
    assert answer.outcome == "injected"
    assert openapi.violations(pod) == []
    names = [each["name"] for each in pod["spec"]["initContainers"]]
    init = [] if "restricted" in flags else [contract.INIT_CONTAINER]
    assert names == [*init, contract.SIDECAR_CONTAINER]


@pytest.mark.parametrize("name", NAMES)
def test_in_a_namespace_that_enforces_restricted_the_injected_pod_may_run(name: str) -> None:
    assert security.violations(injected(name, "restricted")[1]["spec"]) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_kubelet_asks_the_sidecar_how_the_application_is(name: str) -> None:
    (app,) = injected(name)[1]["spec"]["containers"]
    for probe, word in (
        ("livenessProbe", "livez"),
        ("readinessProbe", "readyz"),
        ("startupProbe", "startupz"),
    ):
        asked = app[probe]["httpGet"]
        assert (asked["path"], asked["port"]) == (f"{contract.APP_HEALTH}{name}/{word}", contract.ADMIN_PORT)


def test_the_images_are_those_the_installation_names() -> None:
    _, pod = injected("bus-service")
    images = {each["name"]: each["image"] for each in pod["spec"]["initContainers"]}
    assert images == {
        contract.INIT_CONTAINER: "equilibrium-init:0.1.0",
        contract.SIDECAR_CONTAINER: "equilibrium-sidecar:0.1.0",
    }
