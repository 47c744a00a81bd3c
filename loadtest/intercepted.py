"""The same load through the explicit proxy port and through connections that iptables redirects, side by side.

Two network namespaces with the same upstreams and the same sidecar, as its own user. In one the load speaks to the
outbound port and the kernel has no rules; in the other it speaks to the service's address and `equilibrium-init` has
laid the rules down. Root only.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest import netns, processes
from loadtest.bench import configs, upstreams
from loadtest.mesh import launch
from loadtest.netns import Namespace
from sidecar import contract

NET = "127.77.0"
CLUSTER_IP = "10.96.0.7"
"""Of the service: an address nobody has, reached by the default route, caught on the way out."""


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace with a sidecar in it: where the load is to be sent from inside."""

    name: str
    net: Namespace
    target: str
    sidecar: processes.Child
    upstream: str


@contextmanager
def places(
    children: processes.Children, pods: int, *, cores: tuple[int | None, int | None]
) -> Iterator[Sequence[Place]]:
    """`explicit` and `intercepted`, up and answering; `cores`: the sidecars', everything else's."""
    with ExitStack() as stack:
        nets = [_namespace(stack, name) for name in ("explicit", "intercepted")]
        _join(*nets)
        _init(nets[1])
        targets = (f"127.0.0.1:{contract.OUTBOUND_PORT}", f"{CLUSTER_IP}:{configs.PORT}")
        yield [
            _place(stack, children, name, net, target, pods, cores)
            for name, net, target in zip(("explicit", "intercepted"), nets, targets, strict=True)
        ]


def _namespace(stack: ExitStack, name: str) -> Namespace:
    made = Namespace(f"eq{os.getpid()}{name}")
    stack.callback(made.delete)
    return made


def _join(first: Namespace, second: Namespace) -> None:
    """A way out for both, so that their routes are the same."""
    pair = ("type", "veth", "peer", "name", "eth0", "netns", second.name)
    first.run("ip", "link", "add", "eth0", *pair)
    for net, number in ((first, 1), (second, 2)):
        net.run("ip", "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
        net.run("ip", "link", "set", "eth0", "up")
        net.run("ip", "route", "add", "default", "via", f"10.77.0.{3 - number}")


def _init(net: Namespace) -> None:
    net.run(str(Path(sys.executable).with_name("equilibrium-init")))


def _place(
    stack: ExitStack,
    children: processes.Children,
    name: str,
    net: Namespace,
    target: str,
    pods: int,
    cores: tuple[int | None, int | None],
) -> Place:
    endpoints = upstreams.addresses(NET, pods)
    file = children.directory / "services.json"
    file.write_text(configs.discovery(endpoints))
    env = {"EQUILIBRIUM_DISCOVERY": f"file:{file}", "EQUILIBRIUM_WORKLOAD": "default/overhead"}
    with net.inside():
        stack.enter_context(upstreams.standing(children, "python", endpoints, core=cores[1], path="/"))
        argv = [*netns.as_user(), launch.program()]
        sidecar = children.start(f"{name}-sidecar", argv, core=cores[0], env=env)
        processes.await_http(target, sidecar, host=configs.AUTHORITY)
    return Place(name, net, target, sidecar, endpoints[0])
