"""A node and its pods as network namespaces joined by veth pairs: real addresses, real routes, real iptables.

The test's own process speaks through sockets that belong to a pod's namespace; it is root there, which is to say
any user but the sidecar's. Everything is gone at the end, processes by their pid.
"""

import asyncio
import atexit
import contextlib
import functools
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from loadtest.netns import Namespace, as_user, missing

__all__ = ["BACKENDS", "Node", "Pod", "as_user", "missing"]

BACKENDS = ("nft", "legacy")
PATIENCE_S = 60.0
_numbers = itertools.count(1)


_NO_WAITING = "ipv6/conf/default/accept_dad"
"""Interfaces look for duplicates of their addresses for two seconds, in which IPv6 does not work."""


def _sysctl(net: Namespace, name: str, value: str) -> None:
    with net.inside():
        (Path("/proc/sys/net") / name).write_text(value)


class Pod:
    """A namespace with an address of each family, and its way out through the node."""

    def __init__(self, node: "Node", number: int) -> None:
        self.ip = f"10.77.{number}.2"
        self.ip6 = f"fd77:{number}::2"
        self.net = Namespace(f"{node.net.name}p{number}")
        self._started: list[subprocess.Popen[str]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.sysctl(_NO_WAITING, "0")
        veth = f"veth{number}"
        node.net.run(
            "ip", "link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", self.net.name
        )
        node.net.run("ip", "addr", "add", f"10.77.{number}.1/24", "dev", veth)
        node.net.run("ip", "addr", "add", f"fd77:{number}::1/64", "dev", veth, "nodad")
        node.net.run("ip", "link", "set", veth, "up")
        self.net.run("ip", "addr", "add", f"{self.ip}/24", "dev", "eth0")
        self.net.run("ip", "addr", "add", f"{self.ip6}/64", "dev", "eth0", "nodad")
        self.net.run("ip", "link", "set", "eth0", "up")
        self.net.run("ip", "route", "add", "default", "via", f"10.77.{number}.1")
        self.net.run("ip", "-6", "route", "add", "default", "via", f"fd77:{number}::1")

    # -- the init program

    def init(self, *arguments: str, backend: str = "") -> subprocess.CompletedProcess[str]:
        """Run the installed `equilibrium-init` here; `backend` nft or legacy: as if only that were installed."""
        program = Path(sys.executable).with_name("equilibrium-init")
        environment = dict(os.environ) | ({"PATH": str(only(backend))} if backend else {})
        with self.net.inside():
            return subprocess.run(
                [str(program), *arguments],
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

    def rules(self, program: str) -> str:
        """`iptables-save -t nat` without its comments and counters, which change by themselves."""
        saved = self.net.run(f"{program}-save", "-t", "nat")
        return "\n".join(line.partition(" [")[0] for line in saved.splitlines() if not line.startswith("#"))

    def sysctl(self, name: str, value: str) -> None:
        """Set one of /proc/sys/net."""
        _sysctl(self.net, name, value)

    # -- sockets and processes

    async def connect(
        self, host: str, port: int, *, timeout_s: float = PATIENCE_S
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of the application (root) from here."""
        with self.net.inside():
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
            reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 22)
        except BaseException:
            sock.close()
            raise
        self._writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        """End every connection this process has here."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0.01)

    def listener(self, host: str, port: int) -> socket.socket:
        """A listening socket here."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with self.net.inside():
            return socket.create_server((host, port), family=family)

    @contextlib.asynccontextmanager
    async def serving(
        self,
        host: str,
        port: int,
        handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ) -> AsyncIterator[None]:
        """A server of the application here, in this process."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.append(writer)
            await handler(reader, writer)

        server = await asyncio.start_server(accept, sock=self.listener(host, port), limit=1 << 22)
        try:
            yield
        finally:
            server.close()
            await self.hang_up()

    def start(self, argv: Sequence[str], **options: object) -> "subprocess.Popen[str]":
        """A process here; it ends with the pod at the latest."""
        with self.net.inside():
            process = subprocess.Popen(argv, text=True, **options)  # type: ignore[call-overload]
        self._started.append(process)
        return process  # type: ignore[no-any-return]

    def end(self) -> None:
        """End what was started here, by pid, and remove the namespace."""
        for process in reversed(self._started):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        self.net.delete()


class Node:
    """The namespace that routes between pods, and where kube-proxy's rules would be."""

    def __init__(self) -> None:
        self.net = Namespace(f"eq{os.getpid()}n{next(_numbers)}")
        self.pods: list[Pod] = []
        _sysctl(self.net, _NO_WAITING, "0")
        for family in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            _sysctl(self.net, family, "1")

    def pod(self) -> Pod:
        """One more."""
        made = Pod(self, len(self.pods) + 1)
        self.pods.append(made)
        return made

    def cluster_ip(self, address: str, port: int, endpoint: str) -> None:
        """What kube-proxy does: an address nobody has leads to a pod."""
        v6 = ":" in address
        program = "ip6tables" if v6 else "iptables"
        what = ["-d", address, "-p", "tcp", "--dport", str(port), "-j", "DNAT", "--to-destination", endpoint]
        self.net.run(program, "-w", "5", "-t", "nat", "-A", "PREROUTING", *what)

    def end(self) -> None:
        """Everything of it."""
        for pod in self.pods:
            pod.end()
        self.net.delete()


@contextlib.contextmanager
def node() -> Iterator[Node]:
    """A node for one test; gone afterwards, whatever happened."""
    made = Node()
    try:
        yield made
    finally:
        made.end()


@functools.cache
def only(backend: str) -> Path:
    """A folder whose programs are those of one backend, for PATH."""
    folder = Path(tempfile.mkdtemp(prefix=f"equilibrium-{backend}-"))
    folder.chmod(0o755)  # who runs what is in it need not be us
    atexit.register(shutil.rmtree, folder)
    for name in (
        f"{family}-{backend}{what}" for family in ("iptables", "ip6tables") for what in ("", "-save")
    ):
        found = shutil.which(name)
        if found is not None:
            (folder / name).symlink_to(Path(found).resolve())
    return folder
