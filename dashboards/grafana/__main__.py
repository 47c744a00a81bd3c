"""`python -m dashboards.grafana`: writes the JSON files beside this one; `--check` says whether they are up to date."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from dashboards.grafana import advice, cooperation, degradation, market, render, routing

DASHBOARDS: Final = tuple(each.DASHBOARD for each in (routing, cooperation, degradation, market, advice))
HERE: Final = Path(__file__).parent


def files() -> dict[Path, str]:
    """What each file should say."""
    return {
        HERE / f"{made.name}.json": json.dumps(render.dashboard(made), indent=1, ensure_ascii=False) + "\n"
        for made in DASHBOARDS
    }


def main() -> int:
    """Exit status: 0 written or up to date, 1 not up to date."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file is not up to date")
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if check:
            print(f"{path} is not what its panels say: python -m dashboards.grafana", file=sys.stderr)
        else:
            path.write_text(files()[path])
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
