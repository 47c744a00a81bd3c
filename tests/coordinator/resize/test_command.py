"""`equilibrium-resize`: what it prints, and the code it ends with."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from coordinator.kube.resize import options
from coordinator.kube.resize.command import main
from coordinator.policy.outcome import Kind
from tests.coordinator.resize.scene import container, plain, pod, resources
from tests.support.kube import ApiServer, until

pytestmark = pytest.mark.kube

MODULE = [sys.executable, "-m", "coordinator.kube.resize"]


@pytest.fixture
def run(double, capsys):
    """(exit code, standard output, standard error) of the command, against the double unless told otherwise."""

    async def ran(*arguments, api=None):
        given = [*arguments, "--kubeconfig", str((api or double).kubeconfig)]
        if "--wait" in given:  # it leaves a watch in the middle: the process ends before TLS has said goodbye
            return await _process(*given)
        status = await asyncio.to_thread(main, given)
        said = capsys.readouterr()
        return status, said.out, said.err

    return ran


async def _process(*arguments):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*MODULE, *arguments, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def bus(double, kubelet):
    made = await double.create(pod())
    await kubelet.settled()
    return made


async def limit(api):
    found = await api.get("Pod", "default", "bus")
    return found["spec"]["containers"][0]["resources"]["limits"]["cpu"]


async def test_applied_and_confirmed_is_0(double, bus, run):
    status, out, err = await run("bus", "-n", "default", "--container", "app", "--cpu", "700m", "--wait")
    assert (status, err) == (0, "")
    assert out == (
        "pod/bus in namespace default, container app\n"
        "  cpu    request 100m                limit 500m → 700m\n"
        "  memory request 64Mi                limit 256Mi\n"
        "applied: the kubelet enforces it, and no container was restarted\n"
    )
    assert await limit(double) == "700m"


async def test_without_waiting_it_says_how_to_know_more(double, bus, run):
    status, out, _ = await run("pod/bus", "--cpu", "417m", "--memory", "300Mi")
    assert status == 0
    assert "applied: the server took it; whether the kubelet enforces it, --wait tells" in out
    assert "cpu rounded up from 417m to 420m" in out


async def test_nothing_to_change_is_0_and_sends_nothing(double, bus, run):
    status, out, _ = await run("bus", "--cpu", "500m")
    assert status == 0
    assert "applied: it already has that: nothing was sent" in out
    assert [method for _, method, _ in double.requests if method == "PATCH"] == []


async def test_a_dry_run_shows_the_patch_and_stores_nothing(double, bus, run):
    status, out, _ = await run("bus", "--cpu", "700m", "--dry-run")
    assert status == 0
    assert "limit 500m → 700m" in out
    assert 'test    /spec/containers/0/resources/limits/cpu "500m"' in out
    assert 'replace /spec/containers/0/resources/limits/cpu "700m"' in out
    assert out.endswith("applied: the server would take it; nothing is stored\n")
    assert await limit(double) == "500m"


async def test_json_is_one_object_with_the_code(bus, run):
    status, out, _ = await run("bus", "--cpu", "50m", "--output", "json")
    told = json.loads(out)
    assert status == told["exit"] == 4
    assert (told["kind"], told["reason"], told["pod"]) == ("infeasible", "request-above-limit", "bus")
    assert told["before"]["cpu_limit_m"] == 500


async def test_the_container_is_the_one_kubectl_would_take(double, kubelet, run):
    obj = pod(container("first"), container("second"))
    obj["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "second"}
    await double.create(obj)
    await double.create(pod(container("first"), container("second"), name="plain"))
    await kubelet.settled()
    assert "container second" in (await run("bus", "--cpu", "700m"))[1]
    assert "container first" in (await run("plain", "--cpu", "700m"))[1]


async def test_no_room_is_3(double, bus, kubelet, run):
    await double.create(pod(container(given=resources(("1500m", "2"))), name="big"))
    await kubelet.settled()
    status, out, _ = await run("bus", "--cpu", "600m", "--policy", "both")
    assert status == 0
    await kubelet.settled()
    status, out, err = await run("bus", "--cpu", "600m", "--policy", "both", "--wait", "--timeout", "100ms")
    assert (status, err) == (3, "")
    assert "deferred (no-room): Node didn't have enough resource: cpu" in out
    assert "→ the request holds room on the node" in out


async def test_more_than_the_node_has_is_4(bus, run):
    status, out, _ = await run("bus", "--cpu", "9", "--policy", "both")
    assert status == 4
    assert "infeasible (node-capacity): " in out


async def test_a_restart_has_to_be_allowed(double, kubelet, run):
    restarting = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    await double.create(pod(container(resizePolicy=restarting)))
    await kubelet.settled()
    status, out, _ = await run("bus", "--memory", "512Mi", "--wait")
    assert (status, "→ --allow-restart" in out) == (4, True)
    status, out, _ = await run("bus", "--memory", "512Mi", "--wait", "--allow-restart")
    assert (status, "applied: container app was restarted on the way" in out) == (0, True)


async def test_no_right_is_6(double, bus, run):
    double.token = double.allow([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])
    status, out, _ = await run("bus", "--cpu", "600m")
    assert status == 6
    assert 'cannot patch resource "pods/resize"' in out
    assert "→ a role with verb patch on pods/resize" in out


async def test_a_server_without_it_is_7(run):
    async with ApiServer(minor=31) as old:
        await old.create(pod())
        status, out, _ = await run("bus", "--cpu", "600m", api=old)
    assert status == 7
    assert "unsupported (no-resize)" in out


@pytest.mark.parametrize("arguments", [(), ("--container", "app")])
async def test_no_such_pod_is_8(run, arguments):
    status, out, _ = await run("bus", "--cpu", "600m", *arguments)
    assert status == 8
    assert "superseded (gone): " in out
    assert "→ its workload made another: kubectl get pods -n default" in out


async def test_a_pod_that_others_keep_writing_is_5(bus, double, capsys):
    async def busy(request):
        if request.method == "PATCH":
            message = "the server rejected our request due to an error in our request"
            body = {"kind": "Status", "reason": "Invalid", "message": message, "details": {}, "code": 422}
            return web.json_response(body, status=422)
        reply = await double.request(request.method, request.path_qs)
        return web.json_response(reply.body, status=reply.status)

    async with plain(busy) as url:
        status = await asyncio.to_thread(main, ["bus", "--cpu", "600m", "--server", url])
    assert status == 5
    assert "conflict (changed)" in capsys.readouterr().out


async def test_an_answer_that_never_makes_sense_is_1(capsys):
    async def garbage(request):
        return web.Response(text="<html>")

    async with plain(garbage) as url:
        status = await asyncio.to_thread(main, ["bus", "-c", "app", "--cpu", "1", "--server", url])
    assert status == 1
    said = capsys.readouterr().out
    assert "failed (unreadable)" in said
    assert "→ look at the pod: kubectl get pod bus -n default -o yaml" in said


def test_every_outcome_has_a_code_of_its_own():
    kinds = Kind.__args__
    assert set(options.EXIT) == set(kinds)
    codes = list(options.EXIT.values())
    assert len({*codes, 2, options.INTERRUPTED}) == len(kinds) + 2
    assert codes == [0, 1, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: POD"),
        (["bus"], "nothing to change"),
        (["bus", "--cpu", "lots"], "--cpu: cpu 'lots': not a quantity"),
        (["bus", "--cpu", "0"], "more than 0"),
        (["bus", "--memory", "-1"], "--memory"),
        (["deployment/bus", "--cpu", "1"], "not a pod; allowed: NAME or pod/NAME"),
        (["a b", "--cpu", "1"], "not a pod"),
        (["bus", "--cpu", "1", "-n", "default/pods/other?x="], "not a namespace"),
        (["bus", "--cpu", "1", "--policy", "some"], "invalid choice"),
        (["bus", "--cpu", "1", "--timeout", "soon"], "not a duration"),
        (["bus", "--cpu", "1", "--dry-run", "--wait"], "leave out --wait"),
        (["bus", "--cpu", "1", "--field-manager", ""], "not a field manager"),
        (["bus", "--cpu", "1", "--server", "kube"], "not a URL"),
        (["bus", "--cpu", "1", "--cp", "2"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_wrong(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_kubeconfig_that_is_none_is_1(tmp_path, capsys):
    assert main(["bus", "--cpu", "1", "--kubeconfig", str(tmp_path / "none")]) == 1
    assert "equilibrium-resize: no context is given" in capsys.readouterr().err


def test_the_help_teaches_with_examples_and_every_exit_code():
    done = subprocess.run([*MODULE, "--help"], capture_output=True, text=True, check=True)
    assert "examples" in done.stdout
    for kind, code in options.EXIT.items():
        assert f"  {code} {kind} " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


async def test_an_interrupt_is_130_and_the_pod_tells_what_became_of_it(double, bus, kubelet):
    kubelet.paused = True
    command = [*MODULE, "bus", "--cpu", "700m", "--wait", "--kubeconfig", str(double.kubeconfig)]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE, cwd=Path.cwd())
    await until(lambda: any("watch=1" in path for _, _, path in double.requests))
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert (
        err.decode()
        == "equilibrium-resize: interrupted: the patch may or may not have been sent; the pod tells\n"
    )
    assert await limit(double) == "700m"


async def test_a_terminated_one_leaves_no_private_key_behind(tmp_path):
    data = base64.b64encode(b"a key").decode()
    user = {"client-certificate-data": data, "client-key-data": data}
    asked = asyncio.Event()

    async def silent(request):
        asked.set()
        await asyncio.Event().wait()

    async with plain(silent) as url:
        config = tmp_path / "config"
        config.write_text(
            json.dumps(
                {
                    "current-context": "a",
                    "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": url}}],
                    "users": [{"name": "u", "user": user}],
                }
            )
        )
        command = [*MODULE, "bus", "--cpu", "700m", "--kubeconfig", str(config)]
        environ = {**os.environ, "TMPDIR": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE, env=environ)
        async with asyncio.timeout(60):
            await asked.wait()
        assert list(tmp_path.glob("*/client-key.pem"))
        process.terminate()
        await process.communicate()
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == [config]


async def test_in_a_pod_its_service_account_is_used(double, bus, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sidecar.kube.kubeconfig.MOUNT", str(tmp_path))
    monkeypatch.setattr("sidecar.kube.access.MOUNT", str(tmp_path))
    (tmp_path / "token").write_text(double.token)
    (tmp_path / "ca.crt").write_bytes(double.ca_file.read_bytes())
    (tmp_path / "namespace").write_text("default\n")
    host, port = double.url.removeprefix("https://").split(":")
    for name, value in {"HOST": host, "PORT": port}.items():
        monkeypatch.setenv(f"KUBERNETES_SERVICE_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert await asyncio.to_thread(main, ["bus", "--cpu", "700m"]) == 0
    assert "in namespace default" in capsys.readouterr().out


async def test_who_resized_by_hand_is_not_taken_for_the_coordinator(double, bus, run):
    await run("bus", "--cpu", "700m")
    (entry,) = (await double.get("Pod", "default", "bus"))["metadata"]["managedFields"]
    assert entry["manager"] == "equilibrium-resize"
