"""Whoever writes a workload is told there and then what will become of its pods."""

import copy

import pytest

from tests.injector.reviews import PREFIX, ask, deployment, update

TRUE = {"inject": "true"}


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("Deployment", {}, "a rolling update follows"),
        ("Deployment", {"paused": True}, "nothing changes until kubectl rollout resume deployment/gateway"),
        ("StatefulSet", {"updateStrategy": {"type": "RollingUpdate"}}, "a rolling update follows"),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "pods change only as you delete them"),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, "pods change only as you delete them"),
        ("CronJob", {}, "from its next run on"),
    ],
)
def test_whoever_annotates_is_told_what_follows(kind, spec, text):
    assert text in update(deployment(TRUE, kind=kind, **spec)).warnings[0]


def test_a_job_that_exists_cannot_change():
    said = update(deployment(TRUE, kind="Job"))
    assert (said.outcome, said.patch) == ("unchanged", [])
    assert "annotate the Job when it is created" in said.warnings[0]
    assert update(deployment(kind="Job")).warnings == []


def test_a_bad_setting_is_refused_there_and_then():
    said = update(deployment(TRUE | {"strategy": "fast", "proxy-cpu-request": "9"}), deployment())
    assert (said.outcome, said.patch) == ("denied", [])
    assert "equilibrium.io/strategy='fast': unknown; allowed: balanced" in said.message
    assert (said.answer.event.kind, said.answer.event.reason) == ("Deployment", "InjectionDenied")


def test_what_only_the_template_can_tell_is_refused_there_too():
    assert "above the limit" in update(deployment(TRUE | {"proxy-cpu-request": "9"})).message
    restricted = ask(deployment(TRUE | {"intercept": "iptables"}), "restricted")
    assert "NET_ADMIN" in restricted.message


def test_mistakes_that_were_there_before_do_not_stop_other_changes():
    before = deployment(TRUE | {"strategy": "fast", "budget": "x"})
    after = copy.deepcopy(before)
    after["spec"]["replicas"] = 3
    said = update(after, before)
    assert (said.outcome, said.patch) == ("unchanged", [])  # a rollout of pods that are refused helps nobody
    assert "2 mistakes equilibrium.io/strategy='fast'" in said.warnings[0]  # no line ends in a header
    after["metadata"]["annotations"][PREFIX + "mode"] = "faster"
    assert update(after, before).outcome == "denied"


def test_nothing_rolls_for_pods_that_cannot_be_injected():
    host = deployment(TRUE)
    host["spec"]["template"]["spec"]["hostNetwork"] = True
    said = update(host)
    assert (said.outcome, said.patch, said.answer.reason) == ("unchanged", [], "host-network")
    assert "its pods are not injected" in said.warnings[0]
    assert update(deployment(TRUE), namespace="kube-system").patch == []


def test_warnings_of_pods_are_told_where_somebody_listens():
    said = update(deployment(TRUE), None, "restricted")
    assert any("interception is off" in text for text in said.warnings)
    job = ask(deployment(TRUE | {"native-sidecar": "false"}, kind="CronJob"))
    assert any("/quitquitquit" in text for text in job.warnings)


def test_an_unknown_annotation_of_the_workload_is_told():
    assert any("did you mean" in text for text in update(deployment(TRUE | {"stategy": "none"})).warnings)
