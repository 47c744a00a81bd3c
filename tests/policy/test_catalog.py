"""Services by every name a Host may use (wire.md, "Discovery file"), and by address."""

import random

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sidecar.policy import catalog as catalogs
from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import Endpoint, EndpointsChanged
from sidecar.policy.hosts import split_authority
from sidecar.policy.router import Router


def catalog_of(*names: tuple[str, int], namespace: str = "default") -> Catalog:
    catalog = Catalog(namespace, lambda: Router(rng=random.Random(1)))
    for number, (host, port) in enumerate(names):
        publish(catalog, host, port, f"10.0.0.{number + 1}:9101")
    return catalog


def publish(catalog: Catalog, host: str, port: int, *addresses: str) -> None:
    catalog.apply(EndpointsChanged(host, port, tuple(map(Endpoint, addresses))), now=0.0)


def remove(catalog: Catalog, host: str, port: int) -> None:
    catalog.apply(EndpointsChanged(host, port, None), now=1.0)


def found(catalog: Catalog, authority: bytes) -> tuple[str, int] | None:
    service = catalog.find(authority)
    return (service.host, service.port) if service else None


BUS = ("bus-service", 8080)
SPELLINGS = [
    b"bus-service",
    b"bus-service.",
    b"BUS-Service",
    b"bus-service.default",
    b"bus-service.default.svc",
    b"bus-service.default.svc.cluster.local",
    b"bus-service.default.svc.cluster.local.",
    b"Bus-Service.Default.SVC.Cluster.Local",
]


@pytest.mark.parametrize("port", [b"", b":8080"])
@pytest.mark.parametrize("host", SPELLINGS)
def test_every_spelling_of_a_host_finds_the_service(host: bytes, port: bytes) -> None:
    assert found(catalog_of(BUS), host + port) == BUS


@pytest.mark.parametrize("spelling", [host.decode() for host in SPELLINGS])
def test_a_source_may_use_any_spelling_too(spelling: str) -> None:
    assert found(catalog_of((spelling, 8080)), b"bus-service:8080") == (spelling, 8080)


@pytest.mark.parametrize(
    "authority",
    [
        b"bus-service:80",
        b"bus-service:0",
        b"bus-service:99999",
        b"bus",
        b"bus-service.other",
        b"bus-service.other.svc.cluster.local:8080",
        b"bus-service.default.svc.example.org",
        b"x.bus-service.default",
        b"127.0.0.1:8080",
        b"[::1]:8080",
        b"bus-service.svc:8080",
        b"bus-service.svc.cluster.local:8080",
        b"svc",
        b"",
    ],
)
def test_any_other_host_finds_nothing(authority: bytes) -> None:
    assert catalog_of(BUS).find(authority) is None


def test_a_short_name_means_the_sidecars_own_namespace() -> None:
    catalog = catalog_of(("bus.other", 80), ("bus.mine", 80), namespace="mine")
    assert found(catalog, b"bus") == ("bus.mine", 80)


def test_a_short_name_does_not_reach_another_namespace() -> None:
    assert catalog_of(("bus.other", 80), namespace="mine").find(b"bus:80") is None


def test_a_short_name_in_the_file_is_of_the_own_namespace() -> None:
    assert found(catalog_of(("bus", 80), namespace="mine"), b"bus.mine.svc.cluster.local:80") == ("bus", 80)


def test_a_full_name_reaches_another_namespace() -> None:
    assert found(catalog_of(("bus.other", 80)), b"bus.other.svc:80") == ("bus.other", 80)


def test_a_namespace_may_be_called_svc() -> None:
    assert found(catalog_of(("bus", 80), namespace="svc"), b"bus.svc:80") == ("bus", 80)


def test_a_domain_outside_the_cluster_is_a_name_of_its_own() -> None:
    assert found(catalog_of(("api.example.com", 443)), b"API.example.com.:443") == ("api.example.com", 443)


def test_an_ipv6_host_is_found_with_and_without_port() -> None:
    catalog = catalog_of(("fd00::1", 8080))
    assert (found(catalog, b"[fd00::1]:8080"), found(catalog, b"[FD00::1]")) == (("fd00::1", 8080),) * 2


# -- one host, several ports

TWO = (("bus", 80), ("bus.default.svc", 9090))


@pytest.mark.parametrize(("authority", "service"), [(b"bus:80", TWO[0]), (b"bus:9090", TWO[1])])
def test_the_port_tells_services_of_one_host_apart(authority: bytes, service: tuple[str, int]) -> None:
    assert found(catalog_of(*TWO), authority) == service


def test_without_port_a_host_of_two_services_is_ambiguous() -> None:
    assert catalog_of(*TWO).find(b"bus") is None, "a guess would send requests to the wrong port"


def test_a_host_is_unambiguous_again_when_one_service_is_gone() -> None:
    catalog = catalog_of(*TWO)
    catalog.find(b"bus")
    remove(catalog, "bus", 9090)
    assert found(catalog, b"bus") == ("bus", 80)


def test_services_of_one_host_have_different_names() -> None:
    catalog = catalog_of(("bus", 80), ("bus", 9090))
    assert {service.name for service in catalog.services.values()} == {"bus", "bus:9090"}


@given(st.lists(st.tuples(st.sampled_from(["a", "a.default", "b"]), st.integers(1, 4), st.booleans())))
@examples(max_examples=60)
def test_no_two_services_ever_share_a_name(changes: list[tuple[str, int, bool]]) -> None:
    catalog = Catalog("default")
    for host, port, there in changes:
        publish(catalog, host, port) if there else remove(catalog, host, port)
        names = [service.name for service in catalog.services.values()]
        assert len(names) == len(set(names)), "two services would be one series in the metrics"


# -- change


def test_a_service_keeps_its_router_when_endpoints_change() -> None:
    catalog = catalog_of(BUS)
    before = catalog.find(b"bus-service")
    publish(catalog, *BUS, "10.0.0.9:9101")
    assert catalog.find(b"bus-service") is before, "what was learnt is lost at every change"


def test_new_endpoints_replace_the_old() -> None:
    catalog = catalog_of(BUS)
    publish(catalog, *BUS, "10.0.0.9:9101")
    service = catalog.find(b"bus-service")
    assert service is not None
    assert list(service.endpoints) == ["10.0.0.9:9101"]


def test_a_service_without_endpoints_is_still_known() -> None:
    catalog = catalog_of(BUS)
    publish(catalog, *BUS)
    assert found(catalog, b"bus-service") == BUS, "it answers no-endpoint, not unknown-service"


def test_a_host_asked_for_too_early_is_found_once_published() -> None:
    catalog = catalog_of()
    assert catalog.find(b"bus-service") is None
    publish(catalog, *BUS, "10.0.0.1:9101")
    assert found(catalog, b"bus-service") == BUS, "the memo remembers that there was nothing"


def test_a_service_that_was_removed_is_not_found_any_more() -> None:
    catalog = catalog_of(BUS)
    catalog.find(b"bus-service")
    remove(catalog, *BUS)
    assert catalog.find(b"bus-service") is None, "the memo remembers a service that is gone"


def test_removing_what_was_never_there_changes_nothing() -> None:
    catalog = catalog_of(BUS)
    remove(catalog, "tram", 80)
    assert found(catalog, b"bus-service") == BUS


def test_the_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "_MEMO", 8)
    catalog = catalog_of(BUS)
    for number in range(50):
        catalog.find(b"host-%d" % number)
    assert len(catalog._memo) <= 8, "a client can make the memo grow by inventing hosts"


# -- addresses


def test_an_endpoints_address_finds_its_service() -> None:
    catalog = catalog_of(BUS, ("tram", 80))
    assert catalog.by_address("10.0.0.2:9101") is catalog.find(b"tram")


@pytest.mark.parametrize("address", ["10.0.0.1:80", "10.0.0.9:9101", ""])
def test_another_address_finds_nothing(address: str) -> None:
    assert catalog_of(BUS).by_address(address) is None


def test_the_address_of_an_endpoint_that_left_finds_nothing() -> None:
    catalog = catalog_of(BUS)
    publish(catalog, *BUS, "10.0.0.9:9101")
    assert catalog.by_address("10.0.0.1:9101") is None


def test_the_address_of_a_removed_service_finds_nothing() -> None:
    catalog = catalog_of(BUS)
    remove(catalog, *BUS)
    assert catalog.by_address("10.0.0.1:9101") is None


# -- authorities


@pytest.mark.parametrize(
    ("authority", "parts"),
    [
        (b"bus", ("bus", None)),
        (b"bus:80", ("bus", 80)),
        (b"bus.default.svc:65535", ("bus.default.svc", 65535)),
        (b"10.0.0.1", ("10.0.0.1", None)),
        (b"10.0.0.1:80", ("10.0.0.1", 80)),
        (b"[::1]", ("::1", None)),
        (b"[::1]:80", ("::1", 80)),
        (b"[fd00::80]", ("fd00::80", None)),
        (b"[::ffff:10.0.0.1]:80", ("::ffff:10.0.0.1", 80)),
    ],
)
def test_an_authority_is_a_host_and_perhaps_a_port(authority: bytes, parts: tuple[str, int | None]) -> None:
    assert split_authority(authority) == parts


@given(st.ip_addresses(v=6), st.integers(0, 65535))
@examples(max_examples=50)
def test_an_ipv6_authority_loses_nothing(ip: object, port: int) -> None:
    assert split_authority(f"[{ip}]:{port}".encode()) == (str(ip), port)
