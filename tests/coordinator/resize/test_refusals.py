"""Every error the server was recorded or documented to give, and what is made of it."""

import pytest

from coordinator.kube.resize import refusals
from sidecar.kube.errors import NO_CREDENTIALS, SILENT, UNREACHABLE, UNREADABLE, ApiError, from_status
from tests.kube.recorded import names, transcript

RECORDED = {
    "api-unauthorized-401": ("renew", "forbidden", "unauthorized"),
    "kubelet-resize-above-node-403": ("end", "infeasible", "node-capacity"),
    "resize-bad-quantity-422": ("end", "infeasible", "quantity"),
    "resize-besteffort-422": ("end", "infeasible", "qos-class"),
    "resize-conflict-409": ("reread", "conflict", "changed"),
    "resize-forbidden-403": ("end", "forbidden", "rbac"),
    "resize-json-patch-test-failed-422": ("reread", "conflict", "changed"),
    "resize-merge-patch-replaces-list-422": ("end", "infeasible", "removed"),
    "resize-negative-422": ("end", "infeasible", "request-above-limit"),
    "resize-pod-not-found-404": ("end", "superseded", "gone"),
    "resize-qos-change-422": ("end", "infeasible", "qos-class"),
    "resize-request-above-limit-422": ("end", "infeasible", "request-above-limit"),
    "resize-unknown-container-422": ("end", "infeasible", "unknown-container"),
    "resize-unsupported-media-type-415": ("end", "unsupported", "media-type"),
    "resize-via-plain-pod-patch-422": ("end", "infeasible", "invalid"),
}
LIMITS = 'pods "bus" is forbidden: '


def verdict(error: ApiError) -> tuple[str, str, str]:
    found = refusals.outcome(error)
    return refusals.then(error), found.kind, found.reason


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_refusal_is_classified(name):
    response = transcript(name)["response"]
    error = from_status(response["body"], response["status"], "PATCH")
    assert verdict(error) == RECORDED[name]
    assert response["body"]["message"] in refusals.outcome(error).message


def test_every_recorded_refusal_of_a_resize_is_classified():
    found = [name for name in names() if "resize" in name and transcript(name)["response"]["status"] >= 400]
    assert [name for name in found if name not in RECORDED] == []


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, f'{LIMITS}node "node-a" not found', ("end", "forbidden", "node-not-found")),
        (
            403,
            f'{LIMITS}pod resize is only supported on linux nodes, node "x" is "windows"',
            ("end", "unsupported", "windows"),
        ),
        (
            403,
            f'{LIMITS}pod update requires features X which are not available on node "x"',
            ("end", "unsupported", "node-features"),
        ),
        (
            403,
            f"{LIMITS}exceeded quota: q, requested: limits.cpu=200m, used: limits.cpu=1, limited: limits.cpu=1",
            ("end", "forbidden", "quota"),
        ),
        (
            403,
            f"{LIMITS}maximum cpu usage per Container is 2, but limit is 3",
            ("end", "forbidden", "limit-range"),
        ),
        (
            403,
            f"{LIMITS}cpu max limit to request ratio per Container is 4, but provided ratio is 6.000000",
            ("end", "forbidden", "limit-range"),
        ),
        (
            403,
            f'{LIMITS}admission webhook "policy.example" denied the request: no',
            ("end", "forbidden", "admission"),
        ),
        (400, "strict decoding error", ("end", "infeasible", "bad-request")),
        (405, "not allowed", ("end", "unsupported", "no-resize")),
        (404, "the server could not find the requested resource", ("end", "unsupported", "no-resize")),
        (410, "too old", ("reread", "conflict", "expired")),
        (429, "Too many requests", ("again", "failed", "429")),
        (500, "Internal error occurred", ("again", "failed", "500")),
        (503, "unavailable", ("again", "failed", "503")),
        (504, "timeout", ("again", "failed", "504")),
        (302, "elsewhere", ("end", "failed", "302")),
    ],
)
def test_what_was_not_recorded_is_classified_by_the_servers_words(status, message, expected):
    assert verdict(ApiError(status, "Reason", message)) == expected


def test_the_path_of_a_pod_called_resize_is_no_missing_right():
    message = "PATCH https://k/api/v1/namespaces/shop/pods/resize/resize: node didn't have enough allocatable resources"
    assert verdict(ApiError(403, "Forbidden", message)) == ("end", "infeasible", "node-capacity")


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("Pod running on node without support for resize", "unsupported", "old-kubelet"),
        ("static pods cannot be resized", "unsupported", "static-pod"),
        ("windows pods cannot be resized", "unsupported", "windows"),
        (
            "memory limits cannot be decreased unless resizePolicy is RestartContainer",
            "infeasible",
            "memory-decrease",
        ),
        ("only cpu and memory resources are mutable", "infeasible", "invalid"),
    ],
)
def test_a_422_that_names_a_field_is_never_tried_again(text, kind, reason):
    details = {"name": "bus", "causes": [{"message": text, "field": "spec"}]}
    error = ApiError(422, "Invalid", f'Pod "bus" is invalid: spec: Forbidden: {text}', details)
    assert verdict(error) == ("end", kind, reason)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(UNREACHABLE, "again"), (SILENT, "again"), (UNREADABLE, "again"), (NO_CREDENTIALS, "end")],
)
def test_no_answer_is_asked_for_again_but_not_without_credentials(reason, expected):
    error = ApiError(0, reason, "nothing")
    assert verdict(error) == (expected, "failed", reason.lower())


def test_an_apply_conflict_is_a_conflict():
    causes = [{"reason": "FieldManagerConflict", "field": ".spec", "message": "conflict with x"}]
    error = ApiError(409, "Conflict", "Apply failed with 1 conflict", {"causes": causes})
    assert verdict(error) == ("reread", "conflict", "changed")
