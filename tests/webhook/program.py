"""`equilibrium-injector` as a process: started by its environment, asked over TLS, ended by a signal.

Whatever a test does, the program must have written no traceback, and must end with status 0 when asked to.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from sidecar import clock

ROOT = Path(__file__).parents[2]
READY = re.compile(r"^equilibrium-injector ready webhook=(\S+):(\d+) metrics=(\S+:\d+)$", re.MULTILINE)
TROUBLE = re.compile(r"Traceback|Exception ignored|never retrieved|never awaited|Fatal Python|Unhandled exc")
NAME = "equilibrium-injector.equilibrium-system.svc"
"""What an API server asks the certificate for."""
PATIENCE_S = 60.0


def environment(**variables: str) -> dict[str, str]:
    """Ours without its `EQUILIBRIUM_*`, plus free loopback ports, plus `variables` (without the prefix)."""
    chosen = {"LISTEN": "127.0.0.1:0", "METRICS": "127.0.0.1:0", "LINGER_S": "0", **variables}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EQUILIBRIUM_")}
    return inherited | {f"EQUILIBRIUM_INJECTOR_{name}": value for name, value in chosen.items()}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end: for starts that must fail, and for `--help`."""
    return subprocess.run(
        [sys.executable, "-m", "injector", *arguments],
        env=environment(**variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


async def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for something another task or program brings about; what it was, once it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = true()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)
    raise AssertionError(what)


class Program:
    """A running injector. Its output goes to a file, so that it never waits for us to read."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self._log = directory / f"injector-{len(list(directory.glob('injector-*')))}.log"
        with self._log.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "injector"],
                env=environment(**variables),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        self.webhook = ("", 0)
        self.metrics = ""

    def said(self) -> str:
        """Everything it wrote so far."""
        return self._log.read_text()

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Its log lines of one message."""
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def started(self) -> None:
        """Wait, blocking, for the ready line."""
        deadline = clock.now() + PATIENCE_S
        while not (match := READY.search(self.said())):
            assert self.process.poll() is None, f"exit status {self.process.returncode}:\n{self.said()}"
            assert clock.now() < deadline, f"no ready line:\n{self.said()}"
            time.sleep(0.02)
        self.webhook, self.metrics = (match[1], int(match[2])), match[3]

    async def health(self, path: str) -> tuple[int, str]:
        """GET on the plain port."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.metrics}{path}") as response,
        ):
            return response.status, await response.text()

    async def ready(self) -> None:
        """Wait until it says so."""

        async def says_so() -> bool:
            return (await self.health("/readyz"))[0] == 200

        await until(says_so, "never ready")

    async def metric(self, series: str) -> float:
        """One sample; 0 where there is none."""
        _, page = await self.health("/metrics")
        found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)


@contextlib.asynccontextmanager
async def running(directory: Path, **variables: str) -> AsyncIterator[Program]:
    """Until the block ends; then it must stop well, unless the test has ended it itself."""
    program = Program(directory, variables)
    try:
        await asyncio.to_thread(program.started)
        yield program
        if program.process.poll() is None:
            assert await program.end() == 0, program.said()
        assert not TROUBLE.search(program.said()), program.said()
    finally:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()
        if program.webhook[1]:
            await disconnected(program)


def trusting(authority: bytes) -> ssl.SSLContext:
    """A caller's context, as strict as an API server's."""
    context = ssl.create_default_context(cadata=authority.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


async def disconnected(program: Program) -> None:
    """Wait for the end of our connections to it.

    One that it asked us to close is no longer its session's, and may still be saying good-bye over TLS.
    """
    await until(lambda: not _connected(program.webhook[1]), "a connection was never closed")


def _connected(port: int) -> bool:
    ours = {link for entry in Path("/proc/self/fd").iterdir() if (link := _link(entry)).startswith("socket:")}
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(f":{port:04X}") and f"socket:[{row[9]}]" in ours for row in rows)


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed meanwhile
        return ""


class Caller:
    """An API server, as far as a webhook can tell: keeps connections, checks the certificate's name."""

    def __init__(self, program: Program, authority: bytes) -> None:
        self._program = program
        self._tls = trusting(authority)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def post(self, data: Any, path: str = "/mutate", **headers: str) -> tuple[int, bytes]:
        """Status and body; headers with `_` for `-`."""
        host, port = self._program.webhook
        data = io.BytesIO(data) if isinstance(data, bytes) else data  # aiohttp warns of large bytes
        given = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self._session.post(
            f"https://{host}:{port}{path}", data=data, headers=given, ssl=self._tls, server_hostname=NAME
        ) as response:
            return response.status, await response.read()

    async def review(self, body: bytes, path: str = "/mutate") -> dict[str, Any]:
        """The `response` of an AdmissionReview."""
        status, answer = await self.post(body, path)
        assert status == 200, answer
        response: dict[str, Any] = json.loads(answer)["response"]
        return response
