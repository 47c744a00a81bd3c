"""Who lives where: one loopback /24 a mesh, one address a pod, the same ports as in the cluster."""

import os
import socket
import weakref
from dataclasses import dataclass

from loadtest import processes
from sidecar import contract

NAMESPACE = "urbanmove"
GATEWAY = "gateway"
CONTROL_PORT = 9000
MOST_PODS = 40
"""Of one service: its share of the /24."""


@dataclass(frozen=True, slots=True)
class Service:
    """One part of the application: what it is called, which program plays it, where its pods live."""

    name: str
    role: str
    port: int
    first_host: int
    """Last octet of its first pod."""

    @property
    def workload(self) -> str:
        """As sidecars name it to each other."""
        return f"{NAMESPACE}/{self.name}"


SERVICES = {
    service.name: service
    for service in (
        Service("bus-service", "bus", 8080, 20),
        Service("trajet-service", "trajet", 8081, 70),
        Service("user-service", "user", 8081, 120),
        Service("ticket-service", "ticket", 8080, 170),
    )
}
ENTRANCE = Service(GATEWAY, "gateway", 8888, 10)


def service_of(name: str) -> Service:
    """KeyError names what there is."""
    if name == GATEWAY:
        return ENTRANCE
    if name not in SERVICES:
        raise KeyError(f"{name}: no such service; there are {', '.join([GATEWAY, *SERVICES])}")
    return SERVICES[name]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The `ip:port` of everything in one pod."""

    ip: str
    app: str
    control: str
    outbound: str
    inbound: str
    admin: str


class Net:
    """A loopback /24 that is ours while this object lives: other runs, and other meshes of ours, pass it by.

    The reservation is a bound port that nobody listens on, the one `processes.loopback_net` tries.
    """

    def __init__(self) -> None:
        self.prefix = processes.loopback_net()
        with socket.socket() as probe:
            probe.bind((f"{self.prefix}.1", 8080))
            held = os.dup(probe.fileno())
        self._finalizer = weakref.finalize(self, os.close, held)

    def __repr__(self) -> str:
        return f"Net({self.prefix}.0/24)"

    def pod(self, service: Service, ordinal: int) -> Addresses:
        """Where pod number `ordinal` of a service lives; ValueError beyond its share of the net."""
        if not 0 <= ordinal < MOST_PODS:
            raise ValueError(f"{service.name} has room for {MOST_PODS} pods, not for number {ordinal}")
        ip = f"{self.prefix}.{service.first_host + ordinal}"
        return Addresses(
            ip,
            f"{ip}:{service.port}",
            f"{ip}:{CONTROL_PORT}",
            f"{ip}:{contract.OUTBOUND_PORT}",
            f"{ip}:{contract.INBOUND_PORT}",
            f"{ip}:{contract.ADMIN_PORT}",
        )

    def release(self) -> None:
        """Let others have it. Safe to repeat."""
        self._finalizer()
