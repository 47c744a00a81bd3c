"""A discovery file is read strictly, and only what changed is published."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.discovery.document import Snapshot, diff, parse
from sidecar.errors import DiscoveryError
from sidecar.policy.endpoints import Caller, CallersChanged, Endpoint, EndpointsChanged

WIRE = """
services:
  - host: bus-service          # a comment
    port: 8080
    endpoints: ["127.0.0.1:9101", {address: "127.0.0.1:9102", name: bus-service-1, workload: default/bus-service, zone: a, budget: 3}]
callers:
  - {address: 127.0.0.3, workload: default/ticket-service, budget: 1}
"""  # noqa: E501  as users see it
BUS = ("bus-service", 8080)


def service(**fields):
    """One service in JSON's plain data, valid unless a field says otherwise."""
    return {"host": "bus", "port": 80, "endpoints": ["127.0.0.1:1"]} | fields


def complaint(text):
    with pytest.raises(DiscoveryError) as caught:
        parse(text, "mesh.yaml")
    return str(caught.value)


def test_the_documented_file():
    assert parse(WIRE, "mesh.yaml") == Snapshot(
        {
            BUS: (
                Endpoint("127.0.0.1:9101"),
                Endpoint("127.0.0.1:9102", "bus-service-1", "default/bus-service", "a", 3.0),
            )
        },
        (Caller("127.0.0.3", "default/ticket-service", 1.0),),
    )


def test_json_says_the_same():
    text = ' {"services": [{"host": "bus-service", "port": 8080, "endpoints": ["127.0.0.1:9101"]}]}'
    assert parse(text, "mesh.json") == Snapshot({BUS: (Endpoint("127.0.0.1:9101"),)})


def test_a_service_without_endpoints_is_known_and_empty():
    assert parse("services: [{host: bus, port: 80, endpoints: []}]", "f").services == {("bus", 80): ()}


def test_neither_services_nor_callers_is_a_file_that_knows_nobody():
    assert parse("{}", "f") == Snapshot()


def test_hosts_are_in_lower_case():
    assert list(parse("services: [{host: Bus.Example, port: 80, endpoints: []}]", "f").services) == [
        ("bus.example", 80)
    ]


def test_ipv6_addresses_are_spelt_one_way():
    snapshot = parse("services: [{host: bus, port: 80, endpoints: ['[FD00:0:0::1]:80']}]", "f")
    assert snapshot.services["bus", 80][0].address == "[fd00::1]:80"


@pytest.mark.parametrize("address", ["10.0.0.3", "10.0.0.3:4711"])
def test_a_callers_port_is_ignored(address):
    assert parse(f"callers: [{{address: '{address}', workload: a/b}}]", "f").callers[0].ip == "10.0.0.3"


def test_an_ipv6_caller():
    assert parse("callers: [{address: 'fd00::3', workload: a/b}]", "f").callers[0].ip == "fd00::3"


MISTAKES = [
    ("[0].port=99999", "{host: bus, port: 99999, endpoints: []}"),
    ("[0].port=0", "{host: bus, port: 0, endpoints: []}"),
    ("[0].port='80'", "{host: bus, port: '80', endpoints: []}"),
    ("[0].port=True", "{host: bus, port: yes, endpoints: []}"),
    ("[0].port=None: missing", "{host: bus, endpoints: []}"),
    ("[0].host=None: missing", "{port: 80, endpoints: []}"),
    ("[0].endpoints=None: missing", "{host: bus, port: 80}"),
    ("[0].endpoints=None: not a list", "{host: bus, port: 80, endpoints: }"),
    ("[0].host='bus:80': not a host", "{host: 'bus:80', port: 80, endpoints: []}"),
    ("[0].host='a b'", "{host: a b, port: 80, endpoints: []}"),
    ("[0].host=False: not a text", "{host: no, port: 80, endpoints: []}"),
    ("[0].endpoints[0].address='bus:80'", "{host: bus, port: 80, endpoints: ['bus:80']}"),
    ("[0].endpoints[0].address='10.0.0.1'", "{host: bus, port: 80, endpoints: ['10.0.0.1']}"),
    ("[0].endpoints[0].address='10.0.0.1:0'", "{host: bus, port: 80, endpoints: ['10.0.0.1:0']}"),
    ("[0].endpoints[0].address='fd00::1:80'", "{host: bus, port: 80, endpoints: ['fd00::1:80']}"),
    ("[0].endpoints[0].address='[::1%1]:80'", "{host: bus, port: 80, endpoints: ['[::1%1]:80']}"),
    ("[0].endpoints[0].address='[[::1]]:80'", "{host: bus, port: 80, endpoints: ['[[::1]]:80']}"),
    ("[0].endpoints[0]=7: not a mapping", "{host: bus, port: 80, endpoints: [7]}"),
    ("[0].endpoints[0].address=None: missing", "{host: bus, port: 80, endpoints: [{name: x}]}"),
    ("[1]=('a', 1): given before", "{host: a, port: 1, endpoints: []}, {host: A, port: 1, endpoints: []}"),
    ("[0]='bus': not a mapping", "bus"),
    ("[0].prot=80: no such field, did you mean port?", "{host: a, port: 1, prot: 80, endpoints: []}"),
]


@pytest.mark.parametrize(("said", "services"), MISTAKES, ids=[said for said, _ in MISTAKES])
def test_a_mistake_is_named_with_field_and_value_and_what_is_allowed(said, services):
    message = complaint(f"services: [{services}]")
    assert message.startswith("mesh.yaml: 1 mistake(s)\n")
    assert f"services{said}" in message
    assert "; allowed: " in message


ENDPOINT_MISTAKES = [
    ("budget=0", "budget: 0"),
    ("budget=-1", "budget: -1"),
    ("budget=inf", "budget: .inf"),
    ("budget=nan", "budget: .nan"),
    ("budget='3'", "budget: '3'"),
    ("budget=True", "budget: true"),
    ("budget=1000", f"budget: {10**400}"),
    ("workload='bus'", "workload: bus"),
    ("workload='a/b/c'", "workload: a/b/c"),
    ("name='a=b'", "name: a=b"),
    ("name='a;b'", "name: a;b"),
    ("name=''", "name: ''"),
    ("zone=1", "zone: 1"),
    ("zones='a': no such field, did you mean zone?", "zones: a"),
]


@pytest.mark.parametrize(("said", "field"), ENDPOINT_MISTAKES, ids=[said for said, _ in ENDPOINT_MISTAKES])
def test_a_mistake_in_an_endpoint(said, field):
    services = f"[{{host: bus, port: 80, endpoints: [{{address: '127.0.0.1:1', {field}}}]}}]"
    assert f"services[0].endpoints[0].{said}" in complaint(f"services: {services}")


def test_an_address_twice_in_one_service_is_a_mistake_whatever_its_spelling():
    message = complaint("services: [{host: bus, port: 80, endpoints: ['[::1]:80', '[0::1]:80']}]")
    assert "services[0].endpoints[1].address='[::1]:80': given before" in message


def test_an_address_in_two_services_is_fine():
    text = "services: [" + ", ".join(f"{{host: {h}, port: 1, endpoints: ['10.0.0.1:1']}}" for h in "ab") + "]"
    assert len(parse(text, "f").services) == 2


def test_a_name_twice_in_one_service_is_a_mistake():
    endpoints = "[{address: '10.0.0.1:1', name: x}, {address: '10.0.0.2:1', name: x}]"
    message = complaint(f"services: [{{host: bus, port: 80, endpoints: {endpoints}}}]")
    assert "services[0].endpoints[1].name='x': given before" in message


@pytest.mark.parametrize(
    ("said", "callers"),
    [
        ("callers[0].workload=None: missing", "[{address: 10.0.0.1}]"),
        ("callers[0].address='bus'", "[{address: bus, workload: a/b}]"),
        (
            "callers[1].address='10.0.0.1': given before",
            "[{address: 10.0.0.1, workload: a/b}, {address: '10.0.0.1:1', workload: a/c}]",
        ),
        ("callers=7: not a list", "7"),
    ],
)
def test_a_mistake_in_a_caller(said, callers):
    assert said in complaint(f"callers: {callers}")


def test_all_mistakes_are_in_one_message():
    message = complaint(
        "services: [{host: a b, port: 0, endpoints: [x, '1.2.3.4:5', {name: n}]}]\n"
        "callers: [{address: nobody, workload: none}]\n"
        "endpoints: []\n"
    )
    assert message.startswith("mesh.yaml: 7 mistake(s)")
    assert message.count("; allowed: ") == 7


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("mesh.yaml: line 3, column 1: while parsing", "services:\n  - {host: bus"),
        ("the file=None: not a mapping", ""),
        ("the file=None: not a mapping", "# only a comment\n"),
        ("the file='bus': not a mapping", "bus"),
        ("services=None: not a list", "services:\n"),
        ("not JSON", '{"services": ['),
        ("line 2, column 1: services is given twice", "services: []\nservices: []\n"),
        ("line 1, column 23: port is given twice", "services: [{port: 80, port: 81}]"),
        ("month must be in 1..12", "zone: 2024-99-99"),
        ("could not determine a constructor", "!!python/object:os.system {}"),
        ("expected a single document", "a: 1\n---\nb: 2\n"),
    ],
)
def test_what_is_not_even_a_document(said, text):
    assert said in complaint(text)


def test_deep_nesting_is_a_mistake_like_any_other():
    complaint("[" * 5000)
    complaint('{"a":' * 5000)


def test_aliases_that_multiply_are_shown_short():
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert len(complaint("\n".join(lines))) < 40 * 400


# Differences

addresses = st.integers(1, 6).map(lambda n: f"10.0.0.{n}:80")
endpoints = st.lists(
    st.builds(Endpoint, addresses, zone=st.sampled_from(["", "a"])), unique_by=lambda e: e.address, max_size=4
).map(tuple)
services = st.dictionaries(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([80, 81])), endpoints)
callers = st.lists(st.builds(Caller, st.sampled_from(["10.1.0.1", "10.1.0.2"]), st.just("a/b")), max_size=2)
snapshots = st.builds(Snapshot, services, callers.map(tuple))


def applied(snapshot, events):
    known, who = dict(snapshot.services), snapshot.callers
    for event in events:
        match event:
            case CallersChanged(callers=who):
                pass
            case EndpointsChanged(host=host, port=port, endpoints=None):
                del known[host, port]
            case EndpointsChanged(host=host, port=port, endpoints=what):
                known[host, port] = what
    return Snapshot(known, who)


@given(snapshots, snapshots)
def test_the_difference_applied_to_the_old_gives_the_new(old, new):
    assert applied(old, diff(old, new)) == new


@given(snapshots, snapshots)
def test_the_difference_says_only_what_changed_and_each_service_once(old, new):
    events = [event for event in diff(old, new) if isinstance(event, EndpointsChanged)]
    assert len({(event.host, event.port) for event in events}) == len(events)
    assert all(old.services.get((event.host, event.port)) != event.endpoints for event in events)


@given(snapshots)
def test_no_change_is_no_event(snapshot):
    assert diff(snapshot, snapshot) == []


@given(st.text())
def test_any_text_is_a_snapshot_or_a_discovery_error(text):
    try:
        parse(text, "f")
    except DiscoveryError as error:
        assert str(error).startswith("f: ")  # noqa: PT017


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers(0, 2**53)
        | st.sampled_from(["a", "10.0.0.1:1"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["services", "host", "port", "endpoints", "address"]), inner)
        ),
    )
)
def test_any_data_is_a_snapshot_or_a_discovery_error(plain):
    import json

    text = json.dumps({"services": [plain, service(endpoints=plain), service(budget=plain)]})
    with pytest.raises(DiscoveryError):
        parse(text.replace("NaN", "null").replace("Infinity", "1e300").replace("-1e300", "1"), "f")


def test_budget_is_a_float_even_when_written_as_a_whole_number():
    budget = parse(WIRE, "f").callers[0].budget
    assert isinstance(budget, float)
    assert math.isclose(budget, 1)
