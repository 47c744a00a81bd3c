"""`equilibrium-sidecar`: configured by the environment only; `--help` lists every variable."""

import asyncio
import contextlib
import logging
import os
import resource
import sys

from sidecar import program
from sidecar.settings import from_env
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
    sys.exit(program.run("equilibrium-sidecar", _serve))


def _raise_file_limit() -> None:
    """A connection is a file: take all the container allows, since 1,024 would be 500 requests in flight."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve() -> None:
    settings = from_env(os.environ)
    _raise_file_limit()
    if settings.discovery.kind != "dns":
        program.without_c_ares()
    with program.no_ca_bundle():  # a client of ours that opens TLS connections brings its own CA file
        from sidecar.app import Sidecar  # --help and configuration mistakes need none of it

    await Sidecar(settings, asyncio.get_running_loop()).run()


if __name__ == "__main__":
    main()
