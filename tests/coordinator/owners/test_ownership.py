"""Whose a pod's size is: a VPA's, another resizer's, or ours; and how a user gives it back to us."""

import json
from pathlib import Path

import pytest

from coordinator.policy import autoscaling
from coordinator.policy.ownership import NO_OWNERS, Owners, Written, standing
from coordinator.policy.subject import Amounts
from sidecar.annotations import RESIZE_SINCE
from tests.coordinator.owners.objects import (
    OURS,
    THEIRS,
    hpa,
    of_container,
    pod,
    resize,
    resource,
    vpa,
)

NOON, LATER, LATEST = "2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z", "2026-11-22T13:00:00Z"
RECORDED = Path(__file__).parents[2] / "fixtures" / "kubernetes" / "transcripts"


def owners(*, hpas=(), vpas=()) -> Owners:
    return Owners(tuple(map(autoscaling.hpa, hpas)), tuple(map(autoscaling.vpa, vpas)))


def judged(found, policy="limits", owned=NO_OWNERS, written=None):
    return standing(found, "app", policy, owned, written)


def wrote(**amounts: int) -> Written:
    return Written("u-1", "app", Amounts(**amounts))


def test_nobody_else_means_free():
    assert (judged(pod()).kind, judged(pod()).memory) == ("free", True)


def test_a_vpa_that_sets_cpu_is_left_alone():
    found = judged(pod(), owned=owners(vpas=[vpa("InPlaceOrRecreate")]))
    assert (found.kind, found.reason) == ("stand-down", "vpa")
    assert "shop/web (updateMode InPlaceOrRecreate) sets its cpu and memory" in found.detail


def test_a_vpa_that_only_recommends_is_no_owner():
    assert judged(pod(), owned=owners(vpas=[vpa("Off")])).kind == "free"


def test_a_vpa_of_the_memory_leaves_us_the_cpu():
    only = vpa("Auto", {"containerName": "*", "controlledResources": ["memory"]})
    found = judged(pod(), owned=owners(vpas=[only]))
    assert (found.kind, found.memory) == ("free", False)
    with_hpa = judged(pod(), "both", owned=owners(vpas=[only], hpas=[hpa(resource())]))
    assert (with_hpa.kind, with_hpa.memory) == ("limits-only", False)


@pytest.mark.parametrize(
    ("policy", "metric", "kind"),
    [
        ("limits", resource(), "free"),
        ("requests", resource(), "limits-only"),
        ("both", resource(), "limits-only"),
        ("both", of_container("app"), "limits-only"),
        ("both", of_container("proxy"), "free"),
        ("requests", resource(kind="AverageValue"), "free"),
    ],
)
def test_an_hpa_that_divides_by_the_requests_leaves_us_the_limits(policy, metric, kind):
    found = judged(pod(), policy, owners(hpas=[hpa(metric)]))
    assert found.kind == kind
    assert found.reason == ("hpa" if kind == "limits-only" else "")


def test_what_cannot_be_read_is_named():
    odd = vpa("Auto", target=7)
    found = judged(pod(), owned=owners(vpas=[odd]))
    assert found.kind == "stand-down"
    assert "cannot be read: spec.targetRef" in found.detail


def test_another_resizer_is_left_alone():
    found = judged(pod(resize(THEIRS, NOON)))
    assert (found.kind, found.reason) == ("stand-down", "foreign-resizer")
    assert "updater resized it at 2026-11-22T12:00:00+00:00" in found.detail
    assert RESIZE_SINCE in found.detail


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ([resize(OURS, NOON)], "free"),
        ([resize(THEIRS, NOON), resize(OURS, LATER)], "free"),
        ([resize(OURS, NOON), resize(THEIRS, LATER)], "stand-down"),
        ([resize(OURS, NOON), resize(THEIRS, NOON)], "stand-down"),
        ([resize(THEIRS, NOON, "proxy")], "free"),
        ([resize(THEIRS, NOON, subresource="status")], "free"),
        ([resize(THEIRS, NOON, subresource="")], "free"),
    ],
    ids=[
        "ours",
        "theirs before ours",
        "theirs after ours",
        "both within a second: who was last cannot be seen",
        "another container",
        "its status",
        "its creation",
    ],
)
def test_who_resized_last_counts(fields, kind):
    assert judged(pod(*fields)).kind == kind


def test_a_user_gives_the_pod_back_with_a_time():
    theirs = resize(THEIRS, NOON)
    assert judged(pod(theirs, annotations={RESIZE_SINCE: LATER})).kind == "free"
    assert judged(pod(theirs, annotations={RESIZE_SINCE: NOON})).kind == "stand-down", (
        "not later than what they did"
    )
    again = resize(THEIRS, LATEST)
    assert judged(pod(again, annotations={RESIZE_SINCE: LATER})).kind == "stand-down", "they did it again"
    assert judged(pod(theirs, annotations={RESIZE_SINCE: "2026-11-22T13:00:01+01:00"})).kind == "free", (
        "any time zone"
    )


@pytest.mark.parametrize("said", ["now", "2026-11-22T12:00:01", "", "1e9"])
def test_a_time_that_cannot_be_read_gives_nothing_back(said):
    found = judged(pod(resize(THEIRS, NOON), annotations={RESIZE_SINCE: said}))
    assert (found.kind, found.reason) == ("stand-down", "unreadable")
    assert RESIZE_SINCE in found.detail


@pytest.mark.parametrize(
    "entry",
    [{"subresource": "resize", "time": None}, "x", {"subresource": "resize", "fieldsV1": 3, "time": "?"}],
)
def test_managed_fields_that_say_anything_never_raise(entry):
    assert judged(pod(entry)).kind in ("free", "stand-down")


def test_a_value_that_is_not_what_we_wrote_is_drift():
    found = judged(pod(), written=wrote(cpu_limit_m=450))
    assert (found.kind, found.reason) == ("stand-down", "drift")
    assert "cpu_limit_m is 500, and we wrote 450" in found.detail
    assert judged(pod(), written=wrote(cpu_limit_m=500)).kind == "free"
    assert judged(pod(), written=wrote(memory_limit_bytes=2**28)).kind == "free"
    assert judged(pod(limits={"memory": "256Mi"}), written=wrote(cpu_limit_m=500)).reason == "drift", (
        "taken away"
    )


def test_what_we_wrote_to_another_pod_or_container_says_nothing():
    assert judged(pod(), written=Written("u-2", "app", Amounts(cpu_limit_m=1))).kind == "free"
    assert judged(pod(), written=Written("u-1", "proxy", Amounts(cpu_limit_m=1))).kind == "free"


def test_a_pod_given_back_forgets_drift_until_we_write_again():
    written = wrote(cpu_limit_m=450)
    given = {RESIZE_SINCE: LATER}
    assert judged(pod(resize(OURS, NOON), annotations=given), written=written).kind == "free"
    assert judged(pod(resize(OURS, LATEST), annotations=given), written=written).reason == "drift"


def test_resources_that_cannot_be_read_are_left_alone():
    found = judged(pod(limits={"cpu": "lots"}), written=wrote(cpu_limit_m=450))
    assert (found.kind, found.reason) == ("stand-down", "unreadable")
    assert "lots" in found.detail


def test_a_recorded_resize_by_somebody_else_is_seen():
    recorded = json.loads((RECORDED / "resize-requests-ok.json").read_text())["response"]["body"]
    name = recorded["spec"]["containers"][0]["name"]
    found = standing(recorded, name, "limits", NO_OWNERS, None)
    assert (found.reason, "Python resized it" in found.detail) == ("foreign-resizer", True)
    assert standing(recorded, name, "limits", NO_OWNERS, None, manager="Python").kind == "free"
