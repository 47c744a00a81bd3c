"""A pod as the injector makes it, brought to life in a network namespace: what the patch says is what is run."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from injector.template import Template
from sidecar import contract
from tests.injector import reviews
from tests.interception.mesh import EchoHead, Sidecar, ask, fields, meshed
from tests.program.process import service
from tests.program.wire import request
from tests.support.netns import Node, Pod

Json = dict[str, Any]

APP_PORT = 8888
APP = {
    "ports": [{"name": "http", "containerPort": APP_PORT}],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1},
}


def injected(discovery: str, *flags: str) -> Json:
    """What the API server stores once the injector has answered."""
    pod = reviews.pod(container=APP)
    pod["metadata"]["name"] = "bus-0"
    return reviews.ask(pod, *flags, template=Template(discovery=discovery)).obj


def variables(container: Json, pod: Json) -> dict[str, str]:
    """A container's environment as the kubelet fills it in; without what all of ours begin with."""
    downward = {"metadata.name": pod["metadata"]["name"], "spec.nodeName": "node-1"}
    filled = {
        each["name"]: each.get("value") or downward[each["valueFrom"]["fieldRef"]["fieldPath"]]
        for each in container["env"]
        if "secretKeyRef" not in each.get("valueFrom", {})
    }
    return {name.removeprefix(contract.ENV_PREFIX): value for name, value in filled.items()}


def discovery(file: Path, *addresses: str, callers: tuple[str, ...] = ()) -> str:
    """A discovery file, as the value of EQUILIBRIUM_DISCOVERY."""
    known = [{"address": ip, "workload": "default/gateway"} for ip in callers]
    services = [service(*addresses)] if addresses else []
    file.write_text(json.dumps({"services": services, "callers": known}))
    return f"file:{file}"


async def probe(pod: Pod, kubelet: Pod, container: Json) -> int:
    """What the kubelet hears when it does as the pod says."""
    asks = container["readinessProbe"]["httpGet"]
    return (await ask(kubelet, pod.ip, asks["port"], request(asks["path"]))).status


async def test_with_interception_requests_probes_and_answers_find_their_way(
    node: Node, tmp_path: Path
) -> None:
    gateway, bus = node.pod(), node.pod()
    pod = injected(discovery(tmp_path / "bus.json", callers=(gateway.ip,)))
    rules, sidecar = pod["spec"]["initContainers"]
    app = pod["spec"]["containers"][0]
    uid = sidecar["securityContext"]["runAsUser"]
    known = {"services": [service(f"{bus.ip}:{APP_PORT}")]}
    async with (
        meshed(gateway, tmp_path / "a", known, WORKLOAD="default/gateway"),
        meshed(bus, tmp_path / "b", init=tuple(rules["args"]), uid=uid, **variables(sidecar, pod)) as behind,
    ):
        assert await probe(bus, gateway, app) == 503, "the application is not there yet"
        async with bus.serving(bus.ip, APP_PORT, EchoHead(b"bus")):
            assert await probe(bus, gateway, app) == 200, "asked on the pod's own address, where it listens"
            answer = await ask(gateway, bus.ip, APP_PORT, request("/lines"))
            assert (answer.status, answer.field(b"X-App")) == (200, b"bus")
            assert len(set(fields(answer.body, "via"))) == 2, "through the gateway's sidecar and the pod's"
            assert await behind.total("equilibrium_app_probes_total", outcome="succeeded") == 1
            assert await behind.total("equilibrium_redirected_total", protocol="http") == 1, "not the probes"


async def test_without_interception_the_named_port_and_the_proxy_variables_lead_through_the_sidecar(
    node: Node, tmp_path: Path
) -> None:
    bus, other = node.pod(), node.pod()
    pod = injected(discovery(tmp_path / "bus.json", f"{other.ip}:{APP_PORT}"), "restricted")
    (sidecar,) = pod["spec"]["initContainers"]
    app = pod["spec"]["containers"][0]
    target = next(port["containerPort"] for port in sidecar["ports"] if port.get("name") == "http")
    uid = sidecar["securityContext"]["runAsUser"]
    running = Sidecar(bus, tmp_path / "b", {}, uid, variables(sidecar, pod))
    try:
        await running.ready()
        async with (
            bus.serving("0.0.0.0", APP_PORT, EchoHead(b"bus")),
            other.serving(other.ip, APP_PORT, EchoHead(b"other")),
        ):
            inward = await ask(other, bus.ip, target, request("/lines"))
            assert (inward.status, inward.field(b"X-App")) == (200, b"bus"), "a Service's targetPort: http"
            assert len(fields(inward.body, "via")) == 1
            assert await probe(bus, other, app) == 200
            outward = await asyncio.to_thread(fetched, bus, app, "http://bus-service:8080/x")
            assert len(fields(outward, "via")) == 1, "the program knew no more than HTTP_PROXY"
    finally:
        await bus.hang_up()
        running.end()


def fetched(pod: Pod, container: Json, url: str) -> bytes:
    """What a program of the container gets that honours the usual variables."""
    program = (
        "import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=120).read())"
    )
    env = {each["name"]: each["value"] for each in container["env"]} | {"PATH": os.environ["PATH"]}
    process = pod.start([sys.executable, "-c", program, url], env=env, stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return str(out).replace("\n", "\r\n").encode()
