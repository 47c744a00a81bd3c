"""`equilibrium-injector`: configured by the environment only; `--help` lists every variable."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Final

import uvloop

from injector import journal
from injector.settings import Settings, from_env
from injector.variables import TABLE
from sidecar.errors import ConfigError, EquilibriumError

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def main() -> None:
    """Exit codes: 0 stopped on request, 1 could not start, 2 configuration mistakes."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(TABLE.help_text())
        return
    if arguments:
        sys.exit(f"equilibrium-injector takes no arguments ({arguments[0]!r}); see --help")
    _give_memory_back()
    journal.open_log()
    sys.exit(_run())


def _run() -> int:
    try:
        uvloop.run(_serve(from_env(os.environ)))
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"equilibrium-injector: {mistake}", file=sys.stderr)
        return 2
    except EquilibriumError as error:
        print(f"equilibrium-injector: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    sys.modules["aiodns"] = None  # type: ignore[assignment]  # aiohttp would load c-ares unasked: 1.3 MB
    with _no_ca_bundle():
        from injector.app import Injector, access  # --help and configuration mistakes need none of it

    await Injector(settings, access(settings, os.environ)).run()


def _give_memory_back() -> None:
    """Large buffers go back to the kernel when they are freed: after a burst of large pods that is 6 MB.

    glibc maps what is larger than a threshold, but raises the threshold to the largest it has seen freed, from when on
    such buffers come from the heap and leave holes in it. A threshold that is set stays (mallopt(3)).
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 128 * 1024)
        libc.mallopt(_M_ARENA_MAX, 1)


@contextlib.contextmanager
def _no_ca_bundle() -> Iterator[None]:
    """aiohttp builds a TLS context at import, which reads the system's CA bundle: 2 MB that nobody uses."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = os.devnull
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]
        if before is not None:
            os.environ["SSL_CERT_FILE"] = before


if __name__ == "__main__":
    main()
