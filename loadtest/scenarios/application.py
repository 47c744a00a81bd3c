"""The application behind the sidecar: few workers, known work, an endless queue; and its address in a pod."""

import sys

from loadtest import processes
from loadtest.mesh import addresses

WORKERS = 8
MEAN_MS = 20.0
SIGMA = 0.3
NOMINAL = WORKERS / MEAN_MS * 1000
"""Requests per second if timers were exact."""
WORDS = f"{WORKERS} workers × {MEAN_MS:.0f} ms lognormal"
HOST = "bus-service"
WORKLOAD = "default/bus-service"
PORT = addresses.SERVICES[HOST].port


def start(children: processes.Children, ip: str) -> processes.Child:
    """Start it at `ip` and return when it answers."""
    listen = f"{ip}:{PORT}"
    argv = [sys.executable, "-m", "loadtest.upstream", "--listen", listen, "--name", HOST, "--drain-s", "0"]
    argv += ["--workers", str(WORKERS), "--delay-ms", str(MEAN_MS), "--sigma", str(SIGMA)]
    child = children.start("application", argv)
    processes.await_http(listen, child, host=HOST)
    return child
