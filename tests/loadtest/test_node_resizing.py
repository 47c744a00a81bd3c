"""What the node's back end answers to a resize, against the recorded exchanges of a real server."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.mesh.node import patching, resizing
from loadtest.mesh.node.answers import Refused

TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "kubernetes" / "transcripts"
NODE = {"cpu": 2000, "memory": 8 << 30}


def exchange(name: str) -> Any:
    return json.loads((TRANSCRIPTS / f"{name}.json").read_text())


def pod(recorded: str = "resize-limits-cpu-strategic-ok", **resources: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(exchange(recorded)["response"]["body"])
    if resources:
        found["spec"]["containers"][0]["resources"] = resources
    return found


def answer(before: dict[str, Any], request: Any) -> tuple[int, dict[str, Any]]:
    try:
        patched = patching.apply(request["contentType"], before, request["body"])
        return 200, resizing.resized(before, patched, NODE)
    except Refused as refused:
        return refused.code, refused.body


USUAL = {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}}
BEFORE_NEGATIVE = {
    "limits": {"cpu": "800m", "memory": "128Mi"},
    "requests": {"cpu": "250m", "memory": "96Mi"},
}


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("resize-limits-cpu-strategic-ok", USUAL),
        ("resize-json-patch-ok", {**BEFORE_NEGATIVE, "limits": {"cpu": "700m", "memory": "128Mi"}}),
    ],
)
def test_what_the_server_took_is_taken(name: str, before: Any) -> None:
    recorded = exchange(name)
    status, found = answer(pod(**before), recorded["request"])
    assert status == recorded["response"]["status"]
    wanted = recorded["response"]["body"]["spec"]["containers"][0]["resources"]
    assert found["spec"]["containers"][0]["resources"] == wanted


@pytest.mark.parametrize(
    "name",
    [
        "resize-json-patch-test-failed-422",
        "resize-unsupported-media-type-415",
        "resize-qos-change-422",
        "resize-request-above-limit-422",
        "resize-negative-422",
        "resize-merge-patch-replaces-list-422",
    ],
)
def test_what_the_server_refused_is_refused_in_its_words(name: str) -> None:
    recorded = exchange(name)
    status, body = answer(pod(**BEFORE_NEGATIVE), recorded["request"])
    assert (status, body) == (recorded["response"]["status"], recorded["response"]["body"])


def test_requests_above_the_node_are_forbidden_in_the_servers_words() -> None:
    recorded = exchange("kubelet-resize-above-node-403")
    before = pod(**USUAL)
    before["metadata"]["name"] = recorded["request"]["path"].split("/")[6]
    status, body = answer(before, recorded["request"])
    assert (status, body) == (403, recorded["response"]["body"])


def test_a_bad_quantity_is_refused_and_nothing_is_lost() -> None:
    before = pod(**USUAL)
    kept = copy.deepcopy(before)
    status, body = answer(before, exchange("resize-bad-quantity-422")["request"])
    assert (status, body["reason"]) == (422, "Invalid")
    assert "quantities must match the regular expression" in body["message"]
    assert before == kept


def test_anything_but_resources_is_silently_ignored() -> None:
    before = pod(**USUAL)
    body = {"spec": {"containers": [{"name": "app", "image": "other"}]}, "metadata": {"labels": {"a": "b"}}}
    status, found = answer(before, {"contentType": patching.STRATEGIC, "body": body})
    assert (status, found) == (200, before), "generation included"


def test_a_change_moves_the_generation_and_is_written_canonically() -> None:
    before = pod(**USUAL)
    operations = [{"op": "replace", "path": "/spec/containers/0/resources/limits/cpu", "value": "1000m"}]
    _, found = answer(before, {"contentType": patching.JSON, "body": operations})
    assert found["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "1"
    assert found["metadata"]["generation"] == before["metadata"]["generation"] + 1


def test_a_limit_where_there_was_no_request_asks_for_as_much() -> None:
    before = pod(requests={"memory": "64Mi"}, limits={"memory": "128Mi"})
    operations = [{"op": "add", "path": "/spec/containers/0/resources/limits/cpu", "value": "300m"}]
    _, found = answer(before, {"contentType": patching.JSON, "body": operations})
    assert found["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "300m"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/spec/nothing", "value": 1},
        {"op": "replace", "path": "/spec/containers/7/name", "value": "x"},
        {"op": "remove", "path": "/metadata/annotations/none"},
        {"op": "test", "path": "/spec/containers/0/name"},
        {"op": "replace", "path": "no-slash", "value": 1},
        {"op": "shout", "path": "/spec", "value": 1},
        {"path": "/spec"},
        "not an operation",
    ],
)
def test_a_json_patch_that_does_not_apply_is_a_bare_422(operation: Any) -> None:
    with pytest.raises(Refused) as refused:
        patching.json_patch(pod(**USUAL), [operation])
    assert (refused.value.code, refused.value.body["details"]) == (422, {})


def test_a_patch_of_the_wrong_shape_is_a_bad_request() -> None:
    for kind, body in ((patching.JSON, {}), (patching.STRATEGIC, []), (patching.MERGE, "x")):
        with pytest.raises(Refused) as refused:
            patching.apply(kind, pod(**USUAL), body)
        assert refused.value.code == 400


def test_slashes_in_names_are_escaped() -> None:
    found = patching.json_patch(
        pod(**USUAL) | {"metadata": {"annotations": {}}},
        [{"op": "add", "path": "/metadata/annotations/equilibrium.io~1resize", "value": "false"}],
    )
    assert found["metadata"]["annotations"] == {"equilibrium.io/resize": "false"}


def test_a_field_belongs_to_whoever_changed_it_last() -> None:
    before, after = pod(**USUAL), pod(**USUAL)
    after["spec"]["containers"][0]["resources"] = {**USUAL, "limits": {"cpu": "600m", "memory": "256Mi"}}
    fields = resizing.owned([], before, after, "equilibrium-coordinator", "t1")
    assert fields[0]["subresource"] == "resize"
    again = resizing.owned(fields, after, before, "kubectl", "t2")
    owners = {
        each["manager"]: each["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"app"}']["f:resources"][
            "f:limits"
        ]
        for each in again
    }
    assert owners == {"equilibrium-coordinator": {}, "kubectl": {"f:cpu": {}}}
    assert resizing.owned(again, before, before, "other", "t3") == again, "who changes nothing owns nothing"
