"""The kubelet's probes at the admin port of the program as it is installed."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.program.process import discovery, program, run
from tests.program.wire import ask, client, pods, request, scrape, split, until
from tests.proxy.pods import answer_ok, hang, status

KUBELET = {"user_agent": "kube-probe/1.36", "accept": "*/*", "connection": "close"}


def probe(which: str, address: str, **more: Any) -> dict[str, Any]:
    return {
        f"app/{which}": {
            "httpGet": {"path": "/healthz", "port": split(address)[1], **more},
            "timeoutSeconds": 1,
        }
    }


def asked(which: str, **fields: str) -> bytes:
    return request(f"/app-health/app/{which}", **{**KUBELET, **fields})


async def test_the_kubelet_hears_the_applications_truth(tmp_path: Path) -> None:
    async with pods(answer_ok, status(b"500 Broken")) as (good, bad):
        document = json.dumps(probe("readyz", good.address) | probe("livez", bad.address))
        async with program(tmp_path, discovery(), APP_PROBES=document) as sidecar:
            ready = await ask(sidecar.admin, asked("readyz", host="10.0.0.1:15490"))
            assert (ready.status, ready.body) == (
                200,
                f"app/readyz: GET http://{good.address}/healthz: answered 200\n".encode(),
            )
            alive = await ask(sidecar.admin, asked("livez"))
            assert (alive.status, alive.body) == (
                503,
                f"app/livez: GET http://{bad.address}/healthz: answered 500\n".encode(),
            )
            missing = await ask(sidecar.admin, asked("startupz"))
            assert (missing.status, missing.body) == (
                404,
                b"no such probe; there are: app/readyz, app/livez\n",
            )
            assert good.calls[0].field(b"User-Agent") == b"kube-probe/1.36"
            metrics = await scrape(sidecar.admin)
            assert metrics.rows("equilibrium_app_probes_total") == [
                ({"container": "app", "probe": "livez", "outcome": "failed"}, 1.0),
                ({"container": "app", "probe": "readyz", "outcome": "succeeded"}, 1.0),
            ]
            assert metrics.total("equilibrium_requests_total", listener="inbound") == 0, "nobody's demand"
            assert "probe app/livez: GET" in sidecar.stderr
            assert "readyz" not in sidecar.stderr


async def test_it_is_open_to_all_and_goes_on_while_draining(tmp_path: Path) -> None:
    async with pods(answer_ok) as [pod]:
        document = json.dumps(probe("readyz", pod.address))
        async with program(tmp_path, discovery(), APP_PROBES=document, MESH_KEY="a key") as sidecar:
            fields = {"origin": "http://evil.example", "x_gt_auth": "v1 nonsense", "user_agent": "curl/8"}
            assert (await ask(sidecar.admin, asked("readyz", **fields))).status == 200
            assert pod.calls[0].field(b"User-Agent") == b"kube-probe/equilibrium"
            assert (await ask(sidecar.admin, request("/drain", "POST"))).status == 200
            assert (await ask(sidecar.admin, asked("readyz"))).status == 200
            for path in ("/app-health/../state", "/app-health/%2e%2e/state", "/app-health//state"):
                assert (await ask(sidecar.admin, request(path, origin="http://evil.example"))).status == 404


@pytest.mark.parametrize("host", ["127.0.0.7", "::1"])
async def test_the_pods_own_address_is_the_one_the_kubelet_came_by(tmp_path: Path, host: str) -> None:
    """An application that listens on the pod's address alone is asked there."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    if ":" in host and not _has_ipv6():
        pytest.skip("no IPv6 on loopback here")
    everywhere = "[::]:0" if ":" in host else "0.0.0.0:0"
    async with await asyncio.start_server(serve, host, 0) as server:
        document = json.dumps({"app/livez": {"httpGet": {"port": server.sockets[0].getsockname()[1]}}})
        async with program(
            tmp_path, discovery(), APP_PROBES=document, ADMIN=everywhere, synced=False
        ) as sidecar:
            port = split(sidecar.admin)[1]
            answer = await ask(f"{host}:{port}", asked("livez"))
            assert answer.status == 200, answer.body
            if ":" not in host:
                assert (await ask(f"127.0.0.1:{port}", asked("livez"))).status == 503


async def test_a_sidecar_told_to_stop_does_not_wait_for_an_application_that_hangs(tmp_path: Path) -> None:
    async with pods(hang) as [pod]:
        document = json.dumps(
            {"app/livez": {"httpGet": {"port": split(pod.address)[1]}, "timeoutSeconds": 600}}
        )
        async with (
            program(tmp_path, discovery(), APP_PROBES=document) as sidecar,
            client(sidecar.admin) as kubelet,
        ):
            kubelet.writer.write(asked("livez"))
            await asyncio.wait_for(pod.asked.wait(), 10)
            sidecar.terminate()
            await asyncio.wait_for(pod.gone.wait(), 10)
            assert await sidecar.exit_status() == 0


async def test_a_thousand_probes_leave_no_files_and_little_memory_behind(tmp_path: Path) -> None:
    async with pods(answer_ok) as [pod]:
        document = json.dumps(probe("readyz", pod.address))
        async with program(tmp_path, discovery(), APP_PROBES=document) as sidecar:

            async def ask_often(times: int) -> None:
                for _ in range(times):
                    assert (await ask(sidecar.admin, asked("readyz"))).status == 200

            await ask_often(300)
            before = sidecar.memory_kb()
            await ask_often(1000)
            assert sidecar.memory_kb() - before < 1024
            await until(lambda: sidecar.open_files() < 40, "nothing is left open")


def test_every_mistake_is_told_at_the_start() -> None:
    ended = run(APP_PROBES='{"app/livez": {"httpGet": {"port": 0}}, "app/alive": {}}', STRATEGY="x")
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert sum("EQUILIBRIUM_APP_PROBES=(hidden): app/" in line for line in lines) == 3
    assert any("EQUILIBRIUM_STRATEGY" in line for line in lines)


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
