"""Which pods and workloads the API server asks the injector about, and with which words in the path.

Every combination of what a pod and its namespace can say, through the selectors and matchConditions of the
configuration, against the truth table written here in Python.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from injector.mutation import decision
from injector.template import Template
from sidecar import contract
from tests.deploy import matching

SAYS = (None, "true", "false", "yes")


@dataclass(frozen=True, slots=True)
class Case:
    """What is said, and where."""

    annotation: str | None
    alias: str | None
    label: str | None
    bare: bool
    """No other annotation or label, so that the maps are missing where nothing is said."""
    name: str
    opted_in: str | None
    standard: str | None
    admission: str | None

    @property
    def namespace(self) -> dict[str, str]:
        return matching.given(
            {
                "kubernetes.io/metadata.name": self.name,
                contract.INJECT: self.opted_in,
                "pod-security.kubernetes.io/enforce": self.standard,
                "equilibrium.io/admission": self.admission,
            }
        )

    @property
    def metadata(self) -> dict[str, Any]:
        other = {} if self.bare else {"other": "x"}
        annotations = other | matching.given({contract.INJECT: self.annotation, matching.ALIAS: self.alias})
        labels = other | matching.given({contract.INJECT: self.label})
        return {"name": "p"} | {k: v for k, v in (("annotations", annotations), ("labels", labels)) if v}


def cases() -> Iterator[Case]:
    says = itertools.product(SAYS, SAYS, SAYS, (True, False))
    where = itertools.product(
        matching.NAMES, (None, "enabled", "disabled"), matching.STANDARDS, (None, "disabled", "other")
    )
    yield from (Case(*what, *place) for what, place in itertools.product(says, where))


def expected(case: Case) -> list[str]:
    """The table of deploy/base/webhook.yaml."""
    if case.name != "shop" or case.admission == "disabled":
        return []
    annotation = case.annotation or case.alias
    if "false" in (annotation, case.label):
        return []
    restricted = "/restricted" if case.standard in ("baseline", "restricted") else ""
    if annotation or case.label:
        return [f"/mutate{restricted}"]
    return [f"/mutate/namespace{restricted}"] if case.opted_in == "enabled" else []


def test_every_pod_is_asked_about_once_or_not_at_all_exactly_as_the_table_says() -> None:
    pods = [entry for entry in matching.entries() if entry.covers("", "pods", "CREATE")]
    seen, wrong = 0, []
    for case in cases():
        seen += 1
        asked = [
            entry.path
            for entry in pods
            if entry.matches(case.namespace, {"metadata": case.metadata, "spec": {}})
        ]
        if asked != expected(case):
            wrong.append((case, asked))
    assert seen == 2 * 4**3 * 5 * 3 * 4 * 3
    assert wrong[:3] == []


def test_the_combinations_reach_every_row_of_the_table() -> None:
    rows = {tuple(expected(case)) for case in cases()}
    paths = {f"/mutate{where}{kind}" for where in ("", "/namespace") for kind in ("", "/restricted")}
    assert rows == {(), *((path,) for path in paths)}


def decided(case: Case, flags: frozenset[str]) -> str:
    pod = {"metadata": case.metadata, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    return decision.decide(pod, case.name, flags, Template()).verdict


def test_no_pod_is_missed_that_the_injector_would_inject_or_refuse_and_none_is_asked_about_in_vain() -> None:
    # "false" anywhere on a pod ends the matter before the injector hears of it, whatever else it says
    apart = [case for case in cases() if "false" not in (case.annotation or case.alias, case.label)]
    here = [case for case in apart if case.name == "shop" and case.admission != "disabled"]
    for case in here:
        flags = {decision.NAMESPACE} if case.opted_in == "enabled" else set()
        asked = expected(case)
        verdict = decided(case, frozenset(flags))
        assert (verdict == "skip") == (not asked), case
        # The words of the path alone lead to the same verdict
        assert not asked or decided(case, frozenset(asked[0].split("/")[2:])) == verdict, case


def test_a_pod_that_says_false_is_left_alone_by_the_injector_too() -> None:
    for case in cases():
        says = {case.annotation or case.alias, case.label} - {None}
        if "false" in says and says <= {"true", "false"}:
            assert decided(case, frozenset({decision.NAMESPACE})) == "skip"
