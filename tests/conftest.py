"""What every test shares: uvloop, as in production."""

import asyncio
import signal
import sysconfig
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import uvloop

NO_SERVER = "KUBEBUILDER_ASSETS names no folder with etcd and kube-apiserver"

_BUSY: dict[str, object] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
"""A machine that runs several tests at a time may take its time over an example."""
hypothesis.settings.register_profile("suite", derandomize=True, **_BUSY)
"""The same examples each time: what passes once passes until somebody changes something."""
hypothesis.settings.register_profile("search", **_BUSY)
"""Others each time: `make test ARGS=--hypothesis-profile=search`."""
hypothesis.settings.load_profile("suite")

pytest_plugins = ["tests.support.workers"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One loop for all: the one the sidecar runs on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_sessionstart(session: pytest.Session) -> None:
    """Tests of the program run what is installed: refuse to test an older tree than the one being read."""
    # `nohup make test &` ignores SIGINT, and every program it starts would too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    installed = Path(sysconfig.get_path("purelib")) / "sidecar"
    stale = [path for path in Path("sidecar").rglob("*.py") if not _same(path, installed.parent / path)]
    if stale:
        pytest.exit(
            f"the installed sidecar is not this tree ({stale[0]} differs): run `make setup`", returncode=4
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which API server it was."""
    from tests.support.kube import real  # imports much, for one line at the end

    binaries = real.assets()
    which = f"the real server of {binaries}" if binaries else f"the double ({NO_SERVER})"
    terminalreporter.write_line(f"kube tests of the fixture `kube` ran against {which}")


def _same(ours: Path, theirs: Path) -> bool:
    return theirs.exists() and ours.read_bytes() == theirs.read_bytes()
