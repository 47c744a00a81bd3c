"""An API server, and one with the injector installed and running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy import cluster
from tests.support.kube import ApiServer, Cluster, real


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    """The double, always: for what needs controllers, or a Service that leads to this process."""
    async with ApiServer() as server:
        yield server


@pytest.fixture
async def kube() -> AsyncIterator[Cluster]:
    """The real server where KUBEBUILDER_ASSETS names one, else the double."""
    binaries = real.assets()
    async with real.RealServer(binaries) if binaries else ApiServer() as server:
        yield server


@pytest.fixture
async def installed(api: ApiServer, tmp_path: Path) -> AsyncIterator[ApiServer]:
    await cluster.apply(api, "-f", "deploy/install.yaml")
    async with cluster.running(api, tmp_path):
        yield api
