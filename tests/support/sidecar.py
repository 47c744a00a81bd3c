"""The sidecar as its users run it: a process configured by the environment, found by its ready line."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_S = 60.0
STOP_S = 30.0
_READY = re.compile(r"equilibrium-sidecar ready outbound=(\S+) inbound=(\S+) admin=(\S+)")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running sidecar listens."""

    outbound: str
    inbound: str
    admin: str
    pid: int


class DiedError(Exception):
    """The process ended, or never got ready; carries what it wrote to stderr."""


@contextlib.contextmanager
def sidecar(discovery: Mapping[str, Any], directory: Path, **variables: str) -> Iterator[Addresses]:
    """Run `equilibrium-sidecar` on free loopback ports; `variables` are named without their EQUILIBRIUM_ prefix."""
    document = directory / "discovery.json"
    document.write_text(json.dumps(discovery))
    settings = {
        "OUTBOUND": "127.0.0.1:0",
        "INBOUND": "127.0.0.1:0",
        "ADMIN": "127.0.0.1:0",
        "DISCOVERY": f"file:{document}",
        "WORKLOAD": "default/corpus",
        "DRAIN_S": "1",
        **variables,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EQUILIBRIUM_")}
    environment = inherited | {f"EQUILIBRIUM_{name}": value for name, value in settings.items()}
    program = Path(sys.executable).with_name("equilibrium-sidecar")
    with subprocess.Popen([program], env=environment, stderr=subprocess.PIPE, text=True) as process:
        stderr = _Stderr(process)
        try:
            yield stderr.addresses()
            if process.poll() is not None:
                raise DiedError(f"exit status {process.returncode} while in use:\n{stderr.text()}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


class _Stderr:
    """Keeps reading, so that the process never blocks on a full pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._match: re.Match[str] | None = None
        self._settled = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with contextlib.suppress(ValueError):  # closed under us at the end
            for line in self._process.stderr:
                self._lines.append(line)
                if self._match is None and (match := _READY.search(line)):
                    self._match = match
                    self._settled.set()
        self._settled.set()

    def text(self) -> str:
        """Everything so far."""
        return "".join(self._lines)

    def addresses(self) -> Addresses:
        """From the ready line. Raises `DiedError`."""
        self._settled.wait(READY_S)
        if self._match is None:
            raise DiedError(f"not ready within {READY_S:g} s:\n{self.text()}")
        outbound, inbound, admin = self._match.groups()
        return Addresses(outbound, inbound, admin, self._process.pid)
