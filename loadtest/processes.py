"""Child processes that do not outlive us: started on loopback, awaited, ended by pid.

Every child gets SIGTERM when this process dies, however it dies (prctl PR_SET_PDEATHSIG through setpriv);
`Children` ends them on the way out of a `with` block, Ctrl-C and errors included.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn

from loadtest import procfs
from sidecar import clock

POLL_S = 0.02


class StartError(Exception):
    """A process did not come up; the message ends with what it said last."""


@dataclass(slots=True)
class Child:
    """A running process; what it prints goes to `log`, or to the pipe where one was asked for."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The process that was started; its descendants belong to it."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self.process.poll() is None

    def obituary(self) -> str | None:
        """How it ended, if it did although nobody here ended it; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        return f"{self.name} (pid {self.pid}) ended by itself or by a stranger's signal, exit status {code}"

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for error messages."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def end(self, grace_s: float = 3.0) -> None:
        """SIGTERM, then SIGKILL to the whole tree when that was not enough. Safe to repeat."""
        if not self.running:
            return
        family = procfs.tree(self.pid)
        self.process.terminate()
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            for pid in family:
                _kill(pid)
            self.process.wait(grace_s)

    def kill(self) -> None:
        """SIGKILL: what a crashed pod looks like from outside."""
        self.process.kill()
        self.process.wait(5)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Children:
    """The processes of one run. A context manager: leaving it ends them, last started first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._children: list[Child] = []

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(self._children):
            child.end()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        core: int | None = None,
        env: Mapping[str, str] | None = None,
        pipe: bool = False,
    ) -> Child:
        """Start `argv`, on one core if given, `env` added to ours; `pipe` keeps stdout readable for us."""
        log = self.directory / f"{name}.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [*_wrapper(core), *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else sink,
                stderr=sink,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # Ctrl-C reaches us alone; we end the children in order
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child


def _wrapper(core: int | None) -> list[str]:
    """Both programs exec the next, so the pid stays the one we started."""
    setpriv = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    return [*setpriv, *(["taskset", "-c", str(core)] if core is not None else [])]


def split(address: str) -> tuple[str, int]:
    """`ip:port` as a pair."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def await_http(address: str, child: Child, *, host: str, path: str = "/", timeout_s: float = 15.0) -> None:
    """Return when a GET there is answered 200; StartError when the child ends first or time runs out."""
    last = "nothing listens"
    deadline = clock.now() + timeout_s
    while clock.now() < deadline:
        if not child.running:
            raise StartError(f"{child.name} exited {child.process.returncode}:\n{child.last_words()}")
        try:
            last = f"status {_status(address, host, path)}"
        except (OSError, http.client.HTTPException) as error:
            last = str(error)
        if last == "status 200":
            return
        time.sleep(POLL_S)
    raise StartError(f"{child.name} not ready after {timeout_s:.0f} s ({last}):\n{child.last_words()}")


def _status(address: str, host: str, path: str) -> int:
    connection = http.client.HTTPConnection(*split(address), timeout=1.0)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def loopback_net() -> str:
    """Three octets of a loopback /24 nobody uses: pods get addresses of their own, runs do not collide."""
    for attempt in range(64):
        number = os.getpid() * 64 + attempt
        net = f"127.{64 + number // 256 % 128}.{number % 256}"
        with socket.socket() as probe:
            try:
                probe.bind((f"{net}.1", 8080))
            except OSError:
                continue
        return net
    raise StartError("no free loopback network: is another run left over?")


def stop_on_signals(limit_s: float) -> None:
    """SIGTERM, and running longer than `limit_s`, become exceptions: `with` blocks then end the children."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, limit_s)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _too_long(number: int, frame: FrameType | None) -> NoReturn:
    raise TimeoutError("the run took longer than it ever should; its processes were ended")
