"""What every program here does around its own work: the event loop, exit codes, and memory it has no use for."""

import contextlib
import os
import resource
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Final

import uvloop

from sidecar.errors import ConfigError, EquilibriumError

STOPPED: Final = 0
FAILED: Final = 1
MISCONFIGURED: Final = 2
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def run(program: str, serve: Callable[[], Coroutine[object, object, None]]) -> int:
    """Run `serve()` to its end under uvloop. Exit codes: 0 stopped on request, 1 could not go on, 2 configuration.

    `serve` reads the configuration too, when it is called. Mistakes go to stderr, one a line, after the program's name.
    """
    try:
        uvloop.run(serve())
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"{program}: {mistake}", file=sys.stderr)
        return MISCONFIGURED
    except EquilibriumError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return FAILED
    return STOPPED


def without_c_ares() -> None:
    """aiohttp would load c-ares unasked: 1.3 MB. To be called before aiohttp is imported."""
    sys.modules["aiodns"] = None  # type: ignore[assignment]


@contextlib.contextmanager
def no_ca_bundle() -> Iterator[None]:
    """Import aiohttp within: it builds a TLS context then, which reads the system's CA bundle: 2.5 MB that nobody uses.

    A client that opens TLS connections brings its own CA file.
    """
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = os.devnull
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]
        if before is not None:
            os.environ["SSL_CERT_FILE"] = before


def raise_file_limit() -> None:
    """A connection is a file: take all the container allows. 1,024 would be 500 requests in flight, or 500 sidecars."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def give_memory_back(from_bytes: int = 128 * 1024) -> None:
    """Buffers as large as that go back to the kernel when they are freed: after a burst of large pods that is 6 MB.

    glibc maps what is larger than a threshold, but raises the threshold to the largest it has seen freed, from when on
    such buffers come from the heap and leave holes in it. A threshold that is set stays (mallopt(3)).
    """
    import ctypes  # 0.5 MB, which not every program has to spend

    with contextlib.suppress(OSError, AttributeError):  # another libc
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, from_bytes)
        libc.mallopt(_M_ARENA_MAX, 1)
