"""The API server tests speak to: the real one where KUBEBUILDER_ASSETS names it, else the double."""

from collections.abc import AsyncIterator

import pytest

from tests.support.kube import ApiServer, Cluster, real

NONE = "KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver"


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which server it was."""
    binaries = real.assets()
    which = f"the real server of {binaries}" if binaries else f"the double ({NONE})"
    terminalreporter.write_line(f"kube tests of the fixture `kube` ran against {which}")
