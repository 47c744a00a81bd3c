"""What every test shares: uvloop, as in production."""

import asyncio
import signal
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop


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


def _same(ours: Path, theirs: Path) -> bool:
    return theirs.exists() and ours.read_bytes() == theirs.read_bytes()
