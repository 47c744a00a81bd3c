"""What is said of endpoints, packed: nothing of it is lost, and what all say is kept once."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy.advice import endpoints
from coordinator.policy.advice.endpoints import EndpointReport, Endpoints
from coordinator.policy.advice.report import ServiceReport
from tests.coordinator.policy.reports import endpoint, report

FIGURE = st.none() | st.floats(-1e9, 1e9)
ENDPOINT = st.builds(
    EndpointReport,
    address=st.sampled_from(["10.0.0.1:80", "10.0.0.2:80", "[fd00::1]:80"]),
    name=st.sampled_from(["", "bus-0", "bus-1"]),
    rate_per_s=st.floats(0, 1e5),
    latency_s=FIGURE,
    load=FIGURE,
    share=FIGURE,
    mix=FIGURE,
    regret=FIGURE,
    cost_s=FIGURE,
    health=st.sampled_from(["", "admitted", "ejected"]),
)


@given(st.lists(ENDPOINT, max_size=20))
def test_what_is_packed_comes_out_as_it_went_in(said):
    packed = Endpoints(said)
    assert list(packed) == said
    assert [packed[place] for place in range(len(packed))] == said
    assert packed[1:] == said[1:]
    assert packed == Endpoints(said)
    assert math.isclose(packed.sent_per_s, sum(each.rate_per_s for each in said), rel_tol=1e-9)
    service = ServiceReport(service="bus.default:80", endpoints=packed)
    assert service.unpacked().endpoints == tuple(said)
    assert service.words == service.unpacked().words
    assert math.isclose(service.sent_per_s, service.unpacked().sent_per_s, rel_tol=1e-9)


def test_there_is_no_endpoint_beyond_the_last():
    packed = Endpoints([EndpointReport(address="10.0.0.1:80")])
    assert packed[-1].address == "10.0.0.1:80"
    with pytest.raises(IndexError):
        packed[1]


def test_a_report_that_is_read_is_packed_and_callers_of_a_service_share_its_words():
    one, two = (report(pod, [endpoint(0), endpoint(1)]) for pod in ("gw-0", "gw-1"))
    assert isinstance(one.services[0].endpoints, Endpoints)
    assert one.services[0].words is two.services[0].words


def test_who_says_something_else_each_time_fills_no_memory():
    for number in range(2000):
        Endpoints([EndpointReport(address=f"10.0.0.1:{number + 1}")])
    assert endpoints._once.cache_info().currsize <= 1024
    long = [EndpointReport(address=f"10.0.0.1:{number + 1}") for number in range(65)]
    assert Endpoints(long).words is not Endpoints(long).words, (
        "a long list is its report's own, and goes with it"
    )
