"""`equilibrium-inject -f`: manifests in, manifests out, a report on stderr, an exit status."""

import fcntl
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.command import inject
from sidecar import contract
from sidecar.apphealth.probes import Grpc, HttpGet, Probe, TcpSocket
from sidecar.settings import from_env

Json = dict[str, Any]

POD: Json = {
    "metadata": {"labels": {"app": "gateway"}},
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "urbanmove/gateway",
                "ports": [{"name": "http", "containerPort": 8888}],
                "env": [{"name": "START", "value": "12:30"}, {"name": "DEBUG", "value": "yes"}],
                "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}},
            }
        ]
    },
}
YES: Json = {contract.INJECT: "true"}
NO: Json = {contract.INJECT: "false"}


def workload(
    kind: str, annotations: Json | None = None, *, pods: Json | None = None, **metadata: str
) -> Json:
    """`annotations` of its own, `pods` of its template."""
    template = POD | {"metadata": POD["metadata"] | ({"annotations": pods} if pods else {})}
    group = "batch" if kind in ("Job", "CronJob") else "apps"
    spec: Json = {"template": template, "selector": {"matchLabels": {"app": "gateway"}}}
    if kind == "CronJob":
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
    named: Json = {"name": "gateway", **metadata} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": named, "spec": spec}


def pod(annotations: Json | None = None, **metadata: str) -> Json:
    named: Json = {"name": "gateway", **metadata} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": POD["spec"]}


@dataclass(frozen=True)
class Result:
    """Of one run."""

    status: int
    text: str
    report: str

    @property
    def documents(self) -> list[Any]:
        return list(yaml.safe_load_all(self.text))

    @property
    def only(self) -> Any:
        [document] = self.documents
        return document


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Documents, or a text, on standard input; options after them."""

    def made(*given: Any, text: str | None = None) -> Result:
        objects = [each for each in given if isinstance(each, dict)]
        stdin = yaml.safe_dump_all(objects) if text is None else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = inject.main(["-f", "-", *(each for each in given if isinstance(each, str))])
        return Result(status, *capsys.readouterr())

    return made


def template(obj: Json) -> Json:
    """The pod in it."""
    spec = obj["spec"]
    if obj["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found: Json = obj if obj["kind"] == "Pod" else spec["template"]
    return found


def sidecar(obj: Json) -> Json | None:
    spec = template(obj)["spec"]
    both = [*(spec.get("initContainers") or ()), *spec["containers"]]
    return next((each for each in both if each["name"] == contract.SIDECAR_CONTAINER), None)


def env(obj: Json) -> dict[str, str]:
    found = sidecar(obj)
    assert found is not None
    return {each["name"]: each.get("value", "") for each in found["env"]}


KINDS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"]

# -- what is injected


@pytest.mark.parametrize("where", ["workload", "template"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_workload_is_injected_by_an_annotation_here_or_there(
    run: Run, kind: str, where: str
) -> None:
    asked = workload(kind, YES) if where == "workload" else workload(kind, pods=YES)
    result = run(asked)
    assert result.status == 0
    assert sidecar(result.only)
    assert env(result.only)["EQUILIBRIUM_WORKLOAD"] == "default/gateway"
    assert f"{kind.lower()}/gateway: injected as default/gateway" in result.report
    assert "ownerReferences" not in result.text


def test_a_pod_is_injected(run: Run) -> None:
    result = run(pod(YES), "-n", "shop")
    assert sidecar(result.only)
    assert "pod/gateway: injected as shop/gateway" in result.report


def test_settings_of_the_workload_reach_its_pods(run: Run) -> None:
    result = run(workload("Deployment", YES | {"equilibrium.io/strategy": "conservative"}))
    assert env(result.only)["EQUILIBRIUM_STRATEGY"] == "conservative"
    assert template(result.only)["metadata"]["annotations"][contract.INJECT] == "true"


def test_lists_are_gone_through(run: Run) -> None:
    inner = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [workload("Deployment", YES)]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}
    result = run({"apiVersion": "v1", "kind": "List", "items": [inner, service, pod(YES)]})
    found = result.only["items"]
    assert sidecar(found[0]["items"][0])
    assert found[1] == service
    assert sidecar(found[2])
    assert "2 injected" in result.report


def test_those_that_do_not_ask_are_left_alone_and_told(run: Run) -> None:
    result = run(workload("Deployment"), workload("StatefulSet", NO), pod(NO | {"x": "z"}))
    assert result.status == 0
    assert result.documents == [workload("Deployment"), workload("StatefulSet", NO), pod(NO | {"x": "z"})]
    assert "deployment/gateway: left alone (not-opted-in)" in result.report
    assert "statefulset/gateway: left alone (opted-out)" in result.report
    assert "3 left alone" in result.report


@pytest.mark.parametrize("option", ["--all", "--namespace-enabled"])
def test_all_means_all_but_those_that_say_no(run: Run, option: str) -> None:
    result = run(workload("Deployment"), workload("StatefulSet", NO), pod(NO), option)
    assert [sidecar(each) is not None for each in result.documents] == [True, False, False]


def test_a_host_network_is_left_alone_with_the_reason(run: Run) -> None:
    asked = workload("DaemonSet", pods=YES)
    asked["spec"]["template"]["spec"] = POD["spec"] | {"hostNetwork": True}
    result = run(asked)
    assert (result.status, result.only) == (0, asked)
    assert "daemonset/gateway: left alone (host-network: the pod uses its node's network" in result.report


def test_what_another_object_made_is_left_to_it(run: Run) -> None:
    made = workload("ReplicaSet", YES)
    made["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": "gateway", "controller": True}]
    result = run(made)
    assert result.only == made
    assert "managed: another object made it" in result.report


def test_injecting_what_is_injected_changes_nothing(run: Run) -> None:
    once = run(workload("Deployment", YES), pod(YES))
    again = run(text=once.text)
    assert again.text == once.text
    assert again.report.count("already-injected") == 2


# -- how it is written


def test_what_is_not_touched_keeps_its_text_and_texts_stay_texts(run: Run) -> None:
    text = "# ours\nkind: ConfigMap   # kept\ndata: {a: 0755}\n"
    result = run(text=f"{text}---\n{yaml.safe_dump(workload('Deployment', YES))}")
    assert result.text.startswith(f"{text}---\n")
    given = result.documents[1]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert given == POD["spec"]["containers"][0]["env"]


def test_json_is_read_and_yaml_is_written(run: Run) -> None:
    result = run(text=json.dumps(workload("Deployment", YES)))
    assert result.text.startswith("---\napiVersion: apps/v1\n")
    assert sidecar(result.only)


def test_nothing_in_is_nothing_out(run: Run) -> None:
    assert run(text="") == Result(0, "", "equilibrium-inject: nothing there\n")


def test_several_files_make_one_stream_in_a_file(run: Run, tmp_path: Path) -> None:
    first, second, out = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "out.yaml"
    first.write_text(yaml.safe_dump(workload("Deployment", YES)))
    second.write_text("kind: Service # kept")
    result = run("-f", str(first), "--filename", str(second), "-o", str(out), text="")
    assert (result.status, result.text) == (0, "")
    found = list(yaml.safe_load_all(out.read_text()))
    assert sidecar(found[0])
    assert out.read_text().endswith("---\nkind: Service # kept\n")


# -- settings


def test_options_are_the_injectors_template(run: Run) -> None:
    options = ["--image", "r/sidecar:1", "--init-image", "r/init:2", "--pull-policy", "Always"]
    options += ["--resources", "cpu-request=75m", "--discovery", "coordinator:http://c:1"]
    options += ["--skip-subnets", "10.0.0.0/8,fd00::/8", "--mesh-key-secret", "our-key"]
    result = run(workload("Deployment", YES), *options)
    spec = template(result.only)["spec"]
    rules, proxy = spec["initContainers"]
    assert (rules["image"], proxy["image"], proxy["imagePullPolicy"]) == ("r/init:2", "r/sidecar:1", "Always")
    assert proxy["resources"]["requests"] == {"cpu": "75m", "memory": "96Mi"}
    assert env(result.only)["EQUILIBRIUM_DISCOVERY"] == "coordinator:http://c:1"
    assert "10.0.0.0/8,fd00::/8" in rules["args"]
    assert "our-key" in result.text


def test_an_ordinary_container_on_request(run: Run) -> None:
    result = run(workload("Deployment", YES), "--no-native")
    names = [each["name"] for each in template(result.only)["spec"]["containers"]]
    assert contract.SIDECAR_CONTAINER in names


def test_a_restricted_namespace_gets_no_interception_and_a_warning(run: Run) -> None:
    result = run(workload("Deployment", YES), "--restricted")
    assert contract.INIT_CONTAINER not in result.text
    assert "HTTP_PROXY" in result.text
    assert "  warning: interception is off" in result.report


def test_nothing_is_injected_where_the_injector_lives(run: Run) -> None:
    asked = workload("Deployment", YES)
    result = run(asked, "-n", "mesh", "--own-namespace", "mesh")
    assert result.only == asked
    assert "own-namespace" in result.report


# -- and back


@pytest.mark.parametrize("option", ["--uninject", "--remove"])
@pytest.mark.parametrize("kind", [*KINDS, "Pod"])
@pytest.mark.parametrize("ways", [(), ("--no-native",), ("--restricted",)])
def test_uninjecting_restores_what_was_injected(
    run: Run, kind: str, option: str, ways: tuple[str, ...]
) -> None:
    settings = YES | {"equilibrium.io/strategy": "none"}
    asked = pod(settings) if kind == "Pod" else workload(kind, settings)
    injected = run(asked, *ways)
    assert sidecar(injected.only)
    restored = run(injected.only, option)
    assert restored.only == asked
    assert f"{kind.lower()}/gateway: sidecar removed" in restored.report


def test_settings_on_the_template_survive_both_ways(run: Run) -> None:
    asked = workload("Deployment", pods=YES | {"equilibrium.io/strategy": "none", "x": "z"})
    assert run(run(asked).only, "--uninject").only == asked


def test_uninjecting_what_is_not_injected_changes_nothing(run: Run) -> None:
    result = run(workload("Deployment", YES), "--uninject")
    assert result.only == workload("Deployment", YES)
    assert "left alone (not-injected)" in result.report


# -- and the sidecar understands it


def test_a_sidecar_takes_the_environment_it_is_given(run: Run) -> None:
    asked = workload("Deployment", YES | {"equilibrium.io/strategy": "none"})
    probes = {
        "livenessProbe": {"grpc": {"port": 9000}, "timeoutSeconds": 3},
        "startupProbe": {"tcpSocket": {"port": "http"}},
    }
    asked["spec"]["template"]["spec"]["containers"][0] |= probes
    given = {name: value for name, value in env(run(asked).only).items() if value}
    settings = from_env(given)
    assert (settings.workload, settings.app, settings.strategy) == (
        "default/gateway",
        ("127.0.0.1", 8888),
        "none",
    )
    assert settings.app_probes == (
        Probe("app", "livez", Grpc(9000), 3.0),
        Probe("app", "readyz", HttpGet(8888, "/health")),
        Probe("app", "startupz", TcpSocket(8888)),
    )


# -- refusals


def test_bad_annotations_are_refused_all_at_once_and_nothing_is_written(run: Run) -> None:
    wrong = YES | {"equilibrium.io/strategy": "fast", "equilibrium.io/proxy-cpu-limit": "lots"}
    result = run(workload("Deployment", wrong), workload("StatefulSet", YES))
    assert (result.status, result.text) == (1, "")
    assert "deployment/gateway: refused:" in result.report
    assert "equilibrium.io/strategy='fast': unknown; allowed: balanced, aggressive-learning" in result.report
    assert "equilibrium.io/proxy-cpu-limit='lots': " in result.report
    assert "1 injected, 1 refused" in result.report


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "metadata: {annotations: {equilibrium.io/inject: true}}",
            'equilibrium.io/inject: true is not a text; allowed: one in quotes, such as "true"',
        ),
        ("metadata: {annotations: [x]}", "metadata.annotations: ['x'] is not an object"),
        ("metadata: {labels: {a: 1}}", "metadata.labels: a: 1 is not a text"),
        ("metadata: x", "metadata: 'x' is not an object"),
        ("spec: {}", "spec.template: nothing is not an object"),
        (
            "spec: {template: {spec: {containers: x}}}",
            "spec.template.spec.containers: not a list of containers",
        ),
        ("spec: {template: {spec: {containers: [{image: x}]}}}", "spec.template.spec.containers: not a list"),
        ("spec: {template: {}}", "spec.template.spec: nothing is not an object"),
        (
            "spec: {template: {metadata: {annotations: {a: 1}}}}",
            "spec.template.metadata.annotations: a: 1 is not",
        ),
    ],
)
def test_what_no_server_would_take_is_refused_with_its_place(run: Run, text: str, why: str) -> None:
    fallback = "" if "spec:" in text else "\nspec: {template: {spec: {containers: [{name: a}]}}}"
    result = run(text=f"apiVersion: apps/v1\nkind: Deployment\n{text}{fallback}\n")
    assert (result.status, result.text) == (1, "")
    assert why in result.report


def test_a_quirk_deep_in_a_pod_is_refused_without_a_traceback(run: Run) -> None:
    strange = workload("Deployment", YES)
    strange["spec"]["template"]["spec"] = {
        "containers": [{"name": "a", "ports": [7], "env": "x", "resources": [1]}]
    }
    result = run(strange)
    assert (result.status, result.text) == (1, "")
    assert "deployment/gateway: refused: nothing Kubernetes would take: " in result.report


def test_every_unreadable_file_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: 1\n---\nb: [")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    files = [str(tmp_path / name) for name in ("bad.yaml", "latin.yaml", "missing.yaml")]
    result = run(*(word for file in files for word in ("-f", file)), text="kind: Service")
    assert (result.status, result.text) == (1, "")
    for file, why in zip(files, ("line 3: ", "'utf-8' codec can't decode", "No such file"), strict=True):
        assert f"equilibrium-inject: {file}: {why}" in result.report


def test_an_output_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    result = run(workload("Deployment", YES), "-o", str(tmp_path / "no" / "out.yaml"))
    assert result.status == 1
    assert "out.yaml: No such file" in result.report


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--image", "a b"], "'a b': not an image"),
        (["--discovery", "file:x"], "not a source sidecars can have"),
        (["--resources", "cpu=1"], "no such key 'cpu'"),
        (["--skip-subnets", "10.0.0.0/8,x"], "'x' is not a subnet"),
        (["--pull-policy", "never"], "unknown; allowed: Always, IfNotPresent, Never"),
        (["--namespace", "A"], "not a name of a Kubernetes object"),
        (["--imag", "x"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_allowed(run: Run, options: list[str], why: str) -> None:
    result = run(*options, text="")
    assert (result.status, result.text) == (2, "")
    assert why in result.report


def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert inject.main(["--help"]) == 0
    text = capsys.readouterr().out
    for taught in (
        "equilibrium-inject -f deploy.yaml | kubectl apply -f -",
        "check deployment/gateway",
        "exit status: 0",
    ):
        assert taught in text


def test_a_pipe_that_closes_early_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text(f"---\nkind: ConfigMap\ndata: {{a: {'x' * 200}}}\n" * 200)
    program = [sys.executable, "-m", "injector.command.inject", "-f", str(file)]
    # unbuffered, Python does not notice
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(program, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        process.stdout.read(10)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1
