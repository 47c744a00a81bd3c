"""What the webhook makes of any body, and of those a real API server sent."""

import base64
import json
from pathlib import Path

import jsonpatch
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector import webhook
from injector.mutation import mutate
from injector.template import Template
from sidecar import contract
from tests.injector.reviews import ask, deployment, pod, review
from tests.support import openapi

TRANSCRIPTS = Path("tests/fixtures/kubernetes/transcripts")
NOWHERE = frozenset()


def recorded(name):
    return json.loads((TRANSCRIPTS / f"{name}.json").read_text())["body"]


def respond(body, *flags):
    answer = webhook.answer(orjson.dumps(body), frozenset(flags), Template())
    return answer, orjson.loads(answer.body)["response"]


@pytest.mark.parametrize(
    "path", sorted(TRANSCRIPTS.glob("admissionreview-*.json")), ids=lambda path: path.stem
)
def test_every_recorded_review_is_answered_by_its_uid(path):
    body = json.loads(path.read_text())["body"]
    answer, response = respond(body)
    assert (answer.status, answer.error, response["allowed"]) == (200, "", True)
    assert response["uid"] == body["request"]["uid"]
    assert answer.kind == body["request"]["kind"]["kind"]
    if "patch" in response:
        changed = jsonpatch.apply_patch(
            body["request"]["object"], orjson.loads(base64.b64decode(response["patch"]))
        )
        assert openapi.violations(changed) == []


def test_the_recorded_pod_of_a_replica_set_is_injected():
    body = recorded("admissionreview-pod-create-from-replicaset")
    answer, response = respond(body)
    assert (answer.outcome, answer.namespace, response["patchType"]) == ("injected", "default", "JSONPatch")
    operations = orjson.loads(base64.b64decode(response["patch"]))
    changed = jsonpatch.apply_patch(body["request"]["object"], operations)
    names = [each["name"] for each in changed["spec"]["initContainers"]]
    assert names == [contract.INIT_CONTAINER, contract.SIDECAR_CONTAINER]
    assert not any("managedFields" in operation["path"] for operation in operations)


def test_kubectl_annotate_as_recorded_reaches_the_pod_template():
    body = recorded("admissionreview-deployment-update-kubectl-annotate")
    assert respond(body)[0].outcome == "unchanged"  # in the recording the template says so itself
    del body["request"]["object"]["spec"]["template"]["metadata"]["annotations"]
    answer, response = respond(body)
    assert answer.outcome == "copied"
    operations = orjson.loads(base64.b64decode(response["patch"]))
    assert [operation["path"] for operation in operations] == ["/spec/template/metadata/annotations"]
    assert "a rolling update follows" in response["warnings"][0]


def test_without_a_patch_neither_of_its_keys_is_sent():
    _, response = respond(json.loads(review(pod({"inject": "false"}))))
    assert response == {"uid": "u-1", "allowed": True}


def test_a_denial_has_a_message_and_a_code():
    _, response = respond(json.loads(review(pod({"strategy": "fast"}))))
    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["status"]) == (400, "Failure")
    assert response["status"]["message"].startswith("equilibrium: equilibrium.io/strategy='fast'")


def test_the_namespace_is_the_requests():
    theirs = pod()
    theirs["metadata"]["namespace"] = ""
    assert ask(theirs, namespace="shop").env["WORKLOAD"] == "shop/gateway"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}',
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}',
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":5}}',
        b'{"kind":"Pod","apiVersion":"v1"}',
    ],
)
def test_what_is_no_review_is_answered_with_400_in_words(body):
    answer = webhook.answer(body, NOWHERE, Template())
    assert (answer.status, answer.outcome) == (400, "malformed")
    assert answer.body.decode().strip()


@pytest.mark.parametrize(
    ("obj", "request_"),
    [
        (pod(), {"operation": "UPDATE"}),
        (pod(), {"operation": "DELETE", "object": None}),
        (pod(), {"subResource": "resize"}),
        (deployment({"inject": "true"}), {"operation": "DELETE", "object": None}),
        (deployment({"inject": "true"}) | {"kind": "ReplicaSet"}, {}),
        (pod(), {"kind": {"group": "metrics.k8s.io", "version": "v1", "kind": "Pod"}}),
    ],
)
def test_what_is_not_ours_to_change_is_let_through(obj, request_):
    said = ask(obj, **request_)
    assert (said.outcome, said.patch, said.warnings) == ("unchanged", [], [])


def test_a_defect_of_ours_lets_the_pod_in_and_is_reported(monkeypatch):
    def broken(*_):
        raise KeyError("oops")

    monkeypatch.setattr(mutate, "inject", broken)
    answer = webhook.answer(review(pod()), NOWHERE, Template())
    response = orjson.loads(answer.body)["response"]
    assert (answer.status, answer.outcome, response["allowed"]) == (200, "failed", True)
    assert "patch" not in response
    assert "KeyError" in answer.error
    assert "not injected" in response["warnings"][0]


def test_a_warning_is_never_longer_than_the_server_takes():
    said = ask(
        pod({"é" * 10: "x", "x" * 300: "y"}, container={"name": "é" * 150, "env": [{"name": "HTTP_PROXY"}]}),
        "restricted",
    )
    assert said.warnings
    assert all(len(text.encode()) <= 256 for text in said.warnings)
    assert any(text.endswith("...") for text in said.warnings)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(body):
    assert webhook.answer(body, NOWHERE, Template()).status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
WHOLE = [
    pod({"intercept": "none"}, container={"ports": [{"name": "a", "containerPort": 1}]}),
    deployment({"inject": "true"}),
]


@given(st.sampled_from(WHOLE), st.data(), JSON)
def test_no_object_makes_it_raise(obj, data, junk):
    """Any part of a review replaced by anything."""
    body = json.loads(review(obj, operation="UPDATE" if obj["kind"] != "Pod" else "CREATE", oldObject=obj))
    part = body
    while True:
        key = data.draw(
            st.sampled_from(sorted(part)) if isinstance(part, dict) else st.integers(0, len(part) - 1)
        )
        if not part[key] or not isinstance(part[key], dict | list) or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = junk
    answer = webhook.answer(json.dumps(body).encode(), NOWHERE, Template())
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert orjson.loads(answer.body)["response"]["uid"] == body["request"]["uid"]
