"""The API double, for every test that wants it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.kube import ApiServer


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with ApiServer() as server:
        yield server
