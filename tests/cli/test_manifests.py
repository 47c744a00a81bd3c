"""Manifests in and out: nothing changes its meaning, and what is not touched keeps its text."""

import json
import math
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from injector.command import manifests, scalars
from injector.command.manifests import ManifestError
from injector.command.scalars import Real, Whole

SPELLINGS = """
    12:30 190:20:30 1e3 1e+3 0.1e-2 0755 0o17 0b11 0x1F -0x1 08 0o8 +5 1_000 1__0 1_0.5 0_7 .5 1. 1.50 -.5 0x 0.0 -0
    9223372036854775807 y N yes Off True TrUE null ~ Null 2001-12-14 2001-12-14T21:59:43Z = . 10.0.0.1 1:30
    "y" '1e3' "0755" '' v1 a:b é
"""


def one(text: str) -> Any:
    [document] = manifests.read(text)
    return document.value


def thing(values: list[str]) -> str:
    lines = (f"  k{n}: {value}" for n, value in enumerate(values))
    return "\n".join(
        ("apiVersion: example.org/v1", "kind: Thing", "metadata: {name: x}", "data:", *lines, "")
    )


def kubectl(text: str) -> Any:
    """What the real one makes of it."""
    command = ["kubectl", "annotate", "--local", "-f", "-", "a=b", "-o", "json"]
    return json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)[
        "data"
    ]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
def test_scalars_are_what_kubectl_says_before_and_after() -> None:
    text = thing(SPELLINGS.split())
    assert one(text)["data"] == kubectl(text)
    assert kubectl(scalars.dump(one(text))) == kubectl(text)


@pytest.mark.parametrize(
    "spelling", ["0755", "1e3", "1.50", "0x1F", "1_000", "+5", "99999999999999999999", ".inf"]
)
def test_a_number_keeps_its_spelling(spelling: str) -> None:
    assert scalars.dump(one(f"a: {spelling}")) == f"a: {spelling}\n"


@pytest.mark.parametrize(
    "text",
    ["true", "Yes", "on", "n", "null", "~", "", "1e3", "0755", "12:30", "-", "=", "<<", ".inf", "2001-12-14"],
)
def test_a_text_that_might_be_something_else_is_quoted(text: str) -> None:
    written = scalars.dump({"a": text})
    assert written == f"a: '{text}'\n"
    assert yaml.safe_load(written) == {"a": text}, "to PyYAML as well"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=8), _values, max_size=4))
def test_what_is_written_is_read_alike_by_us_and_by_others(value: dict[str, Any]) -> None:
    written = scalars.dump(value)
    assert one(f"---\n{written}") == value
    assert yaml.safe_load(written) == value


@given(
    st.lists(
        st.sampled_from(["a: 1", "# only a comment", "a: 'x'\nb: |\n  ---\n  not a separator", "", "[1, 2]"]),
        max_size=5,
    )
)
def test_a_stream_nobody_changes_stays_as_it_is(parts: list[str]) -> None:
    text = "".join(f"---\n{part}\n" for part in parts)
    documents = manifests.read(text)
    assert [document.value for document in documents] == [yaml.safe_load(f"{part}\n") for part in parts]
    assert manifests.write((document, document.value) for document in documents) == text


@pytest.mark.parametrize(
    "text", ["a: 1", "a: 1\n", "\n# c\na: 1\n", "--- {a: 1}\n", "---\r\na: 1\r\n", "\ufeffa: 1\n"]
)
def test_one_document_alone_keeps_its_text(text: str) -> None:
    [document] = manifests.read(text)
    assert document.value == {"a": 1}
    assert manifests.write([(document, document.value)]).rstrip("\n") == text.removeprefix("\ufeff").rstrip(
        "\n"
    )


def test_files_after_one_another_are_kept_apart() -> None:
    documents = [*manifests.read("a: 1"), *manifests.read("b: 2\n---\nc: 3")]
    text = manifests.write((document, document.value) for document in documents)
    assert list(yaml.safe_load_all(text)) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_a_changed_document_is_written_anew_beside_those_that_are_not() -> None:
    first, second = manifests.read("a: 1 # kept\n---\nb: 2 # lost\n")
    assert manifests.write([(first, first.value), (second, {"b": 3})]) == "a: 1 # kept\n---\nb: 3\n"


def test_anchors_and_merges_are_written_out() -> None:
    value = one("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n")
    assert yaml.safe_load(scalars.dump(value)) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}
    assert "&" not in scalars.dump(value)


def test_json_is_read_whole_or_several_in_a_row() -> None:
    documents = manifests.read('\n{"a": 1.50, "b": "\\ud83d\\ude00"}\n{"c": [1e3]}\n')
    assert [document.value for document in documents] == [{"a": 1.5, "b": "😀"}, {"c": [1000.0]}]
    text = manifests.write((document, document.value) for document in documents)
    assert "1.50" in text
    assert list(yaml.safe_load_all(text)) == [{"a": 1.5, "b": "😀"}, {"c": ["1e3"]}], "PyYAML needs a point"


def test_numbers_are_numbers() -> None:
    value = one("a: 0755\nb: 1e3")
    assert (type(value["a"]), type(value["b"])) == (Whole, Real)
    assert (value["a"] + 1, math.sqrt(value["b"]) > 31) == (494, True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\n---\nb: [1\n", "line 4: "),
        ("a: 1\n---\nb: 1\nb: 2\n", "line 4: b is given twice"),
        ('{"a": 1, "a": 2}', "a is given twice"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("a: !mine x", "could not determine a constructor"),
        ("? [a]\n: b", "unhashable"),
        ("a: \x07", "special characters are not allowed"),
        ("a: 0b_", "invalid literal"),
        ("[" * 10_000, "after line 0: "),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ManifestError, match=why.replace("(", r"\(")):
        manifests.read(text)


@given(st.text(max_size=60))
def test_any_text_is_documents_or_a_mistake(text: str) -> None:
    try:
        documents = manifests.read(text)
    except ManifestError:
        return
    written = manifests.write((document, document.value) for document in documents)
    again = [repr(document.value) for document in manifests.read(written)]
    assert again == [repr(document.value) for document in documents], "what nobody changed reads the same"


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "before another file"])
def test_a_block_scalar_at_the_end_of_a_file_without_a_line_end_gains_none(others: int) -> None:
    documents = manifests.read("data:\n  key: |\n    value")
    assert documents[0].value == {"data": {"key": "value"}}
    documents += manifests.read("kind: Pod\n") * others
    written = manifests.write((document, document.value) for document in documents)
    assert [each.value for each in manifests.read(written)] == [each.value for each in documents]
