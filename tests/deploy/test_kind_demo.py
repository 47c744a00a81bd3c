"""deploy/kind-demo. docker and kind cannot run here, so it is played with programs that only write down what they
were asked for: every path, object and container it asks for must exist. What it runs inside pods is run for real.
"""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from loadtest import processes
from tests.deploy import manifests, shell
from tests.support import sidecar


@dataclass(frozen=True, slots=True)
class Played:
    """What kind-demo asked other programs for."""

    calls: list[list[str]]

    def of(self, program: str, *words: str) -> list[list[str]]:
        return [call for call in self.calls if call[0] == program and all(word in call for word in words)]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("demo")
    path = shell.unix(folder / "bin")
    shell.recorders(path, *shell.NEEDS["kind-demo"])
    done = shell.run("kind-demo", path=str(path), log=folder / "log")
    assert done.returncode == 0, done.stderr
    return Played(shell.recorded(folder / "log"))


def test_the_demo_applies_folders_that_exist_in_its_own_cluster(played: Played) -> None:
    cluster = yaml.safe_load((manifests.DEPLOY / "kind.yaml").read_text())["name"]
    (created,) = played.of("kind", "create")
    assert created[created.index("--name") + 1] == cluster
    assert (manifests.ROOT / created[created.index("--config") + 1]).exists()
    applied = [call[call.index("-k") + 1] for call in played.of("kubectl", "apply")]
    assert applied == ["deploy/overlays/kind", "deploy/example"]
    assert all((manifests.ROOT / path / "kustomization.yaml").exists() for path in applied)
    assert all(
        call[1:3] == ["--context", f"kind-{cluster}"]
        for call in played.of("kubectl")
        if "--client" not in call
    )


def test_the_demo_builds_and_loads_the_images_its_manifests_use(played: Played) -> None:
    text = manifests.text("overlays/kind") + manifests.text(manifests.EXAMPLE)
    wanted = set(re.findall(r"equilibrium-\w+:[\w.]+", text))
    assert {call[call.index("-t") + 1] for call in played.of("docker", "build")} == wanted
    (loaded,) = played.of("kind", "load")
    assert {word for word in loaded if ":" in word} == wanted


def test_the_demo_waits_for_and_enters_what_the_manifests_define(played: Played) -> None:
    objects = manifests.rendered("overlays/kind") + manifests.rendered(manifests.EXAMPLE)
    deployments = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in manifests.of_kind(objects, "Deployment")
    }
    for call in played.of("kubectl"):
        if "apply" in call or "--client" in call:
            continue
        namespace = call[call.index("-n") + 1]
        names = [word.partition("/")[2] for word in call if re.match(r"(deployment|deploy)/", word)]
        names += [call[call.index("-l") + 1].removeprefix("app=")] if "-l" in call else []
        names += [call[call.index("deployment") + 1]] if "deployment" in call else []
        for name in names:
            assert (namespace, name) in deployments, call
        if "exec" in call:
            container = call[call.index("-c") + 1]
            assert container in {"equilibrium-sidecar", *(names or ["bus-service"])}, call
    waited = {call[call.index("status") + 1] for call in played.of("kubectl", "rollout", "status")}
    assert waited == {f"deployment/{name}" for _, name in deployments}


def test_the_demo_annotates_the_one_workload_that_is_not_annotated_yet(played: Played) -> None:
    (call,) = played.of("kubectl", "annotate")
    assert call[-3:] == ["deployment", "gateway", "equilibrium.io/inject=true"]
    pods = dict(manifests.templates(manifests.rendered(manifests.EXAMPLE)))
    assert [name for name, pod in pods.items() if "annotations" not in pod["metadata"]] == ["gateway"]


def test_the_demo_slows_one_pod_and_heals_it(played: Played) -> None:
    words = [call for call in played.of("kubectl", "exec") if "a-pod" in call]
    assert [call[call.index("-") + 1 :] for call in words] == [["PUT", '{"latency_ms": 500}'], ["DELETE"]]


def test_delete_removes_the_cluster_and_makes_nothing(tmp_path: Path) -> None:
    path = shell.unix(tmp_path / "bin")
    shell.recorders(path, *shell.NEEDS["kind-demo"])
    assert shell.run("kind-demo", "--delete", path=str(path), log=tmp_path / "log").returncode == 0
    calls = shell.recorded(tmp_path / "log")
    assert [call[:2] for call in calls] == [["kubectl", "version"], ["docker", "info"], ["kind", "delete"]]
    assert calls[-1] == ["kind", "delete", "cluster", "--name", "equilibrium"]


# -- what it runs inside pods, against a real pod of the application and a real sidecar


def inside(function: str, **replaced: str) -> str:
    """The Python in a function of the script, with addresses of this test in place of the pod's."""
    text = (manifests.DEPLOY / "kind-demo").read_text().partition(f"\n{function}() {{")[2]
    found = re.search(r"<<'PY'\n(.*?)\nPY\n", text, re.DOTALL)
    assert found is not None
    code = found[1]
    for old, new in replaced.items():
        assert old in code
        code = code.replace(old, new)
    return code


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-", *arguments],
        input=code,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """`ip:port` of its application and of its control port."""
    argv = [
        sys.executable,
        "-m",
        "loadtest.urbanmove",
        "bus",
        "--listen",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
    ]
    with processes.Children(tmp_path) as children:
        child = children.start("bus", [*argv, "--pod", "bus-0"])
        while (ready := re.search(r"ready listen=(\S+) control=(\S+)", child.last_words())) is None:
            assert child.running, child.last_words()
            time.sleep(processes.POLL_S)
        yield ready[1], ready[2]


def test_its_requests_tell_who_answered_and_how_fast(bus: tuple[str, str]) -> None:
    host, _, port = bus[0].partition(":")
    fewer = {"range(600)": "range(10)", "[300]": "[5]", "[594]": "[9]"}
    said = python(inside("send_traffic", **{'"127.0.0.1", 8888': f'"{host}", {port}'}, **fewer))
    assert re.fullmatch(r" +10 200 bus-0\np50 \d+ ms, p99 \d+ ms\n", said)


def test_its_fault_is_one_the_application_understands_and_goes_again(bus: tuple[str, str]) -> None:
    fault = inside("fault", **{"http://127.0.0.1:9000": f"http://{bus[1]}"})

    def now() -> object:
        with urllib.request.urlopen(f"http://{bus[1]}/faults", timeout=120) as answer:
            return json.load(answer)["fault"]

    python(fault, "PUT", '{"latency_ms": 500}')
    told = now()
    assert isinstance(told, dict)
    assert told["latency_ms"] == 500
    python(fault, "DELETE")
    assert now() is None


def test_it_prints_what_the_sidecar_explains(tmp_path: Path) -> None:
    services = [
        {"host": "bus-service", "port": 8080, "endpoints": [{"address": "127.0.0.1:9", "name": "bus-0"}]}
    ]
    with sidecar.sidecar({"services": services}, tmp_path) as running:
        said = python(inside("explain", **{"127.0.0.1:15490": running.admin}))
    assert "bus-service" in said
    assert "bus-0" in said
