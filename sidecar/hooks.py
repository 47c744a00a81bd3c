"""Memory hooks: how an app is asked to give memory back before the pod consents to have less.

Three ways (docs/memory-hooks.md): an endpoint of the app on loopback, a signal its processes handle, or the kernel's
own reclaim of a cgroup v2 that was delegated to us. A hook says in words how it went and never raises for an app that
misbehaves: whoever asked looks at memory use, not at promises.
"""

import asyncio
import ipaddress
import os
import re
import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar import parsing, reclaim
from sidecar.parsing import unfit
from sidecar.pressure import files
from sidecar.pressure.cgroup import Cgroup
from sidecar.pressure.proc import Processes

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S: Final = 5.0
MOST_BODY_BYTES: Final = 64 * 1024
SIGNALS: Final = {"USR1": signal.SIGUSR1, "USR2": signal.SIGUSR2, "HUP": signal.SIGHUP}
ALLOWED: Final = "http://127.0.0.1:PORT/PATH, signal:USR1|USR2|HUP, reclaim or reclaim:/CGROUP/DIRECTORY"
_URL: Final = re.compile(r"http://(\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost):([0-9]{1,5})(/[!\"$-~]*)?")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a hook went."""

    ran: bool
    """The app, or the kernel, was asked and did not decline."""
    said: str
    """In words."""


class Hook(ABC):
    """One way to ask for memory back."""

    @abstractmethod
    async def run(self, wanted_bytes: int) -> Outcome:
        """Ask once, for at most 5 s; `wanted_bytes` is a wish."""


def parse_hook(text: str) -> Hook:
    """The value of `equilibrium.io/memory-hook`. Raises ParseError with what is allowed."""
    kind, _, rest = text.partition(":")
    if kind == "http":
        return HttpHook(_loopback_url(text))
    if kind == "signal" and rest in SIGNALS:
        return SignalHook(SIGNALS[rest], Processes())
    if text == "reclaim":
        return ReclaimHook(Cgroup().unified)
    if kind == "reclaim" and rest.startswith("/") and ".." not in rest and rest.isprintable():
        return ReclaimHook(Path(rest))
    raise unfit("not a memory hook", ALLOWED)


def _loopback_url(text: str) -> str:
    match = _URL.fullmatch(text)
    if match is None:
        raise unfit("not a URL of this pod with its port", ALLOWED)
    host, _ = parsing.parse_listener(f"{match[1]}:{match[2]}", least=1)
    if not ipaddress.ip_address(host).is_loopback:
        raise unfit(f"{host} is not loopback", ALLOWED)
    return text.replace("//localhost:", "//127.0.0.1:", 1)


class HttpHook(Hook):
    """`POST` to the app on loopback; whatever it answers, only the status counts."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __repr__(self) -> str:
        return f"HttpHook({self._url!r})"

    async def run(self, wanted_bytes: int) -> Outcome:
        """Ask once; a redirect is not followed, a body is ignored beyond 64 KiB."""
        import aiohttp  # a sidecar without a hook never needs the client

        status = 0
        timeout, jar = aiohttp.ClientTimeout(total=TIMEOUT_S), aiohttp.DummyCookieJar()
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, auto_decompress=False) as session,
                session.post(self._url, allow_redirects=False) as response,
            ):
                status = response.status
                await _discard(response.content)
        except TimeoutError:
            return Outcome(ran=True, said=f"POST {self._url} did not finish within {TIMEOUT_S:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if not status:  # else it broke off its body, which nobody needs
                return Outcome(ran=False, said=f"POST {self._url} failed: {_reason(error)}")
        why = "" if 200 <= status < 300 else ", not 2xx (redirects are not followed)"
        return Outcome(ran=not why, said=f"POST {self._url} answered {status}{why}")


async def _discard(content: "aiohttp.StreamReader") -> None:
    """Until its end, so that an app may work while it answers, or until it has said too much."""
    left = MOST_BODY_BYTES
    while left > 0 and (chunk := await content.read(left)):
        left -= len(chunk)


def _reason(error: Exception) -> str:
    """The kernel's words or the kind of error; never what the app wrote."""
    number = getattr(error, "errno", None)  # of a failed connect, which asyncio words in its own way
    return os.strerror(number) if isinstance(number, int) else type(error).__name__


class SignalHook(Hook):
    """A signal to the app's processes, where the pod shares its process namespace and they run as our user.

    Only to processes that handle it: the default of all three signals is to end the process.
    """

    def __init__(self, number: signal.Signals, processes: Processes, proc: Path = Path("/proc")) -> None:
        self._signal = number
        self._processes = processes
        self._proc = proc

    def __repr__(self) -> str:
        return f"SignalHook({self._signal.name})"

    async def run(self, wanted_bytes: int) -> Outcome:
        """Ask once; /proc is read on another thread."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> Outcome:
        name, uid = self._signal.name, os.geteuid()
        pids = self._processes.application()
        ours = [pid for pid in pids if _uid(self._status(pid)) == uid]
        sent = [pid for pid in ours if self._send(pid, uid)]
        if sent:
            return Outcome(ran=True, said=f"{name} was sent to pid {', '.join(map(str, sent))}")
        if not self._processes.shared:
            why = "this pod does not share its processes; set shareProcessNamespace: true"
        elif not ours:
            why = f"none of the app's {len(pids)} processes runs as our uid {uid}"
        else:
            why = f"none of the app's {len(ours)} processes of uid {uid} handles it, so it would end them"
        return Outcome(ran=False, said=f"{name} was not sent: {why}")

    def _send(self, pid: int, uid: int) -> bool:
        """Looks again once it holds a pidfd, so that another process that got the same pid is never hit."""
        try:
            held = os.pidfd_open(pid)
        except OSError:
            return False  # it has ended
        try:
            status = self._status(pid)
            if _uid(status) != uid or not _handles(status, self._signal):
                return False
            signal.pidfd_send_signal(held, self._signal)
        except OSError:
            return False  # it ended just now, or the kernel says no
        finally:
            os.close(held)
        return True

    def _status(self, pid: int) -> str:
        return files.read(self._proc / str(pid) / "status") or ""


def _uid(status: str) -> int:
    """The real user id (proc(5), status); -1 when it cannot be read."""
    match = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
    return int(match[1]) if match else -1


def _handles(status: str, number: signal.Signals) -> bool:
    match = re.search(r"^SigCgt:\s+([0-9a-f]+)", status, re.MULTILINE)
    return bool(match and int(match[1], 16) >> (number - 1) & 1)


class ReclaimHook(Hook):
    """The kernel takes back what nobody needs, from a cgroup v2 that was delegated to us."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def __repr__(self) -> str:
        return f"ReclaimHook({self._directory})"

    async def run(self, wanted_bytes: int) -> Outcome:
        """Ask for `wanted_bytes` in all."""
        if self._directory is None:
            return Outcome(ran=False, said="nothing was reclaimed: cgroup v2 is not mounted here")
        done, why = await reclaim.reclaim(self._directory, wanted_bytes, TIMEOUT_S)
        said = f"the kernel reclaimed {done} of {wanted_bytes} bytes of {self._directory}"
        return Outcome(ran=done > 0, said=f"{said}: {why}" if why else said)
