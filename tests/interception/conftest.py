"""Tests of this folder that need the kernel get a node of namespaces, or skip and say why."""

from collections.abc import Iterator

import pytest

from tests.support import netns
from tests.support.netns import Node


@pytest.fixture
def node() -> Iterator[Node]:
    if (why := netns.missing()) is not None:
        pytest.skip(why)
    with netns.node() as made:
        yield made


@pytest.fixture(params=netns.BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
