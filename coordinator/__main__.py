"""`equilibrium-coordinator`: settings in the environment, some of them as flags; `--help` has all of them."""

import os
import sys

from coordinator import options
from coordinator.options import Options
from sidecar import jsonlog, program
from sidecar.errors import ConfigError

PROGRAM = "equilibrium-coordinator"
SOME_FAILED = 3
LARGE_BYTES = 16 * 1024
"""A report of a sidecar's is larger, and a thousand of them come at once: in the heap they leave 40 MB of holes."""


def main() -> None:
    """Exit codes: 0 stopped on request or all well, 1 could not, 2 configuration mistakes, 3 some changes failed."""
    try:
        given = options.read(sys.argv[1:], os.environ)
    except ConfigError as error:
        for mistake in error.mistakes:
            print(f"{PROGRAM}: {mistake}", file=sys.stderr)
        sys.exit(program.MISCONFIGURED)
    program.give_memory_back(LARGE_BYTES)
    program.raise_file_limit()
    jsonlog.open_log()
    status: list[int] = []
    code = program.run(PROGRAM, lambda: _serve(given, status))
    sys.exit(code or (status[0] if status else 0))


async def _serve(given: Options, status: list[int]) -> None:
    program.without_c_ares()
    with program.no_ca_bundle():
        from coordinator.app import Coordinator  # --help and configuration mistakes need none of it
        from coordinator.parts import access

    coordinator = Coordinator(given.settings, access(given.settings, os.environ), dry_run=given.dry_run)
    if not given.once:
        await coordinator.run()
        return
    from coordinator import state

    cycle = await coordinator.once()
    print(state.shown(cycle, given.output), end="")
    hindered = bool(cycle.idle) and not given.dry_run and not coordinator.stopping
    status.append(SOME_FAILED if state.failed(cycle) else program.FAILED if hindered else 0)


if __name__ == "__main__":
    main()
