"""matchConditions: the part of CEL that is understood, and the refusal of all else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.kube.conditions import EvaluationError, UnsupportedError, compiled

pytestmark = pytest.mark.kube

INJECT = "equilibrium.io/inject"
ASKED = (
    "has(object.metadata.annotations) && 'equilibrium.io/inject' in object.metadata.annotations"
    " && object.metadata.annotations['equilibrium.io/inject'] == 'true'"
)
NOT_ON_HOST = "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"
NOW_OR_BEFORE = (
    "(has(object.metadata.annotations) && 'equilibrium.io/inject' in object.metadata.annotations) ||"
    " (oldObject != null && has(oldObject.metadata.annotations)"
    " && 'equilibrium.io/inject' in oldObject.metadata.annotations)"
)


def evaluate(text: str, obj=None, old=None) -> bool:
    request = {"operation": "CREATE", "namespace": "default"}
    return compiled(text)({"object": obj or {}, "oldObject": old, "request": request})


def annotated(**annotations: str) -> dict:
    return {"metadata": {"annotations": annotations} if annotations else {}}


@pytest.mark.parametrize(
    ("text", "obj", "old", "holds"),
    [
        (ASKED, annotated(), None, False),
        (ASKED, annotated(other="x"), None, False),
        (ASKED, {"metadata": {"annotations": {INJECT: "true"}}}, None, True),
        (ASKED, {"metadata": {"annotations": {INJECT: "false"}}}, None, False),
        (NOT_ON_HOST, {"spec": {}}, None, True),
        (NOT_ON_HOST, {"spec": {"hostNetwork": False}}, None, True),
        (NOT_ON_HOST, {"spec": {"hostNetwork": True}}, None, False),
        (NOW_OR_BEFORE, annotated(), None, False),
        (NOW_OR_BEFORE, annotated(), annotated(), False),
        (NOW_OR_BEFORE, annotated(), {"metadata": {"annotations": {INJECT: "true"}}}, True),
        ("request.namespace in ['default', 'other']", {}, None, True),
        ('request.operation == "DELETE" || true', {}, None, True),
        ("object.list[1] == 2 && !(object.n != 1)", {"list": [1, 2], "n": 1}, None, True),
        ("false || true && false", {}, None, False),
    ],
)
def test_conditions_hold_or_not(text, obj, old, holds):
    assert evaluate(text, obj, old) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("object.metadata.annotations['a'] == 'b'", "no such key: annotations"),
        ("has(object.spec.hostNetwork)", "no such key: spec"),
        ("oldObject.metadata.name == 'x'", "no such key: metadata"),
        ("'a' in object.n", "no such overload"),
        ("!object.n", "no such overload"),
        ("object.n", "no bool"),
    ],
)
def test_what_has_no_value_is_an_error(text, message):
    with pytest.raises(EvaluationError, match=message):
        evaluate(text, {"n": 1, "metadata": {}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "object.spec.containers.all(c, c.image != '')",
        "object.metadata.name.startsWith('a')",
        "size(object.spec.containers) > 1",
        "object.n + 1 == 2",
        "object.n < 2",
        "namespaceObject.metadata.name == 'x'",
        "true ? true : false",
        "(true",
        "true)",
        "'a' in",
        "has(object)",
        "has('a')",
        "object..a",
        "'a",
        "true true",
    ],
)
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(UnsupportedError):
        compiled(text)


SIDES = {"true": True, "false": False, "object.missing": None}


@pytest.mark.parametrize("left", SIDES)
@pytest.mark.parametrize("right", SIDES)
def test_a_side_that_decides_does_so_beside_an_error(left, right):
    """Kleene's logic, as CEL has it: None stands for an error."""
    for operator, decisive in (("||", True), ("&&", False)):
        sides = [SIDES[left], SIDES[right]]
        expected = decisive if decisive in sides else None if None in sides else not decisive
        text = f"{left} {operator} {right}"
        if expected is None:
            with pytest.raises(EvaluationError):
                evaluate(text)
        else:
            assert evaluate(text) is expected


LOGIC = st.recursive(
    st.sampled_from(["true", "false"]),
    lambda inside: (
        inside.map("!({})".format)
        | st.tuples(inside, st.sampled_from(["&&", "||", "==", "!="]), inside).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        )
    ),
    max_leaves=12,
)


@given(LOGIC)
def test_it_agrees_with_python(text):
    python = text.replace("true", "True").replace("false", "False")
    python = python.replace("&&", " and ").replace("||", " or ").replace("!=", "<>")
    python = python.replace("!", " not ").replace("<>", "!=")
    assert evaluate(text) is eval(f"({python})")  # noqa: S307  generated just above


@given(st.text("objecthas.()[]'&|!=in \"1,", max_size=20))
def test_any_text_is_understood_or_refused(text):
    with contextlib.suppress(UnsupportedError, EvaluationError):
        assert compiled(text)({"object": {}, "oldObject": None, "request": {}}) in (True, False)
