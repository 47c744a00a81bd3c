"""The Services of the namespaces that are watched, by name and by cluster IP. Pure."""

from collections.abc import Iterable

from sidecar.kube import slices
from sidecar.kube.names import Key
from sidecar.kube.slices import Object, Port, Service

Found = tuple[Key, Service, Port]


class Namespace:
    """The Services of one namespace, as far as they are known."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.services: dict[str, Service] = {}
        self.asked_at = now
        self.settled = False
        """They have been listed, or we may not list them: what is not here does not exist for us."""

    def __repr__(self) -> str:
        return f"Namespace({self.name!r}, {len(self.services)} services, settled={self.settled})"

    @property
    def what(self) -> str:
        """For messages."""
        return f"Services of namespace {self.name}"

    @property
    def path(self) -> str:
        """Of the collection that is watched."""
        return f"/api/v1/namespaces/{self.name}/services"

    def replaced(self, found: Iterable[Object]) -> None:
        """All of them."""
        self.services = {}
        for each in found:
            self.changed("ADDED", each)
        self.settled = True

    def changed(self, kind: str, found: Object) -> None:
        """One of them."""
        service = None if kind == "DELETED" else slices.read_service(found)
        if service is None:
            self.services.pop(slices.name_of(found), None)
        else:
            self.services[service.name] = service

    def refused(self) -> None:
        """We may not know them."""
        self.settled = True

    def by_name(self, name: str, number: int | None) -> Found | None:
        """The Service and its port."""
        service = self.services.get(name)
        port = service.port(number) if service is not None else None
        return ((self.name, name), service, port) if service is not None and port is not None else None

    def by_ip(self, ip: str, number: int | None) -> Found | None:
        """The Service with that cluster IP; without a number, port 80: an address has no other default."""
        owner = next((service for service in self.services.values() if ip in service.ips), None)
        return self.by_name(owner.name, number or 80) if owner is not None else None


def needed(found: Object) -> Object:
    """A Service without what we never read: annotations alone may be 256 KiB."""
    return {"metadata": {"name": slices.name_of(found)}, "spec": found.get("spec")}
