"""Pods and one proxy before them, as local processes: what the demo and the rolling restart play with.

Each pod has a loopback address of its own, as in a cluster. The proxy is our sidecar, or a peer's for
comparison; its admin page is known from the line the sidecar prints when it is ready.
"""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from loadtest import processes
from loadtest.bench import arms, configs, stage
from sidecar import clock

READY = re.compile(r"^equilibrium-sidecar ready .*admin=(\S+)$", re.MULTILINE)
SERVICE = configs.AUTHORITY


@dataclass(slots=True)
class Pod:
    """One upstream process; restarted in place it keeps its name and address."""

    name: str
    address: str
    delay_ms: float
    children: processes.Children
    child: processes.Child

    @classmethod
    def start(cls, children: processes.Children, name: str, address: str, delay_ms: float) -> "Pod":
        """A pod that answers."""
        pod = cls(name, address, delay_ms, children, _start(children, name, address, delay_ms))
        pod.await_ready()
        return pod

    def await_ready(self) -> None:
        """Return when it answers."""
        processes.await_http(self.address, self.child, host=SERVICE, path="/delay/0")

    def kill(self) -> None:
        """SIGKILL: connections are reset, requests in it are lost."""
        self.child.kill()

    def drain(self, most_s: float = 10.0) -> None:
        """SIGTERM, as Kubernetes sends it, and wait until it has finished."""
        self.child.end(most_s)

    def restart(self) -> None:
        """The same pod again at the same address."""
        self.child = _start(self.children, self.name, self.address, self.delay_ms)
        self.await_ready()


def _start(children: processes.Children, name: str, address: str, delay_ms: float) -> processes.Child:
    argv = [sys.executable, "-m", "loadtest.upstream", "--listen", address, "--name", name]
    return children.start(name, [*argv, "--delay-ms", str(delay_ms)])


@dataclass(slots=True)
class Lineup:
    """Pods, the proxy before them, and where to send."""

    pods: list[Pod]
    proxy: processes.Child
    target: str
    discovery: Path
    """The file our sidecar watches; other proxies have none."""

    def publish(self, pods: list[Pod]) -> None:
        """Say who serves now, as a cluster does when a pod's readiness changes."""
        if self.discovery.exists():
            written = self.discovery.with_suffix(".new")
            written.write_text(configs.discovery([pod.address for pod in pods]))
            written.rename(self.discovery)

    def admin(self) -> str | None:
        """`ip:port` of our sidecar's admin page; None for other proxies."""
        found = READY.search(self.proxy.log.read_text(errors="replace"))
        return found[1] if found else None


def start(
    children: processes.Children, *, pods: int = 3, delay_ms: float = 5.0, arm: str = "equilibrium"
) -> Lineup:
    """Start everything and return when a request gets through."""
    net = processes.loopback_net()
    started = [
        Pod.start(children, f"pod-{number}", f"{net}.{number}:8080", delay_ms)
        for number in range(1, pods + 1)
    ]
    endpoints = tuple(pod.address for pod in started)
    target = f"{net}.{stage.PROXY_HOST}:{stage.PROXY_PORT}"
    chosen = arms.named([arm])[0]
    proxy = stage.start(children, chosen, target, endpoints)
    processes.await_http(target, proxy, host=SERVICE)
    return Lineup(started, proxy, target, children.directory / chosen.name / arms.DISCOVERY_FILE)


def settle(seconds: float) -> None:
    """Let the load run for so long."""
    deadline = clock.now() + seconds
    while (left := deadline - clock.now()) > 0:
        time.sleep(min(left, 0.1))
