"""`python -m loadtest.mesh`: UrbanMoveMS with a sidecar in every pod, on this machine, to play with."""

import argparse
import sys
import tempfile
from pathlib import Path

from loadtest import processes
from loadtest.mesh import addresses, guide
from loadtest.mesh.mesh import Mesh
from loadtest.mesh.plan import MeshPlan
from loadtest.mesh.vigil import Vigil

DESCRIPTION = """\
The application UrbanMoveMS as a mesh of local processes: a gateway and four services, every pod with a loopback
address of its own and the same ports as in a cluster: its application, its fault hooks, its sidecar. Needs neither
root nor a cluster. When it is up it prints where everything is and what to try; then it says when the list of pods
changes or a process ends, until Ctrl-C. Everything ends with it, however it ends.

exit status: 0 ended as asked · 2 wrong usage · 3 it could not be started · 130 interrupted
"""
STRATEGIES = ("balanced", "aggressive-learning", "conservative", "none")
LONGEST_S = 24 * 3600.0
START_S = 120.0


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="python -m loadtest.mesh",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--strategy", choices=STRATEGIES, default="balanced", help="of every sidecar (default balanced)")
    add("--no-sidecars", action="store_true", help="applications alone, spread as kube-proxy does")
    add("--replicas", type=_replicas, default=3, metavar="N", help="pods of each service (default 3)")
    add("--seconds", type=_seconds, metavar="S", help="end by itself after so long (default: Ctrl-C)")
    return made


def _replicas(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= addresses.MOST_PODS:
        raise argparse.ArgumentTypeError(f"{text}: allowed: 1 to {addresses.MOST_PODS}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text}: allowed: seconds, 0 to {LONGEST_S:g}")
    return seconds


def main() -> int:
    """Bring it up, show it, keep it up."""
    chosen = parser().parse_args()
    plan = MeshPlan(
        strategy=None if chosen.no_sidecars else chosen.strategy, replicas=chosen.replicas, on_progress=_say
    )
    processes.stop_on_signals(limit_s=START_S + LONGEST_S)
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-mesh-") as directory,
        processes.Children(Path(directory)) as children,
        Mesh.start(children, plan) as mesh,
    ):
        print(f"{guide.table(mesh.pods())}\n\n{guide.commands(mesh)}", flush=True)
        Vigil(mesh, _say).keep(chosen.seconds)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        _say("interrupted; every process was ended")
        raise SystemExit(130) from None
    except (processes.StartError, OSError, TimeoutError) as error:
        _say(str(error))
        raise SystemExit(3) from None
