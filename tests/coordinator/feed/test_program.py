"""The sidecar's program and the coordinator's own feed: a request finds its pod, whoever goes away meanwhile."""

from pathlib import Path

import pytest

from tests.coordinator.feed.house import house, placed
from tests.coordinator.feed.objects import a_slice, endpoint, pod, service
from tests.program.process import program
from tests.program.wire import ask, pods, request, until
from tests.proxy.pods import answer_ok
from tests.support.kube import ApiServer

pytestmark = pytest.mark.kube


async def test_a_sidecar_routes_by_what_the_coordinator_says_and_goes_on_without_it(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with ApiServer() as api, house(api) as served, pods(answer_ok, answer_ok) as (one, two):
        await placed(api, pod("gateway-0", "gateway"), "10.1.0.7")
        token.write_text(api.tokens.issue("default", "gateway-0", audience="equilibrium.io"))
        made = await api.create(service())
        ports = [int(each.address.rpartition(":")[2]) for each in (one, two)]
        await api.create(a_slice(endpoint("127.0.0.1", "bus-0"), port=ports[0]))
        variables = {
            "DISCOVERY": f"coordinator:{served.url}",
            "TOKEN": str(token),
            "WORKLOAD": "default/gateway",
        }
        async with program(tmp_path, None, **variables) as sidecar:
            for host in (
                "bus",
                "bus:8080",
                "bus.default.svc.cluster.local",
                f"{made['spec']['clusterIP']}:8080",
            ):
                assert (await ask(sidecar.outbound, request("/", host=host))).status == 200, host
            await api.update(a_slice(endpoint("127.0.0.1", "bus-1"), port=ports[1]))

            async def moved() -> bool:
                assert (await ask(sidecar.outbound, request("/", host="bus"))).status == 200
                return bool(two.calls)

            await until(moved, "the change is followed")
            await served.coordinator.close()
            before = len(one.calls)
            for _ in range(5):
                assert (await ask(sidecar.outbound, request("/", host="bus"))).status == 200
            assert len(one.calls) == before
