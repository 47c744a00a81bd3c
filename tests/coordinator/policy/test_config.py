"""The controller's figures."""

import math
from dataclasses import fields

import pytest

from coordinator.policy.config import Config

FIGURES = [field.name for field in fields(Config) if field.name not in ("allocator", "memory")]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_figure_of_nonsense_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is {value!r}; allowed: "):
        Config(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["allocator", "memory"])
def test_a_word_nobody_knows_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is 'best'; allowed: "):
        Config(**{name: "best"})  # type: ignore[arg-type]


def test_memory_grows_to_less_than_where_it_grows_from() -> None:
    with pytest.raises(ValueError, match=r"memory_aim is 0.9; allowed: below memory_near, 0.85"):
        Config(memory_aim=0.9)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_documented(name: str) -> None:
    with open("docs/market.md") as page:
        assert f"`{name}`" in page.read()
