"""Real HTTP through real sidecars that iptables put there: nothing was configured in the application."""

import asyncio
from pathlib import Path

import pytest

from tests.interception.mesh import SNIFF_S, EchoHead, ask, fields, meshed
from tests.program.process import service
from tests.program.wire import request
from tests.proxy.pods import read_answer
from tests.support.netns import Node

CALLER = "default/caller"


def bus(*addresses: str) -> dict[str, object]:
    return {"services": [service(*addresses)]}


def called_by(ip: str) -> dict[str, object]:
    return {"services": [], "callers": [{"address": ip, "workload": CALLER}]}


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
async def test_a_request_passes_both_sidecars_and_reaches_an_app_bound_to_the_pods_address_only(
    node: Node, tmp_path: Path, backend: str, v6: bool
) -> None:
    here, there = node.pod(), node.pod()
    ip, at, mine = (
        (there.ip6, f"[{there.ip6}]:8080", here.ip6) if v6 else (there.ip, f"{there.ip}:8080", here.ip)
    )
    app = EchoHead(b"bus")
    async with (
        meshed(here, tmp_path / "a", bus(at), backend=backend, WORKLOAD=CALLER) as a,
        meshed(there, tmp_path / "b", called_by(mine), backend=backend) as b,
        there.serving(ip, 8080, app),
    ):
        answer = await ask(here, ip, 8080, request("/x"))
        assert (answer.status, answer.field(b"X-App")) == (200, b"bus")
        vias = fields(answer.body, "via")
        assert len(set(vias)) == 2, f"through both: {vias}"
        assert not fields(answer.body, "x-gt-.*"), "the application sees none of the mesh's fields"
        assert app.peers == [ip], "from the pod's own address, so never by way of 127.0.0.1"
        assert CALLER in (await b.scrape()).values("equilibrium_reputation_score", "caller"), (
            "B knows who called"
        )
        assert await b.total("equilibrium_ignored_signals_total") == 0, "A's signals were believed"
        assert await b.total("equilibrium_redirected_total", protocol="http") == 1
        assert await a.total("equilibrium_request_count", action="bus-0", outcome="succeeded") == 1


async def test_between_the_sidecars_the_meshs_fields_travel(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    async with (
        meshed(here, tmp_path / "a", bus(f"{there.ip}:8080"), WORKLOAD=CALLER),
        there.serving(there.ip, 8080, EchoHead(b"bare")),
    ):
        seen = (await ask(here, there.ip, 8080, request("/x"))).body
        assert fields(seen, "x-gt-caller") == [CALLER]
        assert len(fields(seen, "via")) == 1


async def test_a_connection_is_kept_and_so_are_those_behind_it(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    app = EchoHead(b"bus")
    async with (
        meshed(here, tmp_path / "a", bus(f"{there.ip}:8080")) as a,
        meshed(there, tmp_path / "b") as b,
        there.serving(there.ip, 8080, app),
    ):
        reader, writer = await here.connect(there.ip, 8080)
        for number in range(50):
            writer.write(request(f"/{number}"))
            answer = await read_answer(reader)
            assert answer.body.startswith(b"GET /%d " % number)
        writer.close()
        assert app.connections == 1
        assert await a.total("equilibrium_redirected_total", listener="outbound", protocol="http") == 1
        assert await b.total("equilibrium_redirected_total", listener="inbound", protocol="http") == 1


async def test_several_ports_of_one_pod_share_one_inbound_listener(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    async with (
        meshed(there, tmp_path / "b"),
        there.serving(there.ip, 8080, EchoHead(b"web")),
        there.serving("0.0.0.0", 9090, EchoHead(b"metrics")),
    ):
        for port, app in ((8080, b"web"), (9090, b"metrics"), (8080, b"web")):
            answer = await ask(here, there.ip, port, request("/"))
            assert answer.field(b"X-App") == app
        refused = await ask(here, there.ip, 7, request("/"))
        assert (refused.status, refused.field(b"X-GT-Reason")) == (502, b"app-unreachable")


async def test_services_that_share_an_address_are_told_apart_by_port_and_by_host(
    node: Node, tmp_path: Path
) -> None:
    here, there, third = node.pod(), node.pod(), node.pod()
    node.cluster_ip("10.96.0.10", 80, f"{there.ip}:8080")
    node.cluster_ip("10.96.0.10", 81, f"{third.ip}:8080")
    document = {"services": [service(f"{third.ip}:8080", host="tram-service", port=80)]}
    async with (
        meshed(here, tmp_path / "a", document),
        there.serving(there.ip, 8080, EchoHead(b"there")),
        third.serving(third.ip, 8080, EchoHead(b"third")),
    ):
        for port, host, app in (
            (80, "whoever", b"there"),  # nobody knows it: on to where it was going, kube-proxy decides
            (81, "whoever", b"third"),
            (80, "tram-service", b"third"),  # Host names a service of this port
            (81, "tram-service", b"third"),  # of another port: the destination stays
            (80, "10.96.0.10", b"there"),
        ):
            answer = await ask(here, "10.96.0.10", port, request("/", host=host))
            assert answer.field(b"X-App") == app, (port, host)


async def test_a_pod_asked_for_by_its_own_address_or_name_is_the_one_that_answers(
    node: Node, tmp_path: Path
) -> None:
    """Prometheus and StatefulSets; a Host of the service's leaves the choice to the router."""
    here, there, third = node.pod(), node.pod(), node.pod()
    async with (
        meshed(here, tmp_path / "a", bus(f"{there.ip}:8080", f"{third.ip}:8080"), STRATEGY="none"),
        there.serving(there.ip, 8080, EchoHead(b"there")),
        third.serving(third.ip, 8080, EchoHead(b"third")),
    ):
        for host in (
            there.ip,
            f"{there.ip}:8080",
            "bus-service-0.bus-service",
            "b-0.bus-service.default.svc:8080",
        ):
            answered = {
                (await ask(here, there.ip, 8080, request("/", host=host))).field(b"X-App") for _ in range(4)
            }
            assert answered == {b"there"}, host
        answers = [await ask(here, there.ip, 8080, request("/")) for _ in range(4)]
        assert {answer.field(b"X-App") for answer in answers} == {b"there", b"third"}


async def test_malformed_http_is_still_refused_on_both_sides(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    app = EchoHead(b"bus")
    two_hosts = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
    async with meshed(there, tmp_path / "b") as b, there.serving(there.ip, 8080, app):
        for raw, status in ((two_hosts, 400), (b"NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n", 501)):
            assert (await ask(here, there.ip, 8080, raw)).status == status
        async with meshed(here, tmp_path / "a"):
            assert (await ask(here, there.ip, 8080, two_hosts)).status == 400
        assert app.connections == 0
        assert await b.total("equilibrium_refusals_total") == 2


async def test_a_connection_opened_ahead_of_its_request_is_http_all_the_same(
    node: Node, tmp_path: Path
) -> None:
    here, there = node.pod(), node.pod()
    app = EchoHead(b"bus")
    async with (
        meshed(here, tmp_path / "a", bus(f"{there.ip}:8080")) as a,
        meshed(there, tmp_path / "b") as b,
        there.serving(there.ip, 8080, app),
    ):
        reader, writer = await here.connect(there.ip, 8080)
        await asyncio.sleep(4 * SNIFF_S)
        for _ in range(2):
            writer.write(request("/late"))
            answer = await read_answer(reader)
            assert len(set(fields(answer.body, "via"))) == 2, "policed like any other"
        writer.close()
        for sidecar in (a, b):
            assert await sidecar.total("equilibrium_tunnels_open") == 0
        assert await a.total("equilibrium_redirected_total", protocol="http-late") == 1


async def test_somebody_elses_proxy_gets_what_was_meant_for_it(node: Node, tmp_path: Path) -> None:
    """An application that was told to use a proxy outside the mesh speaks CONNECT or absolute form to it."""
    here, there = node.pod(), node.pod()
    async with meshed(here, tmp_path / "a"), there.serving(there.ip, 3128, EchoHead(b"proxy")):
        for raw in (
            b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        ):
            reader, writer = await here.connect(there.ip, 3128)
            writer.write(raw)
            answer = await read_answer(reader)
            assert (answer.field(b"X-App"), answer.body) == (b"proxy", raw), "byte for byte"
            writer.close()


@pytest.mark.parametrize("backend", ["nft"])
async def test_a_cluster_with_ipv6_addresses_only_is_served(node: Node, tmp_path: Path, backend: str) -> None:
    here, there = node.pod(), node.pod()
    node.cluster_ip("fd96::10", 80, f"[{there.ip6}]:8080")
    async with (
        meshed(here, tmp_path / "a"),
        meshed(there, tmp_path / "b"),
        there.serving(there.ip6, 8080, EchoHead(b"bus")),
    ):
        answer = await ask(here, "fd96::10", 80, request("/", host="whoever"))
        assert answer.field(b"X-App") == b"bus"
        assert len(set(fields(answer.body, "via"))) == 2


async def test_a_pod_without_ipv6_is_served(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    here.sysctl("ipv6/conf/all/disable_ipv6", "1")
    async with (
        meshed(here, tmp_path / "a", bus(f"{there.ip}:8080")) as a,
        there.serving(there.ip, 8080, EchoHead(b"bus")),
    ):
        assert (await ask(here, there.ip, 8080, request("/"))).field(b"X-App") == b"bus"
        assert await a.total("equilibrium_redirected_total", protocol="http") == 1
