"""The API server tests speak to: the real one where KUBEBUILDER_ASSETS names it, else the double."""

from collections.abc import AsyncIterator

import pytest

from tests.support.kube import ApiServer, Cluster, real


@pytest.fixture
async def double() -> AsyncIterator[ApiServer]:
    """The double, always: for what no real server does on demand."""
    async with ApiServer() as api:
        yield api


@pytest.fixture
async def kube() -> AsyncIterator[Cluster]:
    """The real server, or the double."""
    binaries = real.assets()
    async with real.RealServer(binaries) if binaries else ApiServer() as api:
        yield api
