"""The patch makes one document of another, whatever they are."""

import copy

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.mutation import patch

KEYS = st.sampled_from(["name", "a", "a/b", "~", "~1", "", "é", "0", "-"])
SCALARS = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x"])
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd")}, optional={"v": SCALARS}), max_size=4
)
VALUES = st.recursive(
    SCALARS | NAMED, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


def _types(value):
    """Unlike Python, JSON tells 1 from true."""
    if isinstance(value, dict):
        return {key: _types(each) for key, each in value.items()}
    return [_types(each) for each in value] if isinstance(value, list) else type(value)


@given(DOCUMENTS, DOCUMENTS)
def test_any_document_becomes_any_other(old, new):
    changed = jsonpatch.apply_patch(copy.deepcopy(old), patch.difference(old, new))
    assert (changed, _types(changed)) == (new, _types(new))


@given(NAMED, NAMED)
def test_lists_of_named_things_too(old, new):
    operations = patch.difference({"l": old}, {"l": new})
    assert jsonpatch.apply_patch({"l": copy.deepcopy(old)}, operations) == {"l": new}


@given(DOCUMENTS)
def test_equal_documents_need_nothing(document):
    assert patch.difference(document, copy.deepcopy(document)) == []


@given(DOCUMENTS, DOCUMENTS)
def test_neither_document_is_changed(old, new):
    before = copy.deepcopy((old, new))
    patch.difference(old, new)
    assert (old, new) == before


@pytest.mark.parametrize(
    "missing", [{}, {"metadata": {}}, {"metadata": None}, {"metadata": {"annotations": None}}]
)
def test_a_patch_never_fails_on_missing_parents(missing):
    new = {"metadata": {"annotations": {"example.com/a~b": "x"}}}
    assert jsonpatch.apply_patch(copy.deepcopy(missing), patch.difference(missing, new)) == new


def test_slashes_and_tildes_are_escaped():
    (operation,) = patch.difference({"m": {}}, {"m": {"a/b~c": 1}})
    assert operation == {"op": "add", "path": "/m/a~1b~0c", "value": 1}


def test_a_list_grows_in_front_without_being_repeated():
    old = [{"name": "a", "big": "x" * 1000}]
    (operation,) = patch.difference({"l": old}, {"l": [{"name": "new"}, *old]})
    assert operation == {"op": "add", "path": "/l/0", "value": {"name": "new"}}


def test_what_is_shared_is_not_looked_at():
    class Untouchable(dict):
        def items(self):
            raise AssertionError("looked at")

        __iter__ = __eq__ = items
        __hash__ = None

    shared = Untouchable(a=1)
    assert (
        patch.difference({"s": shared, "l": [shared]}, {"s": shared, "l": [shared], "b": 1})[0]["path"]
        == "/b"
    )


@pytest.mark.parametrize(("old", "new"), [(1, True), (True, 1), (0, False), ([1], [True]), (None, {})])
def test_values_that_only_python_takes_for_equal_are_replaced(old, new):
    operations = patch.difference({"v": old}, {"v": new})
    (changed,) = jsonpatch.apply_patch({"v": old}, operations).values()
    assert _types(changed) == _types(new)
