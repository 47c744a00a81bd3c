"""Several tests at a time (pytest-xdist): which go together, in what order, and who may not be disturbed.

A worker a processor: with two, tests that start programs were late often enough to fail. What computes
goes first: it is quick, and nothing that waits then has to share the machine with it. A file is one portion of work:
what its fixtures start is started once. A folder is one where its files share a mesh.
"""

import contextlib
import fcntl
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

MOST_WORKERS = 8
COMPUTE = (
    *(
        "tests/policy/",
        "tests/game/",
        "tests/coordinator/policy/",
        "tests/coordinator/game/",
        "tests/injector/",
    ),
    *("tests/cli/", "tests/conformance/test_corpus.py", "tests/conformance/test_corpus_in_process.py"),
)
LONG = (
    "tests/chaos/",
    "tests/loadtest/",
    "tests/dashboards/",
    "tests/kube/test_rolling_update.py",
    "tests/webhook/",
)
"""Programs that are watched for tens of seconds: they start as soon as nothing computes any more."""
TOGETHER = ("tests/chaos/",)
ALONE = ("tests/loadtest/test_node.py",)
"""What measures how much of a processor somebody gets: last, when nobody else wants any."""


class Portions(LoadScopeScheduling):  # type: ignore[misc]
    """Portions are taken in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(ALONE):
            return "alone"
        together = [folder for folder in TOGETHER if nodeid.startswith(folder)]
        return together[0] if together else nodeid.partition("::")[0]

    def remove_node(self, node: WorkerController) -> str | None:
        """The test at which a worker died, if so. It has failed: xdist would try it again, and die again."""
        units = self.assigned_work[node].values()
        died_at = next((test for unit in units for test, done in unit.items() if not done), None)
        if died_at is not None:
            self.assigned_work[node][self._split_scope(died_at)][died_at] = True
        super().remove_node(node)
        return died_at


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Portions:
    """Ours, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return Portions(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Of `-n auto`."""
    return min(MOST_WORKERS, max(2, len(os.sched_getaffinity(0))))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each worker prepares its part of the files, and finds the others' prepared: most of collecting is rewriting
    asserts, and the result is kept in __pycache__."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    sys.dont_write_bytecode = False
    own, of = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for path in _files(session.config)[own::of]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # told of when it is collected
            importlib.import_module(".".join(path.relative_to(session.config.rootpath).with_suffix("").parts))


def _files(config: pytest.Config) -> list[Path]:
    """Those of tests, in what was asked for."""
    asked = [config.invocation_params.dir / arg.partition("::")[0] for arg in config.args]
    return sorted(
        {found for path in asked for found in (path.rglob("test_*.py") if path.is_dir() else [path])}
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What computes, what takes long, all the rest, what wants to be alone."""
    items.sort(key=lambda item: _phase(item.nodeid))


def _phase(nodeid: str) -> int:
    if nodeid.startswith(ALONE):
        return 3
    return next((phase for phase, begun in enumerate((COMPUTE, LONG)) if nodeid.startswith(begun)), 2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """One lock for all workers, this very file: shared by all tests but those that are to be alone."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if item.nodeid.startswith(ALONE) else fcntl.LOCK_SH)
        try:
            return (yield)
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing would not do while a child has it too
