"""Which iptables lays the rules down, and running it: the one place that touches the kernel.

Rules of the nft and the legacy backend live in different tables of the kernel and both apply, so a pod must have
ours in one of them only. Order of preference: the one that has our chains already, else nft, plain, legacy.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from injector.redirect import iptables

_TIMEOUT_S: Final = 30
_FLAVOURS: Final = ("-nft", "", "-legacy")
_LEGACY_TABLES: Final = {4: Path("/proc/net/ip_tables_names"), 6: Path("/proc/net/ip6_tables_names")}


class BackendError(Exception):
    """iptables could not do it: what was run, what it said, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One iptables program that works here. `saved`: the nat table as it was found."""

    program: str
    saved: str


def choose(version: int) -> Backend:
    """The program to use for IP version 4 or 6. Raises `BackendError` with what each candidate said."""
    found: list[Backend] = []
    said: list[str] = []
    for flavour in _FLAVOURS:
        program = f"ip{'6' if version == 6 else ''}tables{flavour}"
        if shutil.which(program) is None:
            said.append(f"{program}: not installed")
        elif flavour != "-legacy" or not found or _has_legacy_nat(version):
            # Asking legacy would load its tables into a kernel that may never have used them.
            try:
                found.append(Backend(program, _saved(program)))
            except BackendError as error:
                said.append(str(error))
    if not found:
        raise BackendError("; ".join(said))
    return next((backend for backend in found if iptables.chains(backend.saved)), found[0])


def _has_legacy_nat(version: int) -> bool:
    try:
        return "nat" in _LEGACY_TABLES[version].read_text().split()
    except OSError:
        return False


def _saved(program: str) -> str:
    """The nat table, once it is certain that it can be worked with."""
    run(program, ("-w", "5", "-t", "nat", "-S"))
    return run(f"{program}-save", ("-t", "nat"))


def run(program: str, words: Sequence[str]) -> str:
    """Run one command to its end; its output. Raises `BackendError`."""
    shown = iptables.shell(program, [tuple(words)])[0]
    try:
        ended = subprocess.run(  # noqa: S603 (no shell; the words are our own)
            [program, *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BackendError(f"`{shown}` did not end within {_TIMEOUT_S} s") from None
    except OSError as error:
        raise BackendError(f"`{shown}` cannot be run: {error.strerror}") from None
    if ended.returncode:
        words_of_it = " ".join((ended.stderr or ended.stdout).split())
        raise BackendError(f"`{shown}` ended with status {ended.returncode}: {words_of_it}")
    return ended.stdout


_NOT_ALLOWED: Final = (
    "this container may not change the pod's network: it needs the capabilities NET_ADMIN and NET_RAW and uid 0 "
    "(Pod Security baseline and restricted forbid them: set equilibrium.io/intercept: none); on SELinux hosts look "
    "for `avc: denied` in the node's audit log"
)
_LOCKED: Final = (
    "the lock file cannot be written: on a read-only root file system mount an emptyDir at /run, or set "
    f"XTABLES_LOCKFILE to a writable path; else {_NOT_ALLOWED}"
)
_ADVICE: Final = (
    ("xtables lock", "another program is changing rules just now: run this again (the kubelet does)"),
    ("xtables.lock", _LOCKED),
    ("Permission denied", _NOT_ALLOWED),
    ("not permitted", _NOT_ALLOWED),
    ("must be root", _NOT_ALLOWED),
    (
        "does not exist",
        "the node's kernel has no NAT for this: load iptable_nat (legacy) or nft_chain_nat (nft) on the node",
    ),
    (
        "No chain/target/match",
        "the node's kernel lacks a match or target: load xt_REDIRECT, xt_owner, xt_multiport and xt_comment",
    ),
)
_NO_IPTABLES: Final = "the image has no iptables: use the image equilibrium-init"


def advice(message: str) -> str:
    """What to do about it, in words; empty where nobody knows. Where several backends failed: about the first."""
    signs = [(message.find(sign), what) for sign, what in _ADVICE if sign in message]
    if signs:
        return min(signs)[1]
    return _NO_IPTABLES if "not installed" in message else ""
