"""Connections that lead back to the sidecar itself are ended: 508 in HTTP, a close otherwise, and never a storm."""

import asyncio
from pathlib import Path

from sidecar import contract
from tests.interception.mesh import EchoHead, Sidecar, ask, meshed
from tests.program.wire import request, until
from tests.support.netns import PATIENCE_S, Node, Pod

NOT_HTTP = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
STORM = 9
"""Three loops of three: the application's connection, ours behind it, and one more where the port decides."""


async def is_closed(pod: Pod, host: str, port: int, say: bytes) -> None:
    reader, writer = await pod.connect(host, port)
    writer.write(say)
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b"", "no words of HTTP"
    writer.close()


async def accepted(sidecar: Sidecar, listener: str) -> float:
    """Connections accepted, once hardly any is left (one to ourselves may be kept for the next request)."""

    async def few() -> bool:
        return await sidecar.total("equilibrium_connections", listener=listener) <= 1

    await until(few, "the loop's connections are gone")
    return await sidecar.total("equilibrium_connections_accepted_total", listener=listener)


async def test_a_sidecar_that_runs_as_the_wrong_user_meets_itself_once_and_stops(
    node: Node, tmp_path: Path
) -> None:
    """Its own connections are caught like the application's: without a guard this never ends."""
    here, there = node.pod(), node.pod()
    app = EchoHead(b"bus")
    async with (
        meshed(here, tmp_path / "a", uid=contract.PROXY_UID + 1) as a,
        there.serving(there.ip, 8080, app),
        there.serving(there.ip, 5432, app),
    ):
        answer = await ask(here, there.ip, 8080, request("/"))
        assert answer.status == 508
        assert b'"error":"loop"' in answer.body
        await is_closed(here, there.ip, 9999, NOT_HTTP)
        await is_closed(here, there.ip, 5432, b"")
        assert await accepted(a, "outbound") <= STORM
        assert await a.total("equilibrium_errors_total", listener="outbound", reason="loop") >= 3
        assert app.connections == 0


async def test_the_sidecars_own_ports_are_no_destination(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    second = "10.77.1.3"
    here.net.run("ip", "addr", "add", f"{second}/24", "dev", "eth0")
    async with meshed(here, tmp_path / "a") as a:
        # The redirected connection arrives at the first address; its destination is the second: us again.
        for host, port in ((here.ip, contract.OUTBOUND_PORT), (second, contract.INBOUND_PORT)):
            answer = await ask(there, host, port, request("/"))
            assert (answer.status, answer.field(b"X-GT-Reason")) == (508, b"loop"), (host, port)
            await is_closed(there, host, port, NOT_HTTP)
        assert await accepted(a, "inbound") == 4
        assert await a.total("equilibrium_errors_total", listener="inbound", reason="loop") == 4


async def test_another_pods_sidecar_ports_may_be_asked(node: Node, tmp_path: Path) -> None:
    """A Prometheus in the mesh asks every sidecar's admin port."""
    here, there = node.pod(), node.pod()
    async with meshed(here, tmp_path / "a"), meshed(there, tmp_path / "b"):
        answer = await ask(here, there.ip, contract.ADMIN_PORT, request("/livez", host=there.ip))
        assert (answer.status, answer.body) == (200, b"ok\n")


async def test_what_is_addressed_to_others_is_not_passed_on_for_a_neighbour(
    node: Node, tmp_path: Path
) -> None:
    here, there = node.pod(), node.pod()
    node.net.run("ip", "route", "add", "10.99.9.9/32", "via", here.ip)
    async with meshed(here, tmp_path / "a") as a:
        answer = await ask(there, "10.99.9.9", 80, request("/latest/meta-data"))
        assert (answer.status, answer.field(b"X-GT-Reason")) == (502, b"unknown-service")
        assert b"not an address of this pod" in answer.body
        await is_closed(there, "10.99.9.9", 443, NOT_HTTP)
        assert await a.total("equilibrium_tunnels_total") == 0


async def test_the_outbound_port_still_serves_who_dials_it(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    document = {"services": [{"host": "bus-service", "port": 8080, "endpoints": [f"{there.ip}:8080"]}]}
    async with meshed(here, tmp_path / "a", document) as a, there.serving(there.ip, 8080, EchoHead(b"bus")):
        for host in ("127.0.0.1", "::1"):
            answer = await ask(
                here,
                host,
                contract.OUTBOUND_PORT,
                b"GET http://bus-service:8080/x HTTP/1.1\r\nHost: x\r\n\r\n",
            )
            assert (answer.status, answer.field(b"X-App")) == (200, b"bus")
        assert await a.total("equilibrium_redirected_total") == 0, "dialled, not redirected"


async def test_a_clouds_metadata_service_stays_within_the_applications_reach(
    node: Node, tmp_path: Path
) -> None:
    """Link-local, and nobody's Host: the application dialled it, and without a sidecar it would have answered."""
    here, there = node.pod(), node.pod()
    there.net.run("ip", "addr", "add", "169.254.169.254/32", "dev", "lo")
    node.net.run("ip", "route", "add", "169.254.169.254/32", "via", there.ip)
    async with meshed(here, tmp_path / "a"), there.serving("169.254.169.254", 80, EchoHead(b"metadata")):
        answer = await ask(here, "169.254.169.254", 80, request("/latest", host="169.254.169.254"))
        assert answer.field(b"X-App") == b"metadata"
        by_name = await ask(
            here, "127.0.0.1", contract.OUTBOUND_PORT, request("/latest", host="169.254.169.254:80")
        )
        assert by_name.status == 502, "dialled once is not an answer to a Host of the same letters"
