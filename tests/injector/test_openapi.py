"""The validator refuses what an API server refuses, and accepts what one has written."""

import json
from pathlib import Path

import pytest

from tests.injector.reviews import deployment, pod
from tests.support import openapi

TRANSCRIPTS = sorted(Path("tests/fixtures/kubernetes/transcripts").glob("*.json"))


def objects():
    for path in TRANSCRIPTS:
        body = (json.loads(path.read_text()).get("response") or {}).get("body")
        if isinstance(body, dict) and openapi.recorded(body):
            yield pytest.param(body, id=path.stem)


@pytest.mark.parametrize("body", [*objects()])
def test_what_a_real_server_answered_is_valid(body):
    assert openapi.violations(body) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda spec: spec.update(hostNetwrk=True),
            "spec: Additional properties are not allowed ('hostNetwrk'",
        ),
        (lambda spec: spec.pop("containers"), 'spec: "containers" is a required property'),
        (lambda spec: spec["containers"].append(None), "spec.containers[1]: null is not"),
        (lambda spec: spec["containers"][0].pop("name"), 'spec.containers[0]: "name" is a required property'),
        (lambda spec: spec["containers"][0].update(name=None), "spec.containers[0].name: null is not"),
        (lambda spec: spec.update(hostNetwork="true"), 'spec.hostNetwork: "true" is not of type "boolean"'),
        (
            lambda spec: spec.update(restartPolicy="Sometimes"),
            'spec.restartPolicy: "Sometimes" is not one of',
        ),
        (lambda spec: spec.update(priority=2**31), "spec.priority: 2147483648 is greater"),
        (
            lambda spec: spec["containers"][0].update(resources={"limits": {"cpu": "100x"}}),
            'spec.containers[0].resources.limits.cpu: "100x" does not match',
        ),
        (
            lambda spec: spec["containers"][0].update(livenessProbe={"tcpSocket": {"port": 1.5}}),
            "spec.containers[0].livenessProbe.tcpSocket.port: 1.5 is not of types",
        ),
    ],
)
def test_what_a_server_refuses_is_named_with_its_place(change, expected):
    wrong = pod()
    change(wrong["spec"])
    assert any(text.startswith(expected) for text in openapi.violations(wrong)), openapi.violations(wrong)


def test_a_null_is_an_absent_field():
    assert openapi.violations(pod(nodeName=None, tolerations=None, securityContext=None)) == []


@pytest.mark.parametrize("quantity", ["1", "0.5", "500m", "1e3", "1E3", "5E", "64Mi", ".5", "+1", 1, 0.5])
def test_quantities_are_accepted_as_kubernetes_writes_them(quantity):
    resources = {"resources": {"requests": {"memory": quantity}}}
    assert openapi.violations(pod(container=resources)) == []


def test_kinds_that_were_not_recorded_are_said_to_be_unknown():
    assert "no schema is recorded" in openapi.violations({"apiVersion": "batch/v1", "kind": "Job"})[0]
    assert openapi.violations("text") == ["not an object"]
    template = deployment(kind="Job")["spec"]["template"]
    assert openapi.violations(template, openapi.POD_TEMPLATE) == []
    assert openapi.violations(template | {"x": 1}, openapi.POD_TEMPLATE) != []
