"""What is joined, what is told and under which number. Pure."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.feed.people import People
from coordinator.feed.table import Table
from coordinator.feed.world import World
from coordinator.kube import identities
from coordinator.kube.identities import Identity
from sidecar.kube import slices
from sidecar.kube.slices import Port, Service
from tests.coordinator.feed.objects import a_slice, at, endpoint, pod, service

BUS = ("default", "bus")


def made(most_gone: int = 100) -> tuple[Table, World, People]:
    table, people = Table(most_gone), People()
    return table, World(table, people), people


def bus(ip: str = "10.96.0.7", *ports: int) -> Service:
    numbers = [{"name": f"p{port}" if ports else "http", "port": port} for port in ports or (8080,)]
    found = slices.read_service(service(clusterIPs=[ip], ports=numbers))
    assert found is not None
    return found


def told(table: Table, *names: str, since: int = -1) -> dict[str, Any]:
    """By `host:port`, the endpoints; of what was told by number `since`, only what is new."""
    found = {}
    for entry in table.find(names):
        if entry.told(names, since) is not None:
            said = entry.said if not entry.names.isdisjoint(names) else {"endpoints": None}
            found[f"{entry.said['host']}:{entry.said['port']}"] = said["endpoints"]
    return found


def test_a_service_without_slices_exists_and_has_nobody() -> None:
    table, world, _ = made()
    world.service_is(BUS, bus())
    assert told(table, "bus.default") == {"bus.default:8080": []}


def test_slices_without_a_service_are_nothing_until_it_comes() -> None:
    table, world, _ = made()
    world.slice_is(("default", "bus-1"), BUS, slices.read_slice(a_slice(endpoint("10.1.0.1"))))
    assert (len(table), table.number) == (0, 0)
    world.service_is(BUS, bus())
    assert told(table, "bus.default") == {"bus.default:8080": [{"address": "10.1.0.1:8080"}]}


def test_a_slice_that_changes_hands_leaves_the_one_and_joins_the_other() -> None:
    table, world, _ = made()
    tram = ("default", "tram")
    world.services_are({BUS: bus("10.96.0.7"), tram: bus("10.96.0.8")})
    piece = slices.read_slice(a_slice(endpoint("10.1.0.1")))
    world.slice_is(("default", "x"), BUS, piece)
    world.slice_is(("default", "x"), tram, piece)
    assert told(table, "bus.default", "tram.default") == {
        "bus.default:8080": [],
        "tram.default:8080": [{"address": "10.1.0.1:8080"}],
    }
    world.slice_is(("default", "x"), None, None)
    assert told(table, "tram.default") == {"tram.default:8080": []}


def test_what_says_the_same_again_is_no_change() -> None:
    table, world, _ = made()
    piece = slices.read_slice(a_slice(endpoint("10.1.0.1")))
    for _ in range(3):
        world.services_are({BUS: bus()})
        world.slices_are([(("default", "bus-1"), BUS, piece)])
    assert table.number == 2


def test_a_list_without_something_is_its_end() -> None:
    table, world, _ = made()
    world.services_are({BUS: bus()})
    world.services_are({})
    assert told(table, "bus.default:8080", since=1) == {"bus.default:8080": None}
    assert len(table) == 0


def test_who_knew_a_service_by_a_name_it_lost_is_told_that_it_is_gone_and_once() -> None:
    table, world, _ = made()
    world.service_is(BUS, bus("10.96.0.7"))
    world.service_is(BUS, bus("10.96.0.8"))
    assert told(table, "10.96.0.7:8080", since=1) == {"bus.default:8080": None}
    assert told(table, "10.96.0.7:8080", since=2) == {}
    assert told(table, "bus.default", since=1) == {"bus.default:8080": []}
    world.service_is(BUS, bus("10.96.0.7"))
    assert told(table, "10.96.0.7:8080", since=2) == {"bus.default:8080": []}


def test_what_is_gone_too_long_is_forgotten_and_who_comes_from_before_gets_everything() -> None:
    table, world, _ = made(most_gone=1)
    keys = [("default", name) for name in ("a", "b", "c")]
    world.services_are({key: bus(f"10.96.0.{n}") for n, key in enumerate(keys)})
    for key in keys:
        world.service_is(key, None)
    assert table.horizon == 5, "the second that went is forgotten, the third is not"
    assert told(table, "c.default:8080", since=5) == {"c.default:8080": None}
    assert told(table, "a.default:8080") == {}


def test_names_a_service_lost_are_kept_up_to_a_limit() -> None:
    table, world, _ = made()
    for n in range(200):
        world.service_is(BUS, bus(f"10.96.1.{n}"))
    assert told(table, "10.96.1.0:8080", since=0) == {}
    assert 0 < table.horizon < table.number
    assert told(table, "10.96.1.198:8080", since=table.number - 1) == {"bus.default:8080": None}


# -- who is behind an endpoint


def who(ip: str, workload: str = "bus", **more: Any) -> Identity:
    return identities.read(at(pod("x", workload, **more), ip))


def test_an_endpoint_says_whose_it_is_and_what_that_one_is_worth() -> None:
    table, world, people = made()
    people.put(("default", "x"), who("10.1.0.1", budget="5"))
    world.service_is(BUS, bus())
    world.slice_is(("default", "bus-1"), BUS, slices.read_slice(a_slice(endpoint("10.1.0.1"))))
    expected = {"address": "10.1.0.1:8080", "workload": "default/bus", "budget": 5.0}
    assert told(table, "bus.default") == {"bus.default:8080": [expected]}
    world.people_are(people.put(("default", "x"), None))
    assert told(table, "bus.default", since=2) == {"bus.default:8080": [{"address": "10.1.0.1:8080"}]}


def test_an_address_that_two_workloads_claim_is_nobodys() -> None:
    people = People()
    people.put(("default", "a"), who("10.1.0.1", "bus"))
    people.put(("default", "b"), who("10.1.0.1", "tram"))
    assert people.at("10.1.0.1") is None
    people.put(("default", "a"), None)
    found = people.at("10.1.0.1")
    assert found is not None
    assert found.workload == "default/tram"


def test_a_zone_is_the_slices_and_else_the_nodes() -> None:
    table, world, people = made()
    people.put(("default", "x"), who("10.1.0.1"))
    people.put(("default", "y"), who("10.1.0.2"))
    world.service_is(BUS, bus())
    said = endpoint("10.1.0.2") | {"zone": "eu-1a"}
    world.slice_is(("default", "bus-1"), BUS, slices.read_slice(a_slice(endpoint("10.1.0.1"), said)))
    world.zones_are({"n1": "eu-1b"})
    [found] = told(table, "bus.default").values()
    assert [each["zone"] for each in found] == ["eu-1b", "eu-1a"]
    before = table.number
    world.zones_are({"n1": "eu-1b"})
    assert table.number == before


# -- a subscriber who only ever gets what is new ends up with what there is

NAMES = (
    "bus.default",
    "bus.default:80",
    "bus.default:8080",
    "10.96.0.1:80",
    "10.96.0.2:80",
    "10.96.0.2:8080",
)
STEPS = st.one_of(
    st.tuples(
        st.just("service"),
        st.sampled_from(("bus", "tram")),
        st.one_of(
            st.none(),
            st.tuples(
                st.sampled_from(("10.96.0.1", "10.96.0.2")),
                st.sampled_from(((80,), (8080,), (80, 8080), ())),
            ),
        ),
    ),
    st.tuples(st.just("slice"), st.sampled_from(("bus", "tram")), st.sets(st.integers(1, 3))),
    st.tuples(st.just("ask"), st.just(""), st.none()),
)


@settings(max_examples=200)
@given(st.lists(STEPS, max_size=25), st.sets(st.sampled_from(NAMES), min_size=1))
def test_news_add_up_to_everything(steps: list[Any], asked: set[str]) -> None:
    table, world, _ = made()
    known: dict[str, Any] = {}
    since = 0
    for step, name, what in [*steps, ("ask", "", None)]:
        key = ("default", name)
        if step == "service":
            ports = tuple(Port("http", number) for number in what[1]) if what else ()
            families = ("IPv4", "IPv6")
            world.service_is(key, Service(name, (what[0],), ports, families) if what else None)
        elif step == "slice":
            piece = slices.read_slice(a_slice(*[endpoint(f"10.1.0.{n}") for n in sorted(what)]))
            world.slice_is(("default", f"{name}-1"), key, piece)
        else:
            known |= told(table, *asked, since=since)
            since = table.number
    there = {k: v for k, v in told(table, *asked).items() if v is not None}
    assert {k: v for k, v in known.items() if v is not None} == there


def test_who_stands_behind_what_is_known_and_told_when_it_changes() -> None:
    _, world, people = made()
    people.put(("default", "x"), who("10.1.0.1"))
    world.service_is(BUS, bus())
    assert not world.moved()
    world.slice_is(("default", "bus-1"), BUS, slices.read_slice(a_slice(endpoint("10.1.0.1"))))
    assert world.moved()
    assert list(world.services("default/bus")) == [BUS]
    world.slice_is(
        ("default", "bus-1"), BUS, slices.read_slice(a_slice(endpoint("10.1.0.1"), endpoint("10.1.0.9")))
    )
    assert not world.moved(), "nobody else than before"
    world.service_is(BUS, None)
    assert world.moved()
    assert list(world.services("default/bus")) == []
