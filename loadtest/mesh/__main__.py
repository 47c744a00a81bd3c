"""`python -m loadtest.mesh`: UrbanMoveMS with a sidecar in every pod, on this machine, to play with."""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtest import ending, processes
from loadtest.mesh import addresses, guide, node
from loadtest.mesh.live import LivePage
from loadtest.mesh.lodging import Lodging
from loadtest.mesh.mesh import Mesh
from loadtest.mesh.plan import MeshPlan
from loadtest.mesh.vigil import Vigil
from sidecar.parsing import ParseError
from sidecar.policy.quantities import parse_quantity

DESCRIPTION = """\
The application UrbanMoveMS as a mesh of local processes: a gateway and four services, every pod with a loopback
address of its own and the same ports as in a cluster: its application, its fault hooks, its sidecar. Needs neither
root nor a cluster. When it is up it prints where everything is and what to try; then it says when the list of pods
changes or a process ends, until Ctrl-C. Everything ends with it, however it ends. With --node the applications live
on a node of so much CPU, each under a limit the kernel enforces (needs root), behind an API for a coordinator.

exit status: 0 ended as asked · 2 wrong usage · 3 it could not be started · 130 interrupted
"""
STRATEGIES = ("balanced", "aggressive-learning", "conservative", "none")
LONGEST_S = 24 * 3600.0
START_S = 120.0
API_PORT = 15600
LEAST_M, MOST_M = 200, 64_000


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
    add("--node", type=_cpu, metavar="CPU", help="put the applications on a node of so much: 1200m, 1.5")
    add("--api-port", type=int, default=API_PORT, help=f"of the node's API on loopback (default {API_PORT})")
    return made


def _cpu(text: str) -> int:
    try:
        cpu_m = parse_quantity(text, 1000)
    except ParseError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
    if not LEAST_M <= cpu_m <= MOST_M:
        raise argparse.ArgumentTypeError(f"{text}: allowed: {LEAST_M}m to {MOST_M}m")
    return cpu_m


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
    processes.stop_on_signals(limit_s=START_S + LONGEST_S)
    with (
        tempfile.TemporaryDirectory(prefix="equilibrium-mesh-") as directory,
        _lodging(chosen) as lodging,
        processes.Children(Path(directory)) as children,
        Mesh.start(children, _plan(chosen, lodging)) as mesh,
        LivePage("mesh") as live,
    ):
        live.show(mesh)
        print(
            f"{guide.table(mesh.pods())}\n\n{guide.commands(mesh)}\nwatch it live:\n  {live.url}", flush=True
        )
        Vigil(mesh, lambda text: _news(text, live)).keep(chosen.seconds)
    return 0


def _plan(chosen: argparse.Namespace, lodging: Lodging | None) -> MeshPlan:
    strategy = None if chosen.no_sidecars else chosen.strategy
    return MeshPlan(strategy=strategy, replicas=chosen.replicas, lodging=lodging, on_progress=ending.say)


@contextlib.contextmanager
def _lodging(chosen: argparse.Namespace) -> Iterator[Lodging | None]:
    """A node for the applications, where one was asked for."""
    if chosen.node is None:
        yield None
        return
    with node.node(chosen.node, port=chosen.api_port) as made:
        yield Lodging(made, len(addresses.SERVICES) * chosen.replicas)


def _news(text: str, live: LivePage) -> None:
    ending.say(text)
    live.say("mesh", text)


if __name__ == "__main__":
    ending.of(main, node.Missing)
