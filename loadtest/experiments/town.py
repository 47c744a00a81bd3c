"""The pods of one arm: applications inside the node's quotas; sidecars, a front and load generators outside."""

import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loadtest import processes
from loadtest.mesh import addresses, launch
from loadtest.mesh.node import Enclosure, Node, Wanted
from loadtest.mesh.node.enclosure import MEMORY
from loadtest.scenarios import house
from loadtest.scenarios import pod as sidecars
from sidecar import contract

NAMESPACE = "default"
PORT = 8080
FRONT_HOST = 10
FIRST_HOST = 20
GRACE_S = 2.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A kind of pod. Millicores; `cost_ms` is the CPU time of one request."""

    name: str
    limit_m: int
    cost_ms: float = 10.0
    budget: int = 1
    request_m: int = 50
    min_cpu_m: int = 100
    max_cpu_m: int | None = None
    memory_bytes: int = 128 * MIB
    annotations: Mapping[str, str] = field(default_factory=dict)
    garbage_bytes: int = 0
    """Above 0 its pods run the hoarder: an application whose memory is mostly garbage, with a hook to collect it."""
    hook: bool = False
    """Its sidecars know that hook."""

    @property
    def health(self) -> str:
        """A path that costs nothing."""
        return "/" if self.garbage_bytes else "/health"

    @property
    def told(self) -> dict[str, str]:
        """Its annotations: it takes part."""
        most = {} if self.max_cpu_m is None else {"equilibrium.io/max-cpu": f"{self.max_cpu_m}m"}
        return {
            "equilibrium.io/resize": "true",
            "equilibrium.io/budget": str(self.budget),
            "equilibrium.io/min-cpu": f"{self.min_cpu_m}m",
            **most,
            **self.annotations,
        }


@dataclass(slots=True, eq=False)
class Pod:
    """One that runs, or is coming up."""

    name: str
    service: Service
    ip: str
    enclosure: Enclosure
    app: processes.Child
    sidecar: sidecars.Pod
    ready: bool = False

    @property
    def admin(self) -> str:
        """`ip:port` of its sidecar."""
        return self.sidecar.admin


class Town:
    """All pods of one arm on one node, and the front through which everybody calls them."""

    def __init__(self, children: processes.Children, node: Node, net: addresses.Net) -> None:
        self.node = node
        self.pods: list[Pod] = []
        self.gone: list[Pod] = []
        self._children = children
        self._net = net
        self._numbers = itertools.count()
        self._discovery = children.directory / "town.json"
        self._callers = children.directory / "callers.json"
        self._callers.write_text(json.dumps({"services": [], "callers": [self._caller()]}))
        self._publish()
        self.front = self._start_front()

    def _caller(self) -> dict[str, str]:
        return {"address": self._front_ip, "workload": f"{NAMESPACE}/front"}

    @property
    def _front_ip(self) -> str:
        return f"{self._net.prefix}.{FRONT_HOST}"

    @property
    def entry(self) -> str:
        """`ip:port` where requests are sent, with the service as Host."""
        return f"{self._front_ip}:{contract.OUTBOUND_PORT}"

    def _start_front(self) -> sidecars.Pod:
        env = sidecars.environment(self._front_ip, str(self._discovery))
        env |= {"EQUILIBRIUM_WORKLOAD": f"{NAMESPACE}/front", "EQUILIBRIUM_POD": "front-0"}
        env["EQUILIBRIUM_STRATEGY"] = "none"  # round robin: what is compared is CPU, not routing
        return sidecars.Pod(self._front_ip, self._children.start("front", [launch.program()], env=env))

    def of(self, service: str) -> list[Pod]:
        """Those that are ready."""
        return [pod for pod in self.pods if pod.ready and pod.service.name == service]

    def launch(self, service: Service, limit_m: int | None = None) -> Pod:
        """Start one: `await_all` returns when it serves. Its limits hold from then on."""
        number = next(self._numbers)
        ip, name = f"{self._net.prefix}.{FIRST_HOST + number}", f"{service.name}-{number}"
        wanted = Wanted(
            name=name,
            namespace=NAMESPACE,
            workload=service.name,
            ip=ip,
            request_m=service.request_m,
            limit_m=limit_m or service.limit_m,
            memory_limit_bytes=service.memory_bytes,
            annotations=service.told,
        )
        enclosure = self.node.admit(wanted)
        argv = enclosure.wrap(_command(service, name, ip, enclosure))
        app = self._children.start(f"{name}.app", argv)
        pod = Pod(name, service, ip, enclosure, app, self._sidecar(service, name, ip))
        self.pods.append(pod)
        return pod

    def _sidecar(self, service: Service, name: str, ip: str) -> sidecars.Pod:
        env = sidecars.environment(ip, str(self._callers))
        env |= {"EQUILIBRIUM_WORKLOAD": f"{NAMESPACE}/{service.name}", "EQUILIBRIUM_POD": name}
        env |= {"EQUILIBRIUM_APP": f"{ip}:{PORT}", "EQUILIBRIUM_CONTAINER": "app", **_memory_env(service, ip)}
        return sidecars.Pod(ip, self._children.start(f"{name}.sidecar", [launch.program()], env=env))

    def await_all(self) -> None:
        """Return when the front and every pod serve. StartError when one does not come up."""
        processes.await_http(self.front.admin, self.front.sidecar, host="localhost", path="/readyz")
        for pod in self.pods:
            processes.await_http(f"{pod.ip}:{PORT}", pod.app, host=pod.service.name, path=pod.service.health)
            processes.await_http(pod.admin, pod.sidecar.sidecar, host="localhost", path="/readyz")
            self.open(pod)

    def open(self, pod: Pod) -> None:
        """It serves: limits hold, and the front may call it."""
        self.node.started(NAMESPACE, pod.name)
        pod.ready = True
        self._publish()

    def close(self, pod: Pod) -> None:
        """Nobody calls it any more; it ends."""
        pod.ready = False
        self.pods.remove(pod)
        self.gone.append(pod)
        self._publish()
        for child in (pod.app, pod.sidecar.sidecar):
            child.end(GRACE_S)
        self.node.remove(NAMESPACE, pod.name)

    def end(self) -> None:
        """Everything, so that the node's groups can go."""
        for child in [each for pod in self.pods for each in (pod.app, pod.sidecar.sidecar)]:
            child.process.terminate()
        for pod in list(self.pods):
            self.close(pod)

    def _publish(self) -> None:
        names = list(dict.fromkeys(pod.service.name for pod in self.pods))
        services = [
            {"host": name, "port": PORT, "endpoints": [_endpoint(pod) for pod in self.of(name)]}
            for name in names
        ]
        fresh = Path(f"{self._discovery}.new")
        fresh.write_text(json.dumps({"services": services}))
        fresh.rename(self._discovery)


def _command(service: Service, name: str, ip: str, enclosure: Enclosure) -> list[str]:
    """What runs in the pod."""
    if not service.garbage_bytes:
        argv = [sys.executable, "-m", "loadtest.experiments.burner", "--listen", f"{ip}:{PORT}"]
        return [*argv, "--name", name, "--cost-ms", str(service.cost_ms)]
    argv = [sys.executable, "-m", "loadtest.scenarios.hoarder", "--listen", f"{ip}:{PORT}"]
    argv += ["--garbage", str(service.garbage_bytes)]
    group = enclosure.directories.get(MEMORY)
    return argv if group is None else [*argv, "--group", str(group)]


def _memory_env(service: Service, ip: str) -> dict[str, str]:
    """What the sidecar is told of its application's memory."""
    if not service.garbage_bytes:
        return {}
    hook = {"EQUILIBRIUM_MEMORY_HOOK": house.hook_url(ip)} if service.hook else {}
    return {"EQUILIBRIUM_USAGE_URL": house.usage_url(ip), **hook}


def _endpoint(pod: Pod) -> dict[str, str]:
    workload = f"{NAMESPACE}/{pod.service.name}"
    return {"address": pod.sidecar.inbound, "name": pod.name, "workload": workload}
