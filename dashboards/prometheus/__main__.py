"""`python -m dashboards.prometheus`: prints a scrape configuration for a running local mesh."""

import argparse
import json
import sys
from pathlib import Path

from dashboards.prometheus import local


def main() -> int:
    """Exit status: 0 printed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.prometheus", description=__doc__)
    add = parser.add_argument
    add("mesh", type=Path, help="the mesh's discovery.json (`make mesh` prints where it is)")
    add(
        "--coordinator",
        action="append",
        default=[],
        metavar="IP:PORT",
        help="its plain port, 127.0.0.1:15480",
    )
    add(
        "--node", action="append", default=[], metavar="IP:PORT", help="the local node's API, 127.0.0.1:15600"
    )
    add("--interval", default="1s", help="between scrapes, and between evaluations of rules (default 1s)")
    chosen = parser.parse_args()
    try:
        mesh = json.loads(chosen.mesh.read_bytes())
        sources = local.Sources(mesh=mesh, coordinators=chosen.coordinator, nodes=chosen.node)
        made = local.config(sources, chosen.interval)
    except (OSError, ValueError) as error:
        print(f"{chosen.mesh}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(made, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
