"""Network namespaces of our own: pods with addresses and rules of their own, on one machine. Root only.

What is started, and every socket made, inside `Namespace.inside()` belongs to the namespace and stays there.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sidecar import contract

_CLONE_NEWNET: Final = 0x40000000
_RUN: Final = Path("/run/netns")
_NEEDED: Final = ("ip", "setpriv", "iptables", "ip6tables")


def missing() -> str | None:
    """Why there can be no namespaces here; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    absent = [name for name in _NEEDED if shutil.which(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return f"no network namespaces here: {tried.stderr.strip()}" if tried.returncode else None


def as_user(uid: int = contract.PROXY_UID) -> list[str]:
    """What to put before a command so that it runs as somebody else, who may still read what only we can."""
    capability = "+dac_read_search"  # the checkout may lie in a home directory
    who = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--pdeathsig=TERM"]
    return [
        shutil.which("setpriv") or "setpriv",
        *who,
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        "--",
    ]


class Namespace:
    """One network namespace; it goes when `delete` is called, whoever still runs in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")

    def delete(self) -> None:
        """Safe to repeat."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in the namespace: for making sockets and starting processes, never across an await."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(_RUN / self.name, os.O_RDONLY)
        try:
            _setns(there)
            yield
        finally:
            _setns(home)
            os.close(home)
            os.close(there)

    def run(self, *argv: str) -> str:
        """Run a command in it to its end; its output. Raises `RuntimeError` with what it said."""
        with self.inside():
            return run(*argv)

    def __repr__(self) -> str:
        return f"Namespace({self.name!r})"


def run(*argv: str) -> str:
    """Run a command to its end; its output. Raises `RuntimeError` with what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def _setns(fd: int) -> None:
    if _LIBC.setns(fd, _CLONE_NEWNET) != 0:  # os.setns comes with Python 3.12
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
