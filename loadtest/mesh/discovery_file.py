"""What the mesh knows of its pods, in two spellings: the sidecars' discovery file, and addresses for kube-proxy.

Written anew and renamed, so that nobody ever reads half of it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest.mesh import addresses
from loadtest.mesh.pod import Pod

Listed = Mapping[str, Sequence[Pod]]


class DiscoveryFile:
    """The published pods. Publishing and withdrawing write both files when something changes."""

    def __init__(self, directory: Path, gateway: Pod) -> None:
        self.path = directory / "discovery.json"
        self.hosts = directory / "hosts.json"
        self._gateway = gateway
        self._listed: dict[str, list[Pod]] = {name: [] for name in addresses.SERVICES}

    def publish(self, *pods: Pod) -> None:
        """They serve. The gateway is nobody's endpoint: it is known as a caller anyway."""
        for pod in pods:
            if pod.service in self._listed and pod not in self._listed[pod.service]:
                self._listed[pod.service].append(pod)
                self._listed[pod.service].sort(key=lambda each: each.ordinal)
        self._write()

    def withdraw(self, pod: Pod) -> None:
        """It no longer serves."""
        if pod in self._listed.get(pod.service, ()):
            self._listed[pod.service].remove(pod)
            self._write()

    def endpoints(self, service: str) -> frozenset[str]:
        """`ip:port` of the published pods of a service; none for the gateway."""
        return frozenset(pod.endpoint for pod in self._listed.get(service, ()))

    def _write(self) -> None:
        for path, content in (
            (self.path, document(self._listed, self._gateway)),
            (self.hosts, hosts(self._listed)),
        ):
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(content, indent=1))
            fresh.rename(path)


def document(listed: Listed, gateway: Pod) -> dict[str, object]:
    """The format sidecars read."""
    return {
        "services": [_service(addresses.SERVICES[name], pods) for name, pods in listed.items()],
        "callers": [{"address": gateway.ip, "workload": addresses.ENTRANCE.workload}],
    }


def _service(service: addresses.Service, pods: Sequence[Pod]) -> dict[str, object]:
    endpoints = [{"address": pod.endpoint, "name": pod.name, "workload": service.workload} for pod in pods]
    return {"host": service.name, "port": service.port, "endpoints": endpoints}


def hosts(listed: Listed) -> dict[str, list[str]]:
    """The format of the application's `--hosts`: addresses by service."""
    return {name: [pod.ip for pod in pods] for name, pods in listed.items()}
