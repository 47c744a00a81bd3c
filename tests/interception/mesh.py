"""Intercepted pods: the installed sidecar as its own user, the init program's rules, applications of the test."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sidecar import contract
from tests.program.process import READY, trouble
from tests.program.wire import Scrape, request, until
from tests.proxy.pods import Answer, read_answer
from tests.support.netns import Pod, as_user

PROGRAM = Path(sys.executable).with_name("equilibrium-sidecar")
SNIFF_S = 0.2


class Sidecar:
    """One running in a pod; its admin port is asked from inside the pod."""

    def __init__(
        self, pod: Pod, directory: Path, document: object, uid: int, variables: dict[str, str]
    ) -> None:
        self.pod = pod
        directory.mkdir()
        self._stderr = directory / "stderr.log"
        file = directory / "discovery.json"
        file.write_text(json.dumps(document))
        chosen = {
            "DISCOVERY": f"file:{file}",
            "DRAIN_S": "1",
            "TIMEOUTS": f"sniff={SNIFF_S:g}s,connect=2s",
            **variables,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EQUILIBRIUM_")}
        environment = inherited | {f"EQUILIBRIUM_{name}": value for name, value in chosen.items()}
        with self._stderr.open("wb") as stderr:
            argv = [*as_user(uid), str(PROGRAM)]
            self.process = pod.start(argv, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)

    async def ready(self) -> None:
        """Until the ready line."""
        await until(
            lambda: READY.search(self._stderr.read_text()) or self.process.poll() is not None, "it is ready"
        )
        assert self.process.poll() is None, self._stderr.read_text()

    async def scrape(self) -> Scrape:
        """/metrics, asked from within."""
        answer = await ask(self.pod, "127.0.0.1", contract.ADMIN_PORT, request("/metrics", host="me"))
        return Scrape(answer.body.decode())

    async def total(self, name: str, **labels: str) -> float:
        """One sum of it."""
        return (await self.scrape()).total(name, **labels)

    def open_files(self) -> int:
        """File descriptors it holds."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def end(self) -> None:
        """SIGTERM; it ends with status 0 and has never written a traceback."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        assert not trouble(self._stderr.read_text()), self._stderr.read_text()
        assert self.process.poll() == 0, self._stderr.read_text()


@contextlib.asynccontextmanager
async def meshed(
    pod: Pod,
    directory: Path,
    document: object = None,
    *,
    init: tuple[str, ...] = (),
    backend: str = "",
    uid: int = contract.PROXY_UID,
    **variables: str,
) -> AsyncIterator[Sidecar]:
    """A pod with rules and a sidecar, ready."""
    ended = pod.init(*init, backend=backend)
    assert ended.returncode == 0, ended.stderr
    made = Sidecar(pod, directory, document or {"services": []}, uid, variables)
    try:
        await made.ready()
        yield made
    finally:
        await pod.hang_up()
        made.end()


async def ask(pod: Pod, host: str, port: int, raw: bytes) -> Answer:
    """One request of this pod's application on a connection of its own."""
    reader, writer = await pod.connect(host, port)
    try:
        writer.write(raw)
        return await read_answer(reader, raw.partition(b" ")[0])
    finally:
        writer.transport.abort()


class EchoHead:
    """An HTTP application that answers with the head it was sent, and says who it is."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self.connections = 0
        self.peers: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.peers.append(writer.get_extra_info("peername")[0])
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(
                    b"HTTP/1.1 200 OK\r\nX-App: %b\r\nContent-Length: %d\r\n\r\n%b"
                    % (self._name, len(head), head)
                )
        writer.close()


def fields(head: bytes, name: str) -> list[str]:
    """Every value of a field in a head."""
    return re.findall(rf"(?im)^{name}: *(.*?)\r$", head.decode())
