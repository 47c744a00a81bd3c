"""Time that passes only when everybody waits, and a real name server."""

import asyncio
import contextlib
import selectors
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sidecar import clock
from tests.support import ports

PATIENCE_S = 60.0
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
        self.address = ("127.0.0.1", ports.free())
        self._hosts = directory / "hosts"
        self._hosts.write_text("")
        self._log = directory / "dnsmasq.log"
        with self._log.open("wb") as log:
            # setpriv becomes dnsmasq; `timeout` would stand between, and a signal while it forks ends only that
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *(DNSMASQ, "--no-daemon", "--conf-file=/dev/null", "--pid-file="),
                    *("--no-resolv", "--no-hosts", f"--addn-hosts={self._hosts}", "--local=/test/"),
                    *("--listen-address=127.0.0.1", "--bind-interfaces", f"--port={self.address[1]}"),
                    *("--local-ttl=1", *options),
                ],
                stderr=log,
            )
        self._readings = 0
        self._until_read()

    def rewrite(self, hosts: str):
        """Replace all records that were given this way."""
        self._hosts.write_text(hosts)
        self._process.send_signal(signal.SIGHUP)
        self._until_read()

    def stop(self):
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        self._process.kill()
        self._process.wait()

    def _until_read(self):
        self._readings += 1
        deadline = clock.now() + PATIENCE_S
        while self._log.read_text().count(f"read {self._hosts} ") < self._readings:
            if self._process.poll() is not None or clock.now() > deadline:
                pytest.fail(f"dnsmasq has not read its hosts: {self._log.read_text()}")
            time.sleep(0.01)  # another process: there is no event to wait for


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
