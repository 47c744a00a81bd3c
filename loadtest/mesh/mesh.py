"""The mesh while it runs: pods come, go, fail and recover, as a cluster's do."""

import itertools
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from loadtest import processes
from loadtest.mesh import addresses, admin, notice
from loadtest.mesh.discovery_file import DiscoveryFile
from loadtest.mesh.launch import Launcher
from loadtest.mesh.plan import MeshPlan
from loadtest.mesh.pod import Pod
from sidecar import clock

UNDER_WAY_S = 0.2
"""What was sent to a pod just before its withdrawal was noticed has arrived there by then."""
GRACE_S = 10.0
STOP_S = 3.0
POLL_S = 0.05


class Mesh:
    """Pods by service behind one gateway. `start` builds it; as a context manager it stops all pods at once.

    Leaving the block of its `Children` ends everything too, one process after the other. Changes (`add` …
    `roll`) come from one thread, the one that started the mesh; questions (`state`, `metrics`) from any.
    """

    def __init__(self, children: processes.Children, plan: MeshPlan) -> None:
        self.plan = plan
        self._net = addresses.Net()
        self._pods: dict[str, list[Pod]] = {name: [] for name in addresses.SERVICES}
        self.gateway = self._make(addresses.ENTRANCE, 0)
        directory = Path(tempfile.mkdtemp(prefix="mesh-", dir=children.directory))
        self.discovery = DiscoveryFile(directory, self.gateway)
        self._launcher = Launcher(children, directory, plan, self.discovery)

    @classmethod
    def start(cls, children: processes.Children, plan: MeshPlan | None = None) -> "Mesh":
        """Bring everything up and return when the entry answers. StartError when something does not come up."""
        mesh = cls(children, plan or MeshPlan())
        for service in addresses.SERVICES.values():
            mesh._pods[service.name] = [mesh._make(service, n) for n in range(mesh.plan.replicas)]
        mesh.discovery.publish(*mesh.pods())
        mesh.plan.on_progress(f"starting {len(mesh.pods())} pods on {mesh._net.prefix}.0/24")
        mesh._launcher.start(mesh.pods())
        mesh._await_entry()
        return mesh

    def __enter__(self) -> "Mesh":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Mesh {self.entry} {len(self.pods())} pods, strategy {self.plan.strategy}>"

    # -- who is there

    @property
    def entry(self) -> str:
        """`ip:port` of the gateway, where clients outside the mesh send."""
        return self.gateway.app

    def pods(self, service: str | None = None) -> tuple[Pod, ...]:
        """Of one service, or all with the gateway first; killed ones belong to it, removed ones do not."""
        if service is None:
            return self.gateway, *itertools.chain.from_iterable(self._pods.values())
        addresses.service_of(service)
        return (self.gateway,) if service == addresses.GATEWAY else tuple(self._pods[service])

    # -- coming and going

    def add(self, service: str) -> Pod:
        """One pod more: started, awaited, then published; every sidecar knows it on return."""
        taken = {pod.name for pod in self._pods[service]}
        ordinal = next(n for n in itertools.count() if f"{service}-{n}" not in taken)
        pod = self._make(addresses.SERVICES[service], ordinal)
        self.restart(pod)
        return pod

    def remove(self, pod: Pod) -> None:
        """Withdraw it, wait until that is known, then SIGTERM: application first, sidecar after it.

        The order of a Kubernetes pod with a `preStop` pause and a native sidecar.
        """
        self.discovery.withdraw(pod)
        if pod in self._pods.get(pod.service, ()):
            self._pods[pod.service].remove(pod)
        if not pod.running:
            self._end(pod)
            return
        self._await_noticed(pod.service)
        time.sleep(UNDER_WAY_S)
        self._end(pod)
        self.plan.on_progress(f"{pod.name} is removed")

    def kill(self, pod: Pod) -> None:
        """SIGKILL to all of it. Discovery goes on naming it, as in the first seconds of a real crash."""
        for child in reversed(
            pod.children
        ):  # a sidecar that outlives its application would say so to callers
            child.process.kill()
        for child in pod.children:
            child.kill()
        self.plan.on_progress(f"{pod.name} is killed")

    def restart(self, pod: Pod) -> None:
        """After `kill` or `remove`: the same name and address again, published when ready.

        ValueError while it runs, or when another pod has its name by now.
        """
        peers = self._pods.get(pod.service, [self.gateway])
        if pod.running or any(peer.name == pod.name for peer in peers if peer is not pod):
            raise ValueError(f"{pod.name} is in the mesh: kill or remove it first")
        self._end(pod)
        self._launcher.start([pod])
        if pod not in peers:
            peers.append(pod)
            peers.sort(key=lambda each: each.ordinal)
        self.discovery.publish(pod)
        self._await_noticed(pod.service)
        self.plan.on_progress(f"{pod.name} is up")

    def roll(self, service: str) -> None:
        """Replace every pod in place, one by one; a lone pod is covered for by another meanwhile."""
        rolled = self.pods(service)
        cover = self.add(service) if len(rolled) == 1 else None
        for pod in rolled:
            self.remove(pod)
            self.restart(pod)
        if cover is not None:
            self.remove(cover)

    def stop(self) -> None:
        """End all pods at once, within some seconds. Safe to repeat; nothing is drained any more."""
        children = [child for pod in self.pods() for child in pod.children if child.running]
        for child in children:
            child.process.terminate()
        deadline = clock.now() + STOP_S
        for child in children:
            child.end(max(deadline - clock.now(), POLL_S))
        for pod in self.pods():
            self._leave(pod)
        self._net.release()

    # -- faults and questions

    def fault(self, pod: Pod, **fields: Any) -> None:
        """Replace the pod's fault (`latency_ms=500`, `error_status=503`, `hang=True` …).

        AnswerError names a wrong field and what is allowed; OSError when the pod is down.
        """
        admin.ask(pod.control, "PUT", "/faults", fields)

    def heal(self, pod: Pod) -> None:
        """End the pod's fault; requests that hang there are answered. OSError when the pod is down."""
        admin.ask(pod.control, "DELETE", "/faults")

    def state(self, pod: Pod) -> dict[str, Any]:
        """`/state` of the pod's sidecar. OSError when it is down, ValueError when it has none."""
        return admin.state(_admin_of(pod))

    def metrics(self, pod: Pod) -> str:
        """`/metrics` of the pod's sidecar, as Prometheus reads it. Errors as in `state`."""
        return admin.ask(_admin_of(pod), "GET", "/metrics").decode()

    # -- details

    def _make(self, service: addresses.Service, ordinal: int) -> Pod:
        return Pod.at(service, ordinal, self._net, sidecar=self.plan.strategy is not None)

    def _await_entry(self) -> None:
        child = self.gateway.app_child
        assert child is not None  # noqa: S101 (it has just been started)
        processes.await_http(self.entry, child, host=addresses.GATEWAY, path="/actuator/health")

    def _end(self, pod: Pod) -> None:
        for child in pod.children:
            child.end(GRACE_S)
        self._leave(pod)

    def _leave(self, pod: Pod) -> None:
        if self.plan.lodging is not None:
            self.plan.lodging.left(pod)

    def _await_noticed(self, service: str) -> None:
        unaware = notice.unaware(self.pods(), service, self.discovery.endpoints(service))
        if unaware:
            self.plan.on_progress(f"{len(unaware)} sidecars still do not know the pods of {service}")


def _admin_of(pod: Pod) -> str:
    if pod.admin is None:
        raise ValueError(f"{pod.name} has no sidecar: the mesh was started without")
    return pod.admin
