"""A mesh on a node that throttles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import processes
from loadtest.mesh import Mesh, MeshPlan, guide
from loadtest.mesh import __main__ as program
from loadtest.mesh.lodging import Lodging, annotations
from loadtest.mesh.node import missing, node


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    if (why := missing()) is not None:
        pytest.skip(f"no CPU groups here: {why}")
    with node(1000) as there, processes.Children(tmp_path) as children:
        plan = MeshPlan(replicas=1, lodging=Lodging(there, 4))
        with Mesh.start(children, plan) as started:
            yield started


def test_every_pod_lives_under_a_limit_and_leaves_with_its_groups(mesh: Mesh) -> None:
    lodging = mesh.plan.lodging
    assert lodging is not None
    assert lodging.limit_m == 230, "four pods share 95 % of 1000m"
    gateway, *pods = mesh.pods()
    told = [lodging.node.pod("urbanmove", pod.name) for pod in pods]
    assert {each["status"]["phase"] for each in told} == {"Running"}
    assert [each["status"]["podIP"] for each in told] == [pod.ip for pod in pods]
    app = pods[0].app_child
    assert app is not None
    group = Path(f"/proc/{app.pid}/cgroup").read_text()
    assert "equilibrium-node-" in group
    sidecar = pods[0].sidecar_child
    assert sidecar is not None
    assert "equilibrium-node-" not in Path(f"/proc/{sidecar.pid}/cgroup").read_text(), (
        "it is not what is sized"
    )
    assert gateway.app_child is not None
    assert "equilibrium-node-" not in Path(f"/proc/{gateway.app_child.pid}/cgroup").read_text()
    mesh.kill(pods[0])
    mesh.restart(pods[0])
    assert lodging.node.pod("urbanmove", pods[0].name)["status"]["phase"] == "Running"
    text = guide.commands(mesh)
    assert f"-m coordinator --api {lodging.node.url}" in text
    assert "1000m in all, 230m for each pod" in text


def test_pods_take_part_and_keep_half_of_what_they_begin_with() -> None:
    told = annotations("ticket-service", 190)
    assert told["equilibrium.io/resize"] == "true"
    assert (told["equilibrium.io/min-cpu"], told["equilibrium.io/budget"]) == ("90m", "3")
    assert annotations("bus-service", 20)["equilibrium.io/min-cpu"] == "20m"


@pytest.mark.parametrize("text", ["lots", "10m", "1e9", "-1"])
def test_a_node_nobody_can_have_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        program.parser().parse_args([f"--node={text}"])
    assert left.value.code == 2
    assert text in capsys.readouterr().err


def test_a_nodes_size_is_a_quantity() -> None:
    assert program.parser().parse_args(["--node", "1.2"]).node == 1200
    assert program.parser().parse_args(["--node", "1200m"]).node == 1200
