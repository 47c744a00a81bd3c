"""One pod: an application, and the sidecar in front of it unless the mesh has none."""

from dataclasses import dataclass

from loadtest import processes
from loadtest.mesh import addresses


@dataclass(slots=True, eq=False)
class Pod:
    """Where a pod is, and its processes. Restarted, it stays the same object with other processes."""

    name: str
    service: str
    ordinal: int
    """Counts from 0 within the service; name and address follow from it."""
    ip: str
    app: str
    """`ip:port` the application serves."""
    control: str
    """`ip:port` of its fault hooks."""
    outbound: str | None
    """`ip:port` its application sends through; None, like the next two, in a mesh without sidecars."""
    inbound: str | None
    admin: str | None
    app_child: processes.Child | None = None
    sidecar_child: processes.Child | None = None

    @classmethod
    def at(cls, service: addresses.Service, ordinal: int, net: addresses.Net, *, sidecar: bool) -> "Pod":
        """A pod that does not run yet. ValueError when the service's addresses are used up."""
        where = net.pod(service, ordinal)
        sides = (where.outbound, where.inbound, where.admin) if sidecar else (None, None, None)
        return cls(
            f"{service.name}-{ordinal}", service.name, ordinal, where.ip, where.app, where.control, *sides
        )

    @property
    def children(self) -> tuple[processes.Child, ...]:
        """Its processes, the application first: the order in which Kubernetes stops them (native sidecars)."""
        return tuple(child for child in (self.app_child, self.sidecar_child) if child is not None)

    @property
    def running(self) -> bool:
        """All of it."""
        return bool(self.children) and all(child.running for child in self.children)

    @property
    def endpoint(self) -> str:
        """What discovery says of it: the inbound port of its sidecar, or its application's own."""
        return self.inbound or self.app

    def __repr__(self) -> str:
        return f"<Pod {self.name} {self.ip} {'running' if self.running else 'down'}>"
