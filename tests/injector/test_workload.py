"""`kubectl annotate` on a workload: what goes to its pod template, and what goes away again."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.mutation import annotations, workload
from sidecar import contract
from tests.injector.reviews import PREFIX, ask, deployment, named, template_of, update
from tests.support import openapi

TRUE = {"inject": "true"}
KINDS = ["Deployment", "StatefulSet", "DaemonSet"]


def ours(*copied, **settings):
    """What a template has that was annotated by its workload."""
    keys = sorted([*(PREFIX + key for key in settings), *copied])
    return named({key.replace("_", "-"): value for key, value in settings.items()}) | {
        contract.INJECT_FROM: "workload",
        annotations.COPIED: ",".join(key.replace("_", "-") for key in keys),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_annotation_and_every_setting_are_copied(kind):
    said = update(deployment(TRUE | {"strategy": "conservative", "mbcas.budget": "3"}, kind=kind))
    assert said.outcome == "copied"
    assert template_of(said.obj) == ours("mbcas.budget", inject="true", strategy="conservative") | {
        "mbcas.budget": "3"
    }


@pytest.mark.parametrize("kind", [*KINDS, "Job", "CronJob"])
def test_every_kind_is_copied_at_creation(kind):
    said = ask(deployment(TRUE, kind=kind))
    assert template_of(said.obj) == ours(inject="true")
    assert said.warnings == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_workload_without_any_annotations_below_still_gets_a_valid_template(kind):
    bare = deployment(TRUE, kind=kind)
    bare["spec"] |= {"selector": {"matchLabels": {"app": "gateway"}}}
    if kind == "StatefulSet":
        bare["spec"]["serviceName"] = "gateway"
    said = update(bare)
    assert openapi.violations(said.obj) == []
    del bare["spec"]["template"]["metadata"]
    assert template_of(update(bare).obj) == ours(inject="true")


def test_doing_it_again_changes_nothing():
    once = update(deployment(TRUE | {"budget": "3"})).obj
    again = update(once, once)
    assert (again.outcome, again.patch, again.warnings) == ("unchanged", [], [])


def test_a_changed_setting_follows_and_a_removed_one_goes():
    before = update(deployment(TRUE | {"budget": "3", "mode": "observe"})).obj
    after = copy.deepcopy(before)
    after["metadata"]["annotations"] = named(TRUE | {"budget": "5"})
    assert template_of(update(after, before).obj) == ours(inject="true", budget="5")


def test_false_on_the_workload_follows_too():
    before = update(deployment(TRUE)).obj
    after = copy.deepcopy(before)
    after["metadata"]["annotations"] = {contract.INJECT: "false"}
    said = update(after, before)
    assert (said.outcome, template_of(said.obj)) == ("copied", ours(inject="false"))


def test_without_the_annotation_exactly_what_was_copied_goes():
    before = update(
        deployment(TRUE | {"budget": "3"}, template={"strategy": "none", "team.example/x": "y"})
    ).obj
    after = copy.deepcopy(before)
    after["metadata"]["annotations"] = named({"budget": "3"})
    said = update(after, before)
    assert said.outcome == "removed"
    assert template_of(said.obj) == named({"strategy": "none", "team.example/x": "y"})


def test_removal_leaves_no_empty_annotations_behind():
    before = update(deployment(TRUE)).obj
    after = copy.deepcopy(before)
    after["metadata"]["annotations"] = {}
    assert update(after, before).obj == after | {"spec": deployment()["spec"]}


def test_an_explicit_template_is_left_alone_and_a_difference_is_told():
    said = update(deployment(TRUE | {"budget": "3"}, template={"inject": "false"}))
    assert (said.outcome, said.patch) == ("unchanged", [])
    assert any(
        "equilibrium.io/inject='true' is not copied" in text and "'false'" in text for text in said.warnings
    )
    assert any("equilibrium.io/budget: not copied" in text for text in said.warnings)
    assert update(deployment(TRUE, template=TRUE)).warnings == []


def test_a_label_on_the_template_is_explicit_too():
    explicit = deployment(TRUE)
    explicit["spec"]["template"]["metadata"]["labels"][contract.INJECT] = "false"
    assert update(explicit).outcome == "unchanged"


def test_a_setting_of_the_template_wins_over_that_of_the_workload():
    said = update(deployment(TRUE | {"strategy": "none"}, template={"strategy": "balanced"}))
    assert template_of(said.obj) == ours(inject="true") | named({"strategy": "balanced"})
    assert any(
        "strategy='none' is not copied: the pod template says 'balanced'" in text for text in said.warnings
    )


@pytest.mark.parametrize("text", ["none", "fast"])
def test_settings_without_the_annotation_are_named_as_ineffective(text):
    said = update(deployment({"strategy": text}))
    assert (said.outcome, said.patch) == ("unchanged", [])
    assert "equilibrium.io/strategy: no effect" in said.warnings[0]


def test_what_belongs_to_another_controller_is_left_alone():
    owned = deployment(TRUE | {"strategy": "nonsense"})
    owned["metadata"]["ownerReferences"] = [{"kind": "Gateway", "name": "g", "controller": True}]
    said = update(owned)
    assert (said.outcome, said.patch, said.warnings) == ("unchanged", [], [])


def test_what_is_going_away_is_left_alone():
    leaving = deployment(TRUE)
    leaving["metadata"]["deletionTimestamp"] = "2026-11-20T23:43:29Z"
    assert update(leaving).outcome == "unchanged"


STATED = st.fixed_dictionaries(
    {},
    optional={
        contract.INJECT: st.sampled_from(["true", "false"]),
        PREFIX + "budget": st.sampled_from(["3", "5"]),
        PREFIX + "strategy": st.sampled_from(["none", "balanced"]),
        "mbcas.enabled": st.just("true"),
        "team.example/x": st.just("y"),
    },
)


@given(STATED, st.lists(STATED, max_size=4))
def test_however_often_it_changes_the_authors_template_comes_back(own, history):
    """Whatever is annotated on the way, taking it all away leaves the template as its author wrote it."""
    path = workload.TEMPLATES["apps", "Deployment"]
    original = deployment(template=own)
    current = original
    for stated in [*history, {}]:
        current = current | {"metadata": current["metadata"] | {"annotations": stated}}
        current = workload.copy(current, path).workload
        assert workload.copy(current, path).outcome == "unchanged"
    assert current == original | {"metadata": current["metadata"]}
