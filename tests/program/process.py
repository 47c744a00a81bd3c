"""`equilibrium-sidecar` as a process whose end matters too: stderr, exit status, signals, memory.

`tests.support.sidecar` is for tests that only send traffic. Here whatever the test does, the program must have
written no traceback, and must end with status 0 when asked to.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.program.wire import ask, until

Document = Mapping[str, Any]
EXIT_S = 20.0
READY = re.compile(
    r"^equilibrium-sidecar ready outbound=(\S+:\d+) inbound=(\S+:\d+) admin=(\S+:\d+)$", re.MULTILINE
)
_TROUBLE = re.compile(r"Traceback|Exception ignored|never retrieved|never awaited|Fatal Python|Unhandled exc")


def environment(**variables: str) -> dict[str, str]:
    """Ours without its `EQUILIBRIUM_*`, plus free loopback ports, plus `variables` (named without the prefix)."""
    chosen = {"OUTBOUND": "127.0.0.1:0", "INBOUND": "127.0.0.1:0", "ADMIN": "127.0.0.1:0", **variables}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EQUILIBRIUM_")}
    return inherited | {f"EQUILIBRIUM_{name}": value for name, value in chosen.items()}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end: for starts that must fail, and for `--help`."""
    command = [_program(), *arguments]
    ended = subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=EXIT_S, check=False
    )
    assert not trouble(ended.stderr), f"an operator's mistake is answered in words:\n{ended.stderr}"
    return ended


def service(*addresses: str, host: str = "bus-service", port: int = 8080) -> Document:
    """One entry of `services`; endpoints are called bus-0, bus-1, …"""
    endpoints = [{"address": address, "name": f"bus-{n}"} for n, address in enumerate(addresses)]
    return {"host": host, "port": port, "endpoints": endpoints}


def discovery(*addresses: str) -> Document:
    """A discovery file with one service, `bus-service:8080`."""
    return {"services": [service(*addresses)]}


class Program:
    """A running sidecar. Its output goes to files, so that it never waits for us to read."""

    def __init__(self, directory: Path, variables: Mapping[str, str], stdout: int | None) -> None:
        self.discovery = directory / "discovery.json"
        self.access_log = directory / "access.log"
        self._stderr = directory / "stderr.log"
        self._stdout = directory / "stdout.log"
        settings = {"DISCOVERY": f"file:{self.discovery}", "DRAIN_S": "1", **variables}
        with self._stderr.open("wb") as stderr, self._stdout.open("wb") as stdout_file:
            self._process = subprocess.Popen(
                [_program()],
                env=environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=stdout_file if stdout is None else stdout,
                stderr=stderr,
            )
        self.pid = self._process.pid
        self.outbound = self.inbound = self.admin = ""

    @property
    def stderr(self) -> str:
        """Everything so far."""
        return self._stderr.read_text()

    @property
    def stdout(self) -> str:
        """Everything so far."""
        return self._stdout.read_text()

    @property
    def status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def publish(self, document: Document | str) -> None:
        """Replace the discovery file, as `mv` does."""
        text = document if isinstance(document, str) else json.dumps(document)
        fresh = self.discovery.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.discovery)

    def signal(self, number: int) -> None:
        """Send a signal to it, and to nobody else."""
        self._process.send_signal(number)

    def terminate(self) -> None:
        """What Kubernetes does first."""
        self.signal(signal.SIGTERM)

    async def ready(self) -> None:
        """Until the ready line."""
        await until(lambda: self.status is not None or READY.search(self.stderr), "it prints the ready line")
        match = READY.search(self.stderr)
        assert match is not None, f"ended with status {self.status} before it was ready:\n{self.stderr}"
        self.outbound, self.inbound, self.admin = match.groups()

    async def exit_status(self) -> int:
        """Wait for its end."""
        await until(lambda: self.status is not None, "it ends", patience_s=EXIT_S)
        assert self.status is not None
        return self.status

    def memory_kb(self, field: str = "VmRSS") -> int:
        """VmRSS (now) or VmHWM (the most so far), in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition(f"{field}:")[2].split()[0])

    def forget_peak(self) -> None:
        """VmHWM starts again from VmRSS (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def open_files(self) -> int:
        """File descriptors it holds."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def end(self) -> None:
        """Whatever happened: leave no process behind."""
        if self.status is None:
            self.terminate()
            try:
                self._process.wait(EXIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextlib.asynccontextmanager
async def program(
    directory: Path,
    document: Document | str | None,
    *,
    synced: bool = True,
    stdout: int | None = None,
    **variables: str,
) -> AsyncIterator[Program]:
    """Start it and wait until it is ready and knows its services (`synced`).

    On the way out: SIGTERM if it still runs; it ends with status 0 and has never written a traceback.
    """
    with _started(directory, document, variables, stdout) as started:
        await started.ready()
        if synced:
            await until(lambda: readyz(started.admin), "discovery is read, /readyz says so")
        yield started


@contextlib.contextmanager
def _started(
    directory: Path, document: Document | str | None, variables: Mapping[str, str], stdout: int | None
) -> Iterator[Program]:
    if document is not None:
        text = document if isinstance(document, str) else json.dumps(document)
        (directory / "discovery.json").write_text(text)
    started = Program(directory, variables, stdout)
    try:
        yield started
    finally:
        started.end()
    assert not trouble(started.stderr), f"no traceback, whatever happens:\n{started.stderr}"
    assert started.status == 0, f"SIGTERM ends it with status 0, not {started.status}:\n{started.stderr}"


async def readyz(admin: str) -> bool:
    """Whether kubelet would send traffic."""
    return (await ask(admin, b"GET /readyz HTTP/1.1\r\nHost: admin\r\n\r\n")).status == 200


def trouble(stderr: str) -> bool:
    """Something on stderr that nobody meant for people."""
    return bool(_TROUBLE.search(stderr))


def _program() -> str:
    return str(Path(sys.executable).with_name("equilibrium-sidecar"))
