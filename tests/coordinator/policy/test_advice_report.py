"""What a sidecar says: read, or refused with every mistake named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.policy.advice import report as module
from coordinator.policy.advice.report import MOST_ENDPOINTS, MOST_SERVICES, read
from tests.coordinator.policy.reports import endpoint, question, report


def test_the_example_of_the_documentation_is_read():
    found = read(
        {
            "namespace": "default",
            "workload": "default/gateway",
            "pod": "gateway-0",
            "node": "n1",
            "zone": "a",
            "since": "7f3a.12",
            "wait_s": 5,
            "services": [
                {
                    "service": "bus-service.default:8080",
                    "rate_per_s": 41.2,
                    "gap": 0.04,
                    "nash": 1,
                    "lyapunov": 0.01,
                    "potential": 0.3,
                    "p99_s": 0.02,
                    "obeys": True,
                    "conditional_regret": 0.01,
                    "endpoints": [
                        {
                            "address": "10.1.0.7:8080",
                            "name": "bus-1",
                            "rate_per_s": 13.7,
                            "latency_s": 0.0113,
                            "load": 0.4,
                            "share": 0.33,
                            "mix": 0.33,
                            "regret": 0.0,
                            "cost_s": 0.012,
                            "health": "admitted",
                        }
                    ],
                }
            ],
            "reputations": [{"caller": "default/x", "score": 0.93, "punished": False}],
            "events": [{"kind": "MEM_PRESSURE", "at": 1790000000.1, "detail": "83 %"}],
        }
    )
    assert found.sidecar == "default/gateway-0"
    assert found.services[0].endpoints[0].latency_s == 0.0113
    assert found.reputations[0].score == 0.93
    assert found.events[0].kind == "MEM_PRESSURE"


def test_of_an_endpoint_only_the_address_is_needed():
    found = read(question("p", [{"address": "10.0.0.1:80"}]))
    seen = found.services[0].endpoints[0]
    assert (seen.latency_s, seen.rate_per_s, seen.admitted) == (None, 0.0, True)


def test_fields_nobody_knows_are_ignored():
    assert read(question("p", [endpoint(0, future=1)], later=[{}])).pod == "p"


def test_all_mistakes_are_named_with_their_place():
    made = question("p", [endpoint(0, -1.0), endpoint(1, 1.0, 1e300), endpoint(1)])
    made["workload"] = "gateway"
    made["services"][0]["obeys"] = "yes"
    with pytest.raises(ValueError, match="out of range") as found:
        read(made)
    lines = str(found.value).splitlines()
    assert len(lines) == 5
    assert any("services[0].endpoints[0].rate_per_s: -1.0 is out of range" in line for line in lines)
    assert any("services[0].endpoints[1].latency_s" in line for line in lines)
    assert any("'10.0.0.2:8080' is there twice" in line for line in lines)
    assert any(line.startswith("workload: ") for line in lines)
    assert any("obeys: 'yes' is neither" in line for line in lines)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -0.1, 1e300, 10**400, True, "1", [1]])
def test_no_number_is_taken_that_is_none(number):
    with pytest.raises(ValueError, match="latency_s"):
        report("p", [endpoint(0, 1.0, number)])


def test_thousands_of_services_are_refused():
    made = question("p", [endpoint(0)])
    made["services"] *= MOST_SERVICES + 1
    with pytest.raises(ValueError, match=f"{MOST_SERVICES + 1} of them; allowed: at most {MOST_SERVICES}"):
        read(made)


def test_so_are_thousands_of_endpoints():
    with pytest.raises(ValueError, match="at most 512"):
        report("p", [endpoint(0)] * (MOST_ENDPOINTS + 1))
    made = question("p", [])
    made["services"] = [
        {"service": f"s{i}.default:80", "endpoints": [{"address": f"10.{i}.{k}.1:80"} for k in range(200)]}
        for i in range(30)
    ]
    with pytest.raises(ValueError, match="6000 endpoints in all"):
        read(made)


def test_a_thousand_mistakes_are_counted_and_not_all_repeated():
    made = question("p", [])
    made["services"] = [{"service": f"s{i}"} for i in range(100)]
    with pytest.raises(ValueError, match="and 80 more mistakes"):
        read(made)


def test_a_namespace_that_is_not_the_workloads_is_a_mistake():
    with pytest.raises(ValueError, match="'other' is not the workload's"):
        read(question("p", []) | {"namespace": "other"})


def test_addresses_have_one_spelling():
    found = read(question("p", [{"address": "[FD00::0001]:80"}]))
    assert found.services[0].endpoints[0].address == "[fd00::1]:80"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["namespace", "workload", "pod", "node", "since", "wait_s", "services", "reputations", "events"]
)


@given(st.dictionaries(FIELDS, JSON, max_size=6) | JSON)
def test_nothing_that_json_can_say_is_more_than_a_value_error(plain):
    try:
        found = read(plain)
    except ValueError:
        return
    assert found.sidecar


@given(st.dictionaries(st.sampled_from(["service", "rate_per_s", "endpoints", "obeys"]), JSON, max_size=4))
def test_nor_inside_a_service(plain):
    made = question("p", [])
    made["services"] = [plain]
    try:
        found = read(made)
    except ValueError:
        return
    assert all(0 <= each.rate_per_s <= 1e5 for each in found.services)


def test_a_report_of_too_many_endpoints_is_refused_before_each_is_looked_at(monkeypatch):
    monkeypatch.setattr(module, "_endpoint", lambda reader: pytest.fail("it is not worth it"))
    services = [{"service": f"s{n}.default:80", "endpoints": [{}] * 512} for n in range(128)]
    with pytest.raises(ValueError, match="65536 endpoints in all; allowed: at most 4096"):
        read({"namespace": "default", "workload": "default/gateway", "pod": "gw-0", "services": services})
