"""docs/injection.md says in one table who is injected; every combination is asked of the webhook."""

import itertools

import pytest

from injector.template import Template
from sidecar import contract
from tests.injector import documents
from tests.injector.reviews import ask, deployment, pod

OPTED = ("in", "out")
STATED = ("true", "false", "other", "absent")
COMBINATIONS = list(itertools.product(OPTED, STATED, STATED, STATED))


ROWS = documents.table("| namespace | workload |")


def documented(combination):
    """The row that counts."""
    return next(
        number
        for number, row in enumerate(ROWS)
        if all(cell in ("any", given) for cell, given in zip(row[:4], combination, strict=True))
    )


def word(value):
    return {} if value == "absent" else {contract.INJECT: "maybe" if value == "other" else value}


def verdict(said):
    if said.outcome == "denied":
        return "refused"
    return said.answer.reason or said.outcome


def through_a_deployment(namespace, stated, annotation, label):
    """As `kubectl apply` of the Deployment goes, and then of the pods made from its template."""
    flags = ("namespace",) if namespace == "in" else ()
    whole = deployment(word(stated), template=word(annotation))
    whole["spec"]["template"]["metadata"]["labels"] |= word(label)
    said = ask(whole, *flags)
    if said.outcome == "denied":
        return "refused"
    made = {"apiVersion": "v1", "kind": "Pod"} | said.obj["spec"]["template"]
    return verdict(ask(made, *flags))


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
def test_every_combination_is_decided_as_documented(combination):
    assert through_a_deployment(*combination) == ROWS[documented(combination)][4]


@pytest.mark.parametrize(
    ("namespace", "annotation", "label"), list(itertools.product(OPTED, STATED, STATED)), ids=str
)
def test_a_pod_without_a_workload_is_decided_by_the_same_table(namespace, annotation, label):
    made = pod(labels=word(label))
    made["metadata"]["annotations"] = word(annotation)
    flags = ("namespace",) if namespace == "in" else ()
    expected = ROWS[documented((namespace, "absent", annotation, label))][4]
    assert verdict(ask(made, *flags)) == expected


def test_every_row_of_the_table_decides_something():
    assert {documented(each) for each in COMBINATIONS} == set(range(len(ROWS)))
    assert len(ROWS) == 11


def test_the_alias_counts_where_ours_is_absent():
    made = pod()
    made["metadata"]["annotations"] = {"mbcas.enabled": "true"}
    assert ask(made).outcome == "injected"
    made["metadata"]["annotations"][contract.INJECT] = "false"
    assert ask(made).answer.reason == "opted-out"


@pytest.mark.parametrize(
    "namespace", ["kube-system", "kube-public", "kube-node-lease", "equilibrium-system", "mesh"]
)
def test_system_namespaces_and_our_own_are_never_touched(namespace):
    said = ask(pod(), "namespace", namespace=namespace, template=Template(own_namespace="mesh"))
    assert (said.outcome == "skipped") == (namespace != "equilibrium-system")
    bad = pod({"strategy": "nonsense", contract.INJECT: "perhaps"})
    assert ask(bad, namespace="kube-system").outcome == "skipped"
