"""`equilibrium-sidecar`: configured by the environment only; `--help` lists every variable."""

import asyncio
import contextlib
import logging
import os
import resource
import sys
from collections.abc import Iterator

import uvloop

from sidecar.errors import ConfigError
from sidecar.proxy.listener import ListenError
from sidecar.settings import Settings, from_env
from sidecar.variables import TABLE


def main() -> None:
    """Exit codes: 0 stopped on request, 1 could not start, 2 configuration mistakes."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(TABLE.help_text())
        return
    if arguments:
        sys.exit(f"equilibrium-sidecar takes no arguments ({arguments[0]!r}); see --help")
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="equilibrium-sidecar %(levelname)s %(message)s"
    )
    sys.exit(_run())


def _run() -> int:
    try:
        settings = from_env(os.environ)
        _raise_file_limit()
        uvloop.run(_serve(settings))
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"equilibrium-sidecar: {mistake}", file=sys.stderr)
        return 2
    except ListenError as error:
        print(f"equilibrium-sidecar: {error}", file=sys.stderr)
        return 1
    return 0


def _raise_file_limit() -> None:
    """A connection is a file: take all the container allows, since 1,024 would be 500 requests in flight."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(settings: Settings) -> None:
    if settings.discovery.kind != "dns":
        sys.modules["aiodns"] = None  # type: ignore[assignment]  # aiohttp would load c-ares unasked: 1.3 MB
    with _no_ca_bundle():
        from sidecar.app import Sidecar  # --help and configuration mistakes need none of it

    await Sidecar(settings, asyncio.get_running_loop()).run()


@contextlib.contextmanager
def _no_ca_bundle() -> Iterator[None]:
    """aiohttp builds a TLS context at import, which reads the system's CA bundle: 2.5 MB of the memory budget.

    This process opens no TLS connection; a client that does brings its own CA file.
    """
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
