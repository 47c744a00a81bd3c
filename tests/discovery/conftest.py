"""Time that passes only when everybody waits, and a real name server."""

import asyncio
import contextlib
import selectors
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever there is nothing else to do."""

    def __init__(self):
        super().__init__(selectors.SelectSelector())
        self._time = 0.0
        self._really_select = self._selector.select
        self._selector.select = self._jump

    def time(self):
        return self._time

    def _jump(self, timeout=None):
        assert timeout is not None, "everybody waits, for nothing"
        self._time += timeout
        return self._really_select(0)


@pytest.fixture
def virtual():
    """Run a coroutine to its end in virtual time."""

    def run(coro):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(coro)

    return run


class NameServer:
    """A dnsmasq that knows the zone `test` and refuses all else; its hosts can be rewritten."""

    def __init__(self, directory: Path, *options: str):
        self.address = ("127.0.0.1", free_port())
        self._hosts = directory / "hosts"
        self._hosts.write_text("")
        self._process = subprocess.Popen(
            [
                *(
                    "timeout",
                    "--foreground",
                    "60",
                    DNSMASQ,
                    "--no-daemon",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                ),
                *("--no-resolv", "--no-hosts", f"--addn-hosts={self._hosts}", "--local=/test/"),
                *("--listen-address=127.0.0.1", "--bind-interfaces", f"--port={self.address[1]}"),
                *("--local-ttl=1", *options),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._until(f"read {self._hosts}")

    def rewrite(self, hosts: str):
        """Replace all records that were given this way."""
        self._hosts.write_text(hosts)
        self._process.send_signal(signal.SIGHUP)
        self._until(f"read {self._hosts}")

    def stop(self):
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)
        self._process.kill()

    def _until(self, said: str):
        seen = ""
        for line in self._process.stderr:
            seen += line
            if said in line:
                return
        pytest.fail(f"dnsmasq ended: {seen}")


def free_port() -> int:
    """Free for UDP and for TCP on 127.0.0.1."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]


@pytest.fixture
def name_server(tmp_path):
    """A factory of name servers; takes dnsmasq options."""
    if DNSMASQ is None:
        pytest.skip("no dnsmasq here: apt-get install dnsmasq-base")
    servers = []

    def start(*options):
        servers.append(NameServer(tmp_path, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
