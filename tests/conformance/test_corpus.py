"""The corpus itself: large enough, no two cases of one name, no line about a case that does not exist."""

from collections import Counter

import pytest

from tests.conformance import test_differential as differential
from tests.conformance.corpus import requests, responses
from tests.conformance.corpus.model import Forwarded, RequestCase, ResponseCase

_Cases = tuple[RequestCase, ...] | tuple[ResponseCase, ...]


def test_corpus_is_large() -> None:
    assert len(requests.CASES) >= 600
    assert len(responses.CASES) >= 240


@pytest.mark.parametrize("cases", [requests.CASES, responses.CASES], ids=["requests", "responses"])
def test_names_are_unique(cases: _Cases) -> None:
    assert [name for name, count in Counter(case.name for case in cases).items() if count > 1] == []


@pytest.mark.parametrize("cases", [requests.CASES, responses.CASES], ids=["requests", "responses"])
def test_bytes_are_unique(cases: _Cases) -> None:
    """The same bytes twice are one case (answered in two ways, it is two)."""
    same = Counter(
        (case.raw, case.answer, repr(case.expect), getattr(case, "request", b"")) for case in cases
    )
    assert [key[0][:80] for key, count in same.items() if count > 1] == []


def test_tables_name_cases() -> None:
    names = {case.name for case in requests.CASES}
    assert set(differential.FORWARDED_THOUGH_REFUSED) <= names
    assert set(differential.BODY_DIFFERS) <= names
    assert set(differential.DELIVERED_THOUGH_REFUSED) <= {case.name for case in responses.CASES}


def test_what_is_forwarded_though_refused_is_forwarded_by_the_table() -> None:
    forwarded = {case.name for case in requests.CASES if isinstance(case.expect, Forwarded)}
    assert set(differential.FORWARDED_THOUGH_REFUSED) <= forwarded
