"""Stall shares: the group's own before the machine's, and nothing where the kernel has none."""

from pathlib import Path

import pytest

from sidecar.pressure import psi
from sidecar.pressure.psi import Psi
from tests.pressure.trees import Tree


def line(avg10: str) -> str:
    full = "full avg10=99.00 avg60=0.00 avg300=0.00 total=0"
    return f"some avg10={avg10} avg60=10.50 avg300=7.07 total=2847110536\n{full}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_the_groups_own_stalls_go_before_the_machines(tree: Tree) -> None:
    folder = tree.put("group/memory.pressure", line("14.84")).parent
    tree.put("proc/pressure/memory", line("50.00"))
    assert Psi(folder, tree.root).memory() == pytest.approx(0.1484)


def test_without_a_group_of_its_own_the_machines_stalls_are_told(tree: Tree) -> None:
    tree.put("proc/pressure/memory", line("50.00"))
    tree.put("proc/pressure/cpu", line("0.00"))
    for folder in (None, tree.root / "group"):
        stalls = Psi(folder, tree.root)
        assert (stalls.memory(), stalls.cpu()) == (0.5, 0.0)


def test_where_the_kernel_has_none_there_is_none(tree: Tree) -> None:
    stalls = Psi(tree.root / "group", tree.root)
    assert (stalls.memory(), stalls.cpu()) == (None, None)


def test_a_file_that_cannot_be_opened_is_like_none(tree: Tree) -> None:
    """Switched off (psi=0), the files are there and opening them fails."""
    (tree.root / "proc/pressure/memory").mkdir(parents=True)
    assert Psi(None, tree.root).memory() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "full avg10=1.00 avg60=0.00",
        "some avg10=",
        "some avg10=nan avg60=0",
        "some avg10=-1.00 avg60=0",
        "x" * 99,
    ],
)
def test_a_line_that_says_nothing_is_none(text: str) -> None:
    assert psi.parse(text) is None


@pytest.mark.parametrize(("avg10", "share"), [("0.00", 0.0), ("100.00", 1.0), ("100.01", 1.0), ("7", 0.07)])
def test_percent_become_a_share_of_at_most_one(avg10: str, share: float) -> None:
    assert psi.parse(line(avg10)) == pytest.approx(share)


def test_the_machine_running_this_is_read_without_error() -> None:
    share = Psi().cpu()
    try:
        Path("/proc/pressure/cpu").read_bytes()
    except OSError:
        assert share is None
    else:
        assert share is not None, "PSI is there and was not read"
        assert 0.0 <= share <= 1.0
