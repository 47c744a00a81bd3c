"""Rules and scrape configuration: promtool's own checks, words of alerts, and what relabelling makes of a cluster."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.prometheus import __main__ as program
from dashboards.prometheus import local
from loadtest import processes
from tests.dashboards import expressions, house
from tests.dashboards.expressions import PROMETHEUS

ALERTS = [rule for _, rule in expressions.rules() if "alert" in rule]
RUNBOOK = Path("docs/runbook.md").read_text()
DOC = Path("docs/dashboards.md").read_text()
SHIPPED = (PROMETHEUS / "prometheus.yml").read_text()
NEEDED = pytest.mark.skipif(
    shutil.which("promtool") is None and "CI" not in os.environ,
    reason="promtool is not installed (Debian: apt-get install prometheus)",
)


def promtool(*argv: str, cwd: Path = PROMETHEUS) -> None:
    ran = subprocess.run(["promtool", *argv], cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def without_cluster(directory: Path) -> Path:
    """The shipped file with targets from a file, for Debian's Prometheus is built without Kubernetes' discovery."""
    made = yaml.safe_load(SHIPPED)
    made["rule_files"] = [str((PROMETHEUS / name).absolute()) for name in made["rule_files"]]
    for job in made["scrape_configs"]:
        (asked,) = job.pop("kubernetes_sd_configs")
        job["file_sd_configs"] = [{"files": [str(directory / f"{asked['role']}.json")]}]
        if "authorization" in job:
            (directory / "token").write_text("t")
            job["authorization"] = {"credentials_file": str(directory / "token")}
            job["tls_config"] = {"insecure_skip_verify": True}
    path = directory / "prometheus.yml"
    path.write_text(json.dumps(made))
    return path


@NEEDED
def test_promtool_finds_nothing_wrong() -> None:
    promtool("check", "rules", *(path.name for path in expressions.RULES))


@NEEDED
def test_promtool_finds_nothing_wrong_with_the_configurations(tmp_path: Path) -> None:
    promtool("check", "config", str(without_cluster(tmp_path)))
    mesh = {"services": [], "callers": [{"address": "127.0.0.3", "workload": "n/w"}]}
    path = tmp_path / "local.json"
    path.write_text(json.dumps(local.config(local.Sources(mesh=mesh, nodes=["127.0.0.1:1"]))))
    promtool("check", "config", str(path))


@NEEDED
def test_alerts_wake_for_what_they_should_and_for_nothing_else() -> None:
    promtool("test", "rules", "alerts.test.yml")


def test_alerts_that_have_no_unit_test_are_known() -> None:
    tested = (PROMETHEUS / "alerts.test.yml").read_text()
    assert {rule["alert"] for rule in ALERTS if rule["alert"] not in tested} == {
        "EquilibriumRetryStorm",
        "EquilibriumSidecarDown",
        "EquilibriumTwoLeaders",
        "EquilibriumCyclesFail",
        "EquilibriumResizeRestarted",
        "EquilibriumNoRest",
    }


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do_and_where_more_is_said(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    told = rule["annotations"]
    assert len(told["summary"]) > 15
    assert len(told["description"]) > 40
    page, _, anchor = told["runbook"].partition("#")
    assert page == "docs/runbook.md"
    anchors = [re.sub(r"[^\w -]", "", line).replace(" ", "-") for line in _headings()]
    assert anchor in anchors
    assert f"| `{rule['alert']}` |" in DOC


def _headings() -> list[str]:
    return [line.lstrip("# ").lower() for line in RUNBOOK.splitlines() if line.startswith("#")]


def test_alerts_named_in_descriptions_of_panels_exist() -> None:
    names = {rule["alert"] for rule in ALERTS}
    told = json.dumps(expressions.dashboards()) + RUNBOOK
    assert set(re.findall(r"alert (Equilibrium\w+)", told)) <= names


# -- the local mesh


def test_the_local_configuration_names_every_pod_once() -> None:
    bus = {"address": "127.9.0.20:15406", "name": "bus-0", "workload": "n/bus"}
    mesh = {
        "services": [{"host": "bus", "endpoints": [bus]}],
        "callers": [
            {"address": "127.9.0.10", "workload": "n/gateway"},
            {"address": "127.9.0.20", "workload": "n/bus"},
        ],
    }
    made = local.config(local.Sources(mesh=mesh, coordinators=["127.0.0.1:15480"]))
    sidecars, coordinator = made["scrape_configs"]
    assert sidecars["static_configs"] == [
        {
            "targets": ["127.9.0.20:15490"],
            "labels": {"namespace": "n", "workload": "bus", "pod": "bus-0"},
        },
        {
            "targets": ["127.9.0.10:15490"],
            "labels": {"namespace": "n", "workload": "gateway", "pod": "gateway"},
        },
    ]
    assert coordinator["static_configs"] == [{"targets": ["127.0.0.1:15480"]}]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"services": [{"host": "x"}]}', '{"callers": 3, "services": []}']
)
def test_a_file_that_is_no_mesh_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mesh.json"
    path.write_text(text)
    monkeypatch.setattr("sys.argv", ["prometheus", str(path)])
    assert program.main() == 2
    assert str(path) in capsys.readouterr().err


def test_the_program_prints_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mesh.json"
    path.write_text(json.dumps({"services": [], "callers": [{"address": "127.9.0.1", "workload": "n/w"}]}))
    monkeypatch.setattr("sys.argv", ["prometheus", str(path), "--node", "127.0.0.1:15600"])
    assert program.main() == 0
    made = json.loads(capsys.readouterr().out)
    assert [job["job_name"] for job in made["scrape_configs"]] == ["equilibrium-sidecars", "kubelet-cadvisor"]
    assert all(Path(each).exists() for each in made["rule_files"])


# -- the cluster: what relabelling makes of what Kubernetes' discovery says


def pod(name: str, **meta: str) -> dict[str, Any]:
    told = {
        "namespace": "shop",
        "pod_name": name,
        "pod_ip": "127.0.0.9",
        "pod_node_name": "node-a",
        "pod_phase": "Running",
        "pod_label_equilibrium_io_injected": "true",
        "pod_container_port_name": "eq-admin",
        **meta,
    }
    port = told.pop("port", "15490")
    return {
        "targets": [f"127.0.0.9:{port}"],
        "labels": {f"__meta_kubernetes_{key}": value for key, value in told.items()},
    }


def program_pod(name: str, port: str) -> dict[str, Any]:
    told = {"pod_annotation_prometheus_io_port": port, "pod_annotation_prometheus_io_scrape": "true"}
    return pod(
        f"{name}-5d9c-x1",
        pod_label_equilibrium_io_injected="",
        pod_label_app_kubernetes_io_name=name,
        port="1",
        **told,
    )


PODS = [
    pod("bus-7d9f8c-abcde", pod_controller_kind="ReplicaSet", pod_controller_name="bus-7d9f8c"),
    pod("db-0", pod_controller_kind="StatefulSet", pod_controller_name="db"),
    pod("lone"),
    pod("app-port", pod_container_port_name="http", port="8080"),
    pod("plain", pod_label_equilibrium_io_injected=""),
    pod("unwatched", pod_annotation_prometheus_io_scrape="false"),
    pod("over", pod_phase="Succeeded"),
    program_pod("equilibrium-coordinator", "15480"),
    program_pod("equilibrium-injector", "15444"),
]


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[dict[str, list[dict[str, str]]]]:
    """Final labels by job."""
    if shutil.which("prometheus") is None and "CI" not in os.environ:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    (tmp_path / "pod.json").write_text(json.dumps(PODS))
    node = {"__meta_kubernetes_node_name": "node-a"}
    (tmp_path / "node.json").write_text(json.dumps([{"targets": ["127.0.0.9:10250"], "labels": node}]))
    with processes.Children(tmp_path) as children:
        running = house.start(children, without_cluster(tmp_path))
        yield _by_job(running)


def _by_job(running: house.Prometheus) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for each in house.until(lambda: running.get("/api/v1/targets", state="active")["activeTargets"]):
        found.setdefault(each["labels"]["job"], []).append(each["labels"] | {"url": each["scrapeUrl"]})
    return found


def test_relabelling_finds_every_sidecar_once_and_names_its_workload(
    targets: dict[str, list[dict[str, str]]],
) -> None:
    sidecars = {each["pod"]: each for each in targets["equilibrium-sidecars"]}
    assert {name: each["workload"] for name, each in sidecars.items()} == {
        "bus-7d9f8c-abcde": "bus",
        "db-0": "db",
        "lone": "lone",
    }
    assert sidecars["lone"]["url"] == "http://127.0.0.9:15490/metrics"
    assert (sidecars["db-0"]["namespace"], sidecars["db-0"]["node"]) == ("shop", "node-a")
    for name, port in (("coordinator", 15480), ("injector", 15444)):
        (only,) = targets[f"equilibrium-{name}"]
        assert only["url"] == f"http://127.0.0.9:{port}/metrics"
    (kubelet,) = targets["kubelet-cadvisor"]
    assert kubelet["url"] == "https://127.0.0.9:10250/metrics/cadvisor"
    assert kubelet["node"] == "node-a"
