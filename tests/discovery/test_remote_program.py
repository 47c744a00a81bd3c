"""`equilibrium-sidecar` with the sources that live on a server, be it there or not."""

from pathlib import Path

import pytest

from tests.program.process import program, run
from tests.program.wire import ask, pods, request, until
from tests.proxy.pods import answer_ok
from tests.support.feed import Feed


async def test_a_sidecar_follows_the_feed_it_is_pointed_at(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    async with Feed(token="s3cret") as server, pods(answer_ok, answer_ok) as (one, two):
        server.publish("bus.default", 80, [one.address], addresses=["10.96.0.7:80"])
        server.call(a127_0_0_3="default/ticket")
        variables = {
            "DISCOVERY": f"coordinator:{server.url}",
            "TOKEN": str(token),
            "WORKLOAD": "default/gateway",
        }
        async with program(tmp_path, None, **variables) as sidecar:
            for host in ("bus", "bus:80", "bus.default.svc.cluster.local", "10.96.0.7", "10.96.0.7:80"):
                assert (await ask(sidecar.outbound, request("/", host=host))).status == 200, host
            assert (await ask(sidecar.outbound, request("/", host="tram"))).status == 502
            server.publish("bus.default", 80, [two.address])
            await until(lambda: _reaches(sidecar.outbound, two.calls), "the change is followed")
            before = len(one.calls)
            await server.stop()
            for _ in range(5):
                assert (await ask(sidecar.outbound, request("/", host="bus"))).status == 200
            assert len(one.calls) == before


async def _reaches(outbound: str, calls: list[object]) -> bool:
    assert (await ask(outbound, request("/", host="bus"))).status == 200
    return bool(calls)


def test_outside_a_cluster_kubernetes_is_a_mistake_that_is_explained() -> None:
    ended = run(DISCOVERY="kubernetes", TOKEN="/nowhere/token", CA="/nowhere/ca")
    assert ended.returncode == 2
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "/nowhere/token", "/nowhere/ca"):
        assert name in ended.stderr


KNOWN_STAYS = "what is known stays in force"
"""Advice, asked for at the same address, has words of its own for itself."""


@pytest.mark.parametrize("source", ["coordinator:http://127.0.0.1:1", "coordinator:https://127.0.0.1:1"])
async def test_a_server_that_is_not_there_keeps_no_pod_down(tmp_path: Path, source: str) -> None:
    async with program(tmp_path, None, DISCOVERY=source) as sidecar:
        await until(lambda: KNOWN_STAYS in sidecar.stderr, "it says what is wrong")
        assert sidecar.stderr.count(KNOWN_STAYS) == 1
