"""The rules in a real kernel, nft and legacy, IPv4 and IPv6: who is caught and who is not.

No sidecar here: listeners on its ports tell who arrived and where it had wanted to go (`SO_ORIGINAL_DST`).
"""

import asyncio
import contextlib
import functools
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from sidecar import contract
from sidecar.proxy.original_dst import is_here, join, original_dst
from tests.support.netns import PATIENCE_S, Node, Pod, as_user

OUTBOUND, INBOUND, ADMIN = contract.OUTBOUND_PORT, contract.INBOUND_PORT, contract.ADMIN_PORT
SAYS = "CAUGHT "


class Says(asyncio.Protocol):
    """Tells whoever connects where it arrived: caught with its original destination, or straight."""

    def __init__(self, here: str) -> None:
        self._here = here

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast("asyncio.Transport", transport)
        original = original_dst(connection)
        connection.write(f"{SAYS}{original}".encode() if original else self._here.encode())
        connection.close()


@contextlib.asynccontextmanager
async def listening(pod: Pod, *places: tuple[str, int]) -> AsyncIterator[None]:
    """Listeners in the pod."""
    loop = asyncio.get_running_loop()
    servers = []
    for host, port in places:
        factory = functools.partial(Says, join(host, port))
        servers.append(await loop.create_server(factory, sock=pod.listener(host, port)))
    try:
        yield
    finally:
        for server in servers:
            server.close()


async def arrives(pod: Pod, host: str, port: int) -> str:
    """Where root's connection from this pod ends up."""
    reader, writer = await pod.connect(host, port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return (await reader.read()).decode()
    finally:
        writer.transport.abort()


PROXYS = [("127.0.0.1", OUTBOUND), ("::1", OUTBOUND), ("0.0.0.0", INBOUND), ("::", INBOUND)]
ASK = "import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])),9); print(s.recv(99).decode())"


async def arrives_as(uid: int, pod: Pod, host: str, port: int) -> str:
    """The same for another user, in a process of its own."""
    argv = [*as_user(uid), sys.executable, "-c", ASK, host, str(port)]
    process = pod.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, error = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, error
    return str(out).strip()


def intercepted(node: Node, backend: str, *arguments: str) -> tuple[Pod, Pod]:
    """Two pods, the first intercepted."""
    here, there = node.pod(), node.pod()
    ended = here.init(*arguments, backend=backend)
    assert ended.returncode == 0, ended.stderr
    assert f"IPv4 by iptables-{backend}: inbound TCP goes to port 15406" in ended.stdout
    assert f"IPv6 by ip6tables-{backend}: " in ended.stdout
    return here, there


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
async def test_the_application_is_caught_and_the_sidecar_is_not(node: Node, backend: str, v6: bool) -> None:
    here, there = intercepted(node, backend)
    host = there.ip6 if v6 else there.ip
    async with listening(here, *PROXYS), listening(there, (host, 8080)):
        assert await arrives(here, host, 8080) == SAYS + join(host, 8080)
        assert await arrives_as(65534, here, host, 8080) == SAYS + join(host, 8080)
        assert await arrives_as(contract.PROXY_UID, here, host, 8080) == join(host, 8080)


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
async def test_what_others_send_arrives_at_the_inbound_port_with_its_destination(
    node: Node, backend: str, v6: bool
) -> None:
    here, there = intercepted(node, backend)
    host = here.ip6 if v6 else here.ip
    async with listening(here, *PROXYS, (host, 8080), (host, ADMIN)):
        assert await arrives(there, host, 8080) == SAYS + join(host, 8080)
        assert await arrives(there, host, 9) == SAYS + join(host, 9), "whether anybody listens there or not"
        assert await arrives(there, host, ADMIN) == join(host, ADMIN), "kubelet and Prometheus"


async def test_talking_to_oneself_is_not_caught(node: Node, backend: str) -> None:
    here, _ = intercepted(node, backend)
    places = [(here.ip, 8080), (here.ip6, 8080), ("127.0.0.1", 8080), ("::1", 8080)]
    async with listening(here, *PROXYS, *places):
        for host, port in places:
            assert await arrives(here, host, port) == join(host, port)
            assert await arrives_as(contract.PROXY_UID, here, host, port) == join(host, port), "its last hop"


async def test_skipped_ports_and_subnets_are_left_alone(node: Node, backend: str) -> None:
    many = ",".join(str(port) for port in range(6000, 6040, 2))
    here, there = intercepted(
        node, backend,
        f"--skip-outbound-ports={many},7000-7010",
        "--skip-inbound-ports=9000-9005",
        "--skip-subnets=10.77.3.0/24,fd77:3::/64",
    )  # fmt: skip
    third = node.pod()
    async with (
        listening(here, *PROXYS, (here.ip, 9003), (here.ip, 8080), (here.ip6, 8080)),
        listening(there, (there.ip, 6038), (there.ip, 7005), (there.ip, 6001), (there.ip6, 7010)),
        listening(third, (third.ip, 8080), (third.ip6, 8080)),
    ):
        assert await arrives(here, there.ip, 6038) == join(there.ip, 6038), "beyond what one rule can hold"
        assert await arrives(here, there.ip, 7005) == join(there.ip, 7005)
        assert await arrives(here, there.ip6, 7010) == join(there.ip6, 7010)
        assert await arrives(here, there.ip, 6001) == SAYS + join(there.ip, 6001)
        assert await arrives(there, here.ip, 9003) == join(here.ip, 9003)
        for pod, other in ((here, third), (third, here)):
            assert await arrives(pod, other.ip, 8080) == join(other.ip, 8080), "to and from the subnet"
            assert await arrives(pod, other.ip6, 8080) == join(other.ip6, 8080)


async def test_a_listener_for_both_families_is_told_by_the_connections_family(
    node: Node, backend: str
) -> None:
    here, there = intercepted(node, backend)
    with here.net.inside():
        both = socket.create_server(("::", INBOUND), family=socket.AF_INET6, dualstack_ipv6=True)
    server = await asyncio.get_running_loop().create_server(lambda: Says("straight"), sock=both)
    try:
        assert await arrives(there, here.ip, 8080) == SAYS + join(here.ip, 8080)
        assert await arrives(there, here.ip6, 8080) == SAYS + join(here.ip6, 8080)
        assert await arrives(there, here.ip, INBOUND) == "straight", "dialled by name"
    finally:
        server.close()


def test_a_second_run_changes_nothing_and_a_different_one_replaces_the_first(
    node: Node, backend: str
) -> None:
    here, _ = intercepted(node, backend, "--skip-outbound-ports=5000")
    programs = (f"iptables-{backend}", f"ip6tables-{backend}")
    first = [here.rules(program) for program in programs]
    again = here.init("--skip-outbound-ports=5000", backend=backend)
    assert (again.returncode, "(again)" in again.stdout) == (0, True)
    assert [here.rules(program) for program in programs] == first
    assert here.init("--skip-inbound-ports=22", backend=backend).returncode == 0
    for program in programs:
        rules = here.rules(program)
        assert "5000" not in rules
        assert "22,15490" in rules
        assert rules.count("-j EQUILIBRIUM_OUTBOUND") == rules.count("-j EQUILIBRIUM_INBOUND") == 1


def test_removing_leaves_nothing_of_ours_and_everything_else(node: Node, backend: str) -> None:
    here = node.pod()
    programs = (f"iptables-{backend}", f"ip6tables-{backend}")
    for program in programs:
        here.net.run(program, "-t", "nat", "-A", "OUTPUT", "-p", "udp", "--dport", "53", "-j", "ACCEPT")
    before = [here.rules(program) for program in programs]
    assert here.init(backend=backend).returncode == 0
    assert [here.rules(program) for program in programs] != before
    gone = here.init("--remove", backend=backend)
    assert (gone.returncode, gone.stdout.count("our chains are gone")) == (0, 2)
    assert [here.rules(program) for program in programs] == before
    again = here.init("--remove", backend=backend)
    assert (again.returncode, again.stdout.count("there was nothing of ours")) == (0, 2)


def test_a_dry_run_changes_nothing(node: Node, backend: str) -> None:
    here = node.pod()
    program = f"iptables-{backend}"
    before = here.rules(program)
    ended = here.init("--dry-run", backend=backend)
    assert ended.returncode == 0
    assert f"{program} -w 5 -t nat -N EQUILIBRIUM_INBOUND" in ended.stdout.splitlines()
    assert here.rules(program) == before


def test_where_both_are_installed_nft_is_used_and_legacy_not_even_loaded(node: Node) -> None:
    here = node.pod()
    assert "IPv4 by iptables-nft" in here.init().stdout
    assert here.net.run("cat", "/proc/net/ip_tables_names") == "", "asking would have loaded its tables"


def test_rules_of_ours_are_found_again_in_the_backend_that_has_them(node: Node) -> None:
    """A node image that changes its default must not leave two sets of rules behind."""
    here = node.pod()
    assert here.init(backend="legacy").returncode == 0
    again = here.init()
    assert "IPv4 by iptables-legacy" in again.stdout
    assert "(again)" in again.stdout
    assert "EQUILIBRIUM" not in here.rules("iptables-nft")
    assert here.init("--remove").returncode == 0
    assert "EQUILIBRIUM" not in here.rules("iptables-legacy")


def test_a_kernel_without_ipv6_nat_is_tolerated_with_a_line(node: Node, tmp_path: Path) -> None:
    """As if: an ip6tables that always fails stands before the real one."""
    for name in ("ip6tables-nft", "ip6tables", "ip6tables-legacy"):
        (tmp_path / name).write_text(
            '#!/bin/sh\necho "can\'t initialize ip6tables table: Table does not exist" >&2\nexit 3\n'
        )
        (tmp_path / name).chmod(0o755)
    here = node.pod()
    path, os.environ["PATH"] = os.environ["PATH"], f"{tmp_path}:{os.environ['PATH']}"
    try:
        ended = here.init()
    finally:
        os.environ["PATH"] = path
    assert ended.returncode == 0
    assert "IPv6 is not intercepted: `ip6tables-nft -w 5 -t nat -S` ended with status 3" in ended.stderr
    assert "IPv4 by iptables-nft" in ended.stdout


def test_whether_an_address_is_here_is_asked_of_the_namespace(node: Node) -> None:
    here, there = node.pod(), node.pod()
    with here.net.inside():
        assert [is_here(ip) for ip in (here.ip, here.ip6, "127.0.0.1", "::1")] == [True] * 4
        assert [is_here(ip) for ip in (there.ip, there.ip6, "10.96.0.1", "nonsense")] == [False] * 4
