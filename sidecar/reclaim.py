"""The kernel's own way to free memory: `memory.reclaim` of a cgroup v2 (Linux 5.19, cgroup-v2.rst).

Pages nobody needs now leave and the app notices nothing; what it does need is only moved where there is swap.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sidecar import clock

STEP_BYTES: Final = 16 * 1024 * 1024
"""What one write asks for: it blocks until the kernel is done, and nobody can call it back."""


async def reclaim(
    directory: Path, wanted_bytes: int, timeout_s: float, now: Callable[[], float] = clock.now
) -> tuple[int, str]:
    """Bytes reclaimed from the cgroup at `directory`, and why not all that was wanted (empty: it was)."""
    until, done = now() + timeout_s, 0
    while done < wanted_bytes:
        if now() >= until:
            return done, f"{timeout_s:g} s were over"
        step = min(STEP_BYTES, wanted_bytes - done)
        why = await asyncio.to_thread(_write, directory / "memory.reclaim", step)
        if why:
            return done, why
        done += step
    return done, ""


def _write(path: Path, amount: int) -> str:
    """Empty when it was done, else why not. Never creates the file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, b"%d" % amount)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return "there was no more to take"
        if error.errno == errno.ENOENT:
            return "no such file; it takes cgroup v2 with the memory controller, and Linux 5.19"
        return error.strerror or str(error)
    return ""
