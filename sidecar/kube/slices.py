"""Services and EndpointSlices, as the API server has them, into endpoints. Pure.

A Service's endpoints are spread over slices: at most 100 to a slice, one set of slices per address family and per set
of ports. They are joined here, by the rules of the API (discovery/v1) and of kube-proxy (KEP-1669):

* an absent condition reads as ready, serving, not terminating;
* endpoints that are ready and not terminating serve; while there is none, those that are terminating but still
  serving do, and those that are ready against their pod's word (`publishNotReadyAddresses`);
* of an endpoint's addresses the first counts; an address given twice counts once, as the better of the two;
* a pod has an address of each family: only the Service's first family that has endpoints is used, or every pod would
  be two endpoints;
* a slice's ports belong to the Service's by name, and are the pods' ports already.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sidecar import parsing
from sidecar.parsing import ParseError
from sidecar.policy.endpoints import Endpoint

SERVICE_NAME = "kubernetes.io/service-name"
"""The label that ties a slice to its Service."""
FAMILIES = ("IPv4", "IPv6")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port: of a Service, where clients connect; of a slice, where its pods listen."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Service:
    """What we need of a Service that has endpoints (an ExternalName has none)."""

    name: str
    ips: tuple[str, ...]
    """Cluster IPs; none for a headless Service."""
    ports: tuple[Port, ...]
    families: tuple[str, ...]

    def port(self, number: int | None) -> Port | None:
        """The port of that number. None: the one a Host without a port means, 80 or the only one."""
        if number is None and len(self.ports) == 1:
            return self.ports[0]
        return next((port for port in self.ports if port.number == (number or 80)), None)

    def addresses(self, port: Port) -> tuple[str, ...]:
        """`ip:port` of each cluster IP."""
        return tuple(parsing.format_host_port(ip, port.number) for ip in self.ips)


@dataclass(frozen=True, slots=True)
class Member:
    """An address that can serve, `last`: only while no better one can."""

    ip: str
    last: bool
    name: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """What we need of an EndpointSlice."""

    family: str
    ports: tuple[Port, ...]
    members: tuple[Member, ...]


def name_of(found: Object) -> str:
    """An object's name; empty where it has none."""
    return str((found.get("metadata") or {}).get("name") or "")


def read_service(found: Object) -> Service | None:
    """None for a Service without endpoints of its own."""
    spec = found.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return None
    ips = spec.get("clusterIPs") or [spec.get("clusterIP")]
    families = [family for family in spec.get("ipFamilies") or () if family in FAMILIES]
    return Service(
        name_of(found),
        tuple(ip for ip in ips if ip and ip != "None"),
        _ports(spec.get("ports")),
        tuple(dict.fromkeys([*families, *FAMILIES])),
    )


def read_slice(found: Object) -> Slice:
    """`endpoints` and `ports` may be null."""
    members = (_member(endpoint) for endpoint in found.get("endpoints") or ())
    return Slice(
        str(found.get("addressType")),
        _ports(found.get("ports")),
        tuple(member for member in members if member is not None),
    )


def _ports(ports: Iterable[Object] | None) -> tuple[Port, ...]:
    return tuple(
        Port(port.get("name") or "", port["port"])
        for port in ports or ()
        if port.get("protocol", "TCP") == "TCP" and isinstance(port.get("port"), int)
    )


def _member(endpoint: Object) -> Member | None:
    addresses = endpoint.get("addresses")
    said = endpoint.get("conditions") or {}
    ready, serving, terminating = (
        default if said.get(name) is None else bool(said[name])
        for name, default in (("ready", True), ("serving", True), ("terminating", False))
    )
    if not addresses or not (ready or (serving and terminating)):
        return None
    target = endpoint.get("targetRef") or {}
    pod = target.get("name") if target.get("kind") == "Pod" else ""
    return Member(addresses[0], not ready or terminating, _label(pod), _label(endpoint.get("zone")))


def _label(text: object) -> str:
    """For metrics and headers: empty where it would not fit there."""
    try:
        return parsing.parse_label(text) if isinstance(text, str) and text else ""
    except ParseError:
        return ""


def join(slices: Iterable[Slice], service: Service, port: Port) -> tuple[Endpoint, ...]:
    """Who serves `port` of `service` now, in the order of addresses; `slices` are the Service's own."""
    everything = tuple(slices)
    for family in service.families:
        members: dict[str, Member] = {}
        for piece in everything:
            if piece.family == family:
                _add(members, piece, port)
        if members:
            return _endpoints(members)
    return ()


def _add(members: dict[str, Member], piece: Slice, port: Port) -> None:
    """By `ip:port`, the better of two."""
    for number in (own.number for own in piece.ports if own.name == port.name):
        for member in piece.members:
            address = parsing.format_host_port(member.ip, number)
            if address not in members or members[address].last:
                members[address] = member


def _endpoints(members: dict[str, Member]) -> tuple[Endpoint, ...]:
    best = any(not member.last for member in members.values())
    chosen = {address: member for address, member in members.items() if not (best and member.last)}
    names = Counter(member.name for member in chosen.values())
    return tuple(
        # Two endpoints under one name would be one series in the metrics.
        Endpoint(address, member.name if names[member.name] == 1 else "", zone=member.zone)
        for address, member in sorted(chosen.items())
    )
