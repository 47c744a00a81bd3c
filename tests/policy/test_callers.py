"""Who connects from an address: the list of callers, endpoints calling others, and 5 s of memory."""

import pytest

from sidecar.policy.catalog import Catalog
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged

IP = "127.0.0.3"
TICKET = Caller(IP, "default/ticket-service", budget=2.0)
TRAM = Caller(IP, "default/tram-service")


@pytest.fixture
def catalog() -> Catalog:
    return Catalog("default")


def tell_callers(catalog: Catalog, *callers: Caller, now: float = 0.0) -> None:
    catalog.apply(CallersChanged(callers), now)


def tell_endpoints(catalog: Catalog, *endpoints: Endpoint, now: float = 0.0, host: str = "bus") -> None:
    catalog.apply(EndpointsChanged(host, 80, endpoints), now)


def workload(catalog: Catalog, ip: str, now: float = 0.0) -> str | None:
    caller = catalog.caller(ip, now)
    return caller.workload if caller else None


def test_an_address_nobody_named_is_nobody(catalog: Catalog) -> None:
    assert catalog.caller(IP, now=0.0) is None


def test_a_listed_caller_is_known(catalog: Catalog) -> None:
    tell_callers(catalog, TICKET)
    assert catalog.caller(IP, now=0.0) == TICKET


@pytest.mark.parametrize(
    ("address", "ip"), [("127.0.0.3:9101", "127.0.0.3"), ("[fd00::3]:9101", "fd00::3")], ids=["IPv4", "IPv6"]
)
def test_an_endpoint_is_known_as_a_caller_whatever_the_port(catalog: Catalog, address: str, ip: str) -> None:
    tell_endpoints(catalog, Endpoint(address, workload="default/bus", budget=3.0))
    assert catalog.caller(ip, now=0.0) == Caller(ip, "default/bus", 3.0)


def test_an_endpoint_of_unknown_workload_is_nobody(catalog: Catalog) -> None:
    tell_endpoints(catalog, Endpoint(f"{IP}:9101"))
    assert catalog.caller(IP, now=0.0) is None


def test_the_list_of_callers_wins_over_endpoints(catalog: Catalog) -> None:
    tell_callers(catalog, TICKET)
    tell_endpoints(catalog, Endpoint(f"{IP}:9101", workload="default/bus"))
    assert workload(catalog, IP) == TICKET.workload


def test_an_endpoint_is_known_again_when_the_list_drops_it(catalog: Catalog) -> None:
    tell_callers(catalog, TICKET)
    tell_endpoints(catalog, Endpoint(f"{IP}:9101", workload="default/bus"))
    tell_callers(catalog, now=1.0)
    assert workload(catalog, IP, now=1.0) == "default/bus", "the feed still knows better than our memory"


def test_a_list_replaces_the_one_before(catalog: Catalog) -> None:
    tell_callers(catalog, TICKET)
    tell_callers(catalog, TRAM, now=1.0)
    assert workload(catalog, IP, now=1.0) == TRAM.workload


# -- "expires 5 s after the feed drops it"


def drop_caller(catalog: Catalog) -> None:
    tell_callers(catalog, TICKET)
    tell_callers(catalog, now=100.0)


def drop_endpoint(catalog: Catalog) -> None:
    tell_endpoints(catalog, Endpoint(f"{IP}:9101", workload=TICKET.workload))
    tell_endpoints(catalog, now=100.0)


def drop_service(catalog: Catalog) -> None:
    tell_endpoints(catalog, Endpoint(f"{IP}:9101", workload=TICKET.workload))
    catalog.apply(EndpointsChanged("bus", 80, None), now=100.0)


DROPS = [drop_caller, drop_endpoint, drop_service]


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("now", [100.0, 104.999])
def test_a_dropped_caller_is_known_for_five_seconds(catalog: Catalog, drop: object, now: float) -> None:
    assert callable(drop)
    drop(catalog)
    assert workload(catalog, IP, now) == TICKET.workload, "a pod that is going still has requests under way"


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("now", [105.0, 106.0, 1e6])
def test_a_dropped_caller_is_not_known_longer(catalog: Catalog, drop: object, now: float) -> None:
    assert callable(drop)
    drop(catalog)
    assert workload(catalog, IP, now) is None, "an address that may belong to another pod proves nothing"


def test_other_news_do_not_prolong_a_dropped_callers_time(catalog: Catalog) -> None:
    drop_caller(catalog)
    tell_callers(catalog, Caller("10.0.0.1", "default/other"), now=104.0)
    tell_endpoints(catalog, Endpoint("10.0.0.2:80"), now=104.5)
    assert (workload(catalog, IP, 104.9), workload(catalog, IP, 105.0)) == (TICKET.workload, None)


def test_other_news_do_not_end_a_dropped_callers_time(catalog: Catalog) -> None:
    drop_endpoint(catalog)
    tell_callers(catalog, Caller("10.0.0.1", "default/other"), now=101.0)
    assert workload(catalog, IP, 104.9) == TICKET.workload


def test_an_address_given_to_another_is_the_others_at_once(catalog: Catalog) -> None:
    drop_caller(catalog)
    tell_callers(catalog, TRAM, now=101.0)
    assert workload(catalog, IP, 101.0) == TRAM.workload, "an old proof outranks what the feed says now"


def test_a_caller_that_came_back_is_known_for_good(catalog: Catalog) -> None:
    drop_caller(catalog)
    tell_callers(catalog, TICKET, now=102.0)
    assert workload(catalog, IP, 200.0) == TICKET.workload


def test_each_drop_has_its_own_five_seconds(catalog: Catalog) -> None:
    drop_caller(catalog)
    tell_callers(catalog, TICKET, now=102.0)
    tell_callers(catalog, now=103.0)
    assert (workload(catalog, IP, 107.9), workload(catalog, IP, 108.0)) == (TICKET.workload, None)


def test_an_endpoint_that_another_service_still_has_is_not_dropped(catalog: Catalog) -> None:
    endpoint = Endpoint(f"{IP}:9101", workload="default/bus")
    tell_endpoints(catalog, endpoint)
    tell_endpoints(catalog, endpoint, host="bus-canary")
    tell_endpoints(catalog, now=1.0)
    assert workload(catalog, IP, now=100.0) == "default/bus"


def test_dropped_callers_do_not_pile_up(catalog: Catalog) -> None:
    for number in range(100):
        tell_callers(catalog, Caller(f"10.0.0.{number}", "default/pod"), now=10.0 * number)
    assert len(catalog._dropped) <= 1, "pods that are long gone take memory"
