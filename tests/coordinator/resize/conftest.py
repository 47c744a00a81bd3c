"""A server, and a client that tells what is asked of it and may do something in between."""

from collections.abc import AsyncIterator

import pytest

from tests.coordinator.resize.scene import Between, client_of
from tests.kube.conftest import double, kube
from tests.support.kube import ApiServer, ResizingKubelet

__all__ = ["double", "kube"]


@pytest.fixture
async def between(double: ApiServer) -> AsyncIterator[Between]:
    client = client_of(double)
    yield Between(client)
    await client.close()


@pytest.fixture
async def kubelet(double: ApiServer) -> AsyncIterator[ResizingKubelet]:
    async with ResizingKubelet(double, node_cpu="2") as running:
        yield running
