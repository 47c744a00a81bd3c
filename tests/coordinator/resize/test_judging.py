"""Where a patched pod has got to, by what recorded kubelets said and by what others might."""

import copy
from dataclasses import replace

import pytest

from coordinator.kube.resize import amounts, judge, settled
from coordinator.policy.outcome import Outcome
from coordinator.policy.subject import Amounts
from tests.coordinator.resize.scene import pod, running
from tests.kube import scenes
from tests.kube.recorded import transcript

PENDING, PROGRESS = "PodResizePending", "PodResizeInProgress"
BEFORE = Amounts(100, 500, 2**26, 2**28)
EXPECTED = {
    "up-applied": ["in-progress", "in-progress", "confirmed"],
    "down-applied": ["in-progress", "in-progress", "confirmed"],
    "odd-millicores": ["in-progress", "in-progress", "confirmed"],
    "memory-up-applied": ["in-progress", "in-progress", "confirmed"],
    "memory-below-usage": ["in-progress", "in-progress", "infeasible error"],
    "memory-back": ["in-progress", "in-progress", "confirmed"],
    "deferred": ["in-progress", "deferred no-room"],
    "deferred-reverted": ["in-progress", "in-progress", "confirmed"],
}


def word(outcome):
    if outcome.kind != "applied":
        return f"{outcome.kind} {outcome.reason}"
    return "confirmed" if outcome.confirmed else outcome.reason


@pytest.mark.parametrize("name", scenes.ENFORCED)
def test_each_state_a_recorded_kubelet_went_through_is_classified(name):
    recorded = transcript(name)
    patched = recorded["response"]["body"]
    place = patched["spec"]["containers"][0]
    done = Outcome(
        kind="applied",
        before=amounts.read(patched["status"]["containerStatuses"][0]["resources"]),
        after=amounts.read(place["resources"]),
        generation=patched["metadata"]["generation"],
    )
    uid = patched["metadata"]["uid"]
    found = [judge(event["object"], "app", done, uid=uid, restarts=0) for event in recorded["watch"]]
    assert [word(each) for each in found] == EXPECTED[name.removeprefix("kubelet-resize-")]
    assert [settled(each) for each in found][:-1] == [False] * (len(found) - 1)
    assert settled(found[-1]) == (found[-1].kind != "deferred")
    assert not any(each.restarted for each in found)


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("pod-status-resize-deferred", "deferred", "no-room"),
        ("pod-status-resize-infeasible", "infeasible", "kubelet"),
    ],
)
def test_what_an_older_kubelet_says_counts_without_a_generation(name, kind, reason):
    found = transcript(name)["response"]["body"]
    done = Outcome(
        kind="applied", after=amounts.read(found["spec"]["containers"][0]["resources"]), generation=7
    )
    said = judge(found, "app", done)
    assert (said.kind, said.reason) == (kind, reason)
    assert said.message.startswith("Node didn't have enough")


def patched(**status):
    """A pod that asks for 600m, was given 500m, and says so of generation 2."""
    obj = running(pod(), observedGeneration=2, **status)
    obj["metadata"]["generation"] = 2
    obj["spec"]["containers"][0] = copy.deepcopy(obj["spec"]["containers"][0])
    obj["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "600m"
    return obj


DONE = Outcome(kind="applied", before=BEFORE, after=replace(BEFORE, cpu_limit_m=600), generation=2)


def enforced(obj, cpu="600m"):
    obj["status"]["containerStatuses"][0]["resources"]["limits"]["cpu"] = cpu
    return obj


def test_it_is_done_when_the_kubelet_enforces_it():
    assert word(judge(patched(), "app", DONE)) == "in-progress"
    assert word(judge(enforced(patched()), "app", DONE)) == "confirmed"


def test_the_generation_has_to_be_seen_where_the_kubelet_says_one():
    obj = enforced(patched())
    obj["status"]["observedGeneration"] = 1
    assert word(judge(obj, "app", DONE)) == "in-progress"
    del obj["status"]["observedGeneration"]
    assert word(judge(obj, "app", DONE)) == "confirmed"


@pytest.mark.parametrize(("wanted", "told"), [(417, "420m"), (420, "417m"), (5, "10m"), (1, "10m")])
def test_cpu_limits_are_the_same_within_a_step(wanted, told):
    obj = enforced(patched(), told)
    obj["spec"]["containers"][0]["resources"]["limits"]["cpu"] = f"{wanted}m"
    done = replace(DONE, after=replace(BEFORE, cpu_limit_m=wanted))
    assert word(judge(obj, "app", done)) == "confirmed"


def test_the_least_cpu_request_is_two_millicores():
    obj = patched()
    for holder in (obj["spec"]["containers"][0], obj["status"]["containerStatuses"][0]):
        holder["resources"] = {"requests": {"cpu": "2m"}}
    obj["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1m"}}
    done = Outcome(kind="applied", before=Amounts(5), after=Amounts(1), generation=2)
    assert word(judge(obj, "app", done)) == "confirmed"


def test_only_what_was_changed_is_compared():
    obj = enforced(patched())
    obj["status"]["containerStatuses"][0]["resources"]["requests"]["memory"] = "1Gi"
    assert word(judge(obj, "app", DONE)) == "confirmed"


def test_a_container_that_does_not_run_yet_is_not_done():
    obj = patched()
    del obj["status"]["containerStatuses"]
    assert word(judge(obj, "app", DONE)) == "in-progress"


def test_a_restart_is_found_out_and_is_no_confirmation():
    obj = enforced(patched())
    obj["status"]["containerStatuses"][0]["restartCount"] = 3
    said = judge(obj, "app", DONE, restarts=2)
    assert (said.kind, said.reason, said.restarted, said.confirmed) == ("applied", "restarted", True, False)
    assert judge(obj, "app", DONE, restarts=3).confirmed
    assert settled(said)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda obj: obj["metadata"].update(uid="u-2"), "replaced"),
        (lambda obj: obj["metadata"].update(deletionTimestamp="now"), "terminating"),
        (lambda obj: obj["status"].update(phase="Failed"), "terminal"),
        (lambda obj: obj["spec"]["containers"][0]["resources"]["limits"].update(cpu="900m"), "overwritten"),
        (lambda obj: obj["spec"]["containers"][0].update(name="other"), "replaced"),
    ],
)
def test_what_somebody_else_did_supersedes(meanwhile, reason):
    obj = enforced(patched())
    meanwhile(obj)
    said = judge(obj, "app", DONE, uid="u-1")
    assert (said.kind, said.reason, said.confirmed) == ("superseded", reason, False)


@pytest.mark.parametrize("kind", [PENDING, PROGRESS])
@pytest.mark.parametrize("reason", ["Infeasible", "Deferred", "Error", "Unknown"])
def test_what_conditions_say_of_an_older_generation_says_nothing_of_this_one(kind, reason):
    stale = {"type": kind, "status": "True", "reason": reason, "observedGeneration": 1}
    assert word(judge(patched(conditions=[stale]), "app", DONE)) == "in-progress"


def test_conditions_that_do_not_hold_say_nothing():
    past = {"type": PENDING, "status": "False", "reason": "Infeasible"}
    assert word(judge(enforced(patched(conditions=[past])), "app", DONE)) == "confirmed"


def test_a_deferred_one_may_be_done_later():
    late = replace(DONE, kind="deferred", reason="no-room", message="x")
    said = judge(enforced(patched()), "app", late)
    assert (said.kind, said.reason, said.message, said.confirmed) == ("applied", "", "", True)


@pytest.mark.parametrize("kind", ["infeasible", "conflict", "forbidden", "failed", "superseded"])
def test_what_is_over_is_not_judged(kind):
    over = replace(DONE, kind=kind)
    assert judge(patched(), "app", over) is over
    assert settled(over)


@pytest.mark.parametrize("junk", [{}, {"status": []}, {"status": {"conditions": "x"}}, {"metadata": 7}])
def test_an_object_that_is_none_is_never_done(junk):
    assert not judge(junk, "app", DONE).confirmed
