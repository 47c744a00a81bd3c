"""`equilibrium-injector`: configured by the environment only; `--help` lists every variable."""

import os
import sys

from injector.settings import from_env
from injector.variables import TABLE
from sidecar import jsonlog, program


def main() -> None:
    """Exit codes: 0 stopped on request, 1 could not start, 2 configuration mistakes."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(TABLE.help_text())
        return
    if arguments:
        sys.exit(f"equilibrium-injector takes no arguments ({arguments[0]!r}); see --help")
    program.give_memory_back()
    jsonlog.open_log()
    sys.exit(program.run("equilibrium-injector", _serve))


async def _serve() -> None:
    settings = from_env(os.environ)
    program.without_c_ares()
    with program.no_ca_bundle():
        from injector.app import Injector, access  # --help and configuration mistakes need none of it

    await Injector(settings, access(settings, os.environ)).run()


if __name__ == "__main__":
    main()
