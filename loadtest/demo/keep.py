"""Afterwards: Equilibrium stays up under light load, to be looked at and broken by hand."""

import time
from collections.abc import Callable

from loadtest import processes
from loadtest.demo import journey, loads, moment, targets
from loadtest.mesh import Mesh
from loadtest.mesh.live import LivePage
from sidecar import clock

KEEP_S = 600.0
RATE = 20.0
USERS = 3


def stay(children: processes.Children, mesh: Mesh, say: Callable[[str], None], live: LivePage) -> None:
    """Return after ten minutes; Ctrl-C ends it before."""
    for line in guide(mesh, live.url):
        say(line)
    sent = loads.Loads(children, targets.plans(mesh.entry, KEEP_S, RATE))
    live.measured = lambda: moment.measured(sent.samples, clock.now())
    live.note = "kept up under light load"
    journey.start(children, mesh.entry, USERS)
    end_s = clock.now() + KEEP_S
    while clock.now() < end_s:
        time.sleep(0.2)


def guide(mesh: Mesh, live: str) -> list[str]:
    """What there is to look at and to try."""
    pod = mesh.pods("bus-service")[1]
    admin = mesh.gateway.admin
    fault = f"http://{pod.control}/faults"
    return [
        f"still running for {KEEP_S / 60:.0f} minutes under {RATE:.0f} requests/s to each route, Ctrl-C ends it",
        f"  watch it live       {live}",
        f"  the application     curl http://{mesh.entry}/api/lines/32H",
        f"  why which pod       curl 'http://{admin}/explain?service=bus-service'",
        f"  everything it knows curl http://{admin}/state   curl http://{admin}/metrics",
        f"  make {pod.name} slow  curl -X PUT -d '{{\"latency_ms\": 500}}' {fault}",
        f"  heal it             curl -X DELETE {fault}",
    ]
