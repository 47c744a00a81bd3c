"""Services by the addresses of the cluster, and by hosts without a port."""

import random

import pytest

from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.policy.hosts import is_cluster_name
from sidecar.policy.router import Router


def catalog_of(*events: EndpointsChanged) -> Catalog:
    catalog = Catalog("default", lambda: Router(rng=random.Random(1)))
    for event in events:
        catalog.apply(event, now=0.0)
    return catalog


def bus(
    *cluster: str, port: int = 8080, pod: str = "10.1.0.1:9101", portless: bool = False
) -> EndpointsChanged:
    return EndpointsChanged("bus", port, (Endpoint(pod),), cluster, portless)


def found(catalog: Catalog, authority: bytes) -> int | None:
    service = catalog.find(authority)
    return service.port if service else None


@pytest.mark.parametrize("address", ["10.96.0.7:8080", "[fd00::7]:8080"])
def test_a_cluster_address_finds_the_service_as_destination_and_as_host(address: str) -> None:
    catalog = catalog_of(bus("10.96.0.7:8080", "[fd00::7]:8080"))
    service = catalog.by_address(address)
    assert service is not None
    assert catalog.find(address.encode()) is service
    assert service.answers_at(address)


@pytest.mark.parametrize("host", [b"10.96.0.7", b"[FD00::7]"])
def test_a_cluster_address_without_a_port_means_80(host: bytes) -> None:
    assert found(catalog_of(bus("10.96.0.7:80", "[fd00::7]:80", port=80)), host) == 80
    assert found(catalog_of(bus("10.96.0.7:8080", "[fd00::7]:8080")), host) is None


def test_a_pods_address_is_no_host() -> None:
    catalog = catalog_of(bus("10.96.0.7:8080"))
    assert catalog.find(b"10.1.0.1:9101") is None, "whoever names a pod means that pod"
    assert catalog.by_address("10.1.0.1:9101") is not None


def test_a_cluster_address_that_changed_hands_finds_the_new_owner() -> None:
    catalog = catalog_of(bus("10.96.0.7:8080"), EndpointsChanged("tram", 80, (), ("10.96.0.8:80",)))
    catalog.apply(bus(), now=1.0)
    assert catalog.by_address("10.96.0.7:8080") is None
    catalog.apply(EndpointsChanged("tram", 80, (), ("10.96.0.7:8080",)), now=2.0)
    service = catalog.by_address("10.96.0.7:8080")
    assert service is not None
    assert service.name == "tram"


def test_the_address_of_a_service_that_is_gone_finds_nothing() -> None:
    catalog = catalog_of(bus("10.96.0.7:8080"))
    catalog.apply(EndpointsChanged("bus", 8080, None), now=1.0)
    assert catalog.by_address("10.96.0.7:8080") is None
    assert catalog.find(b"10.96.0.7:8080") is None


def test_of_several_ports_a_source_may_say_which_one_a_bare_host_means() -> None:
    two = bus(port=80, portless=True), bus(port=9090, pod="10.1.0.1:9102")
    assert found(catalog_of(*two), b"bus") == 80
    assert found(catalog_of(bus(port=80), bus(port=9090)), b"bus") is None, "nobody said which"


@pytest.mark.parametrize("host", ["bus", "BUS.", "bus.other.svc", "bus.other.svc.cluster.local."])
def test_these_names_can_only_be_of_the_cluster(host: str) -> None:
    assert is_cluster_name(host)


@pytest.mark.parametrize("host", ["", "bus.other", "example.com", "10.96.0.7", "fd00::7"])
def test_these_may_be_anybodys(host: str) -> None:
    assert not is_cluster_name(host)
