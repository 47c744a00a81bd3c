"""One mesh for all these tests: three pods of each service, whole and healthy before each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import processes
from loadtest.mesh import Mesh, MeshPlan
from tests.chaos import traffic


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Started once; the children, which are never quite idle, end with the last of these tests."""
    with (
        processes.Children(tmp_path_factory.mktemp("chaos")) as children,
        Mesh.start(children, MeshPlan(pay_s=0.05)) as mesh,
    ):
        yield mesh


@pytest.fixture
def mesh(started: Mesh) -> Iterator[Mesh]:
    """Healed, and complete again, when a test is over, failed or not."""
    yield started
    for pod in started.pods():
        if not pod.running:
            started.restart(pod)
        started.heal(pod)


@pytest.fixture
def users(mesh: Mesh, tmp_path: Path) -> Iterator[traffic.Users]:
    """Whoever uses the application meanwhile."""
    with processes.Children(tmp_path) as children:
        made = traffic.Users(mesh, children)
        yield made
        made.leave()
