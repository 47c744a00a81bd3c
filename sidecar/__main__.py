"""`equilibrium-sidecar`: configured by the environment only; `--help` lists every variable."""

import asyncio
import logging
import os
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


async def _serve() -> None:
    settings = from_env(os.environ)
    program.raise_file_limit()
    if settings.discovery.kind != "dns":
        program.without_c_ares()
    with program.no_ca_bundle():  # a client of ours that opens TLS connections brings its own CA file
        from sidecar.app import Sidecar  # --help and configuration mistakes need none of it

    await Sidecar(settings, asyncio.get_running_loop()).run()


if __name__ == "__main__":
    main()
