"""Who is told of whom, and that it does not become everybody of everybody. Pure."""

from typing import Any

import orjson
import pytest

from coordinator.feed import audience as module
from coordinator.feed.audience import IDLE_S, REMEMBER_S, Audience
from coordinator.feed.people import People
from coordinator.feed.table import Table
from coordinator.kube import identities
from sidecar.kube.names import Key
from tests.coordinator.feed.objects import at, pod

BUS, TRAM = ("default", "bus"), ("default", "tram")


class Town:
    """`behind`: the workloads behind each Service."""

    def __init__(self, small: int = 0) -> None:
        self.behind: dict[Key, set[str]] = {BUS: {"default/bus"}, TRAM: {"default/tram"}}
        self.table, self.people = Table(), People()
        self.audience = Audience(self.table, self.people, self.services, small)

    def services(self, workload: str) -> list[Key]:
        return [key for key, workloads in self.behind.items() if workload in workloads]

    def comes(self, name: str, workload: str, ip: str, **more: Any) -> None:
        self.people.put(("default", name), identities.read(at(pod(name, workload, **more), ip)))
        self.audience.touch()

    def goes(self, name: str) -> None:
        self.people.put(("default", name), None)
        self.audience.touch()

    def callers(self, workload: str, now: float = 0.0) -> dict[str, str]:
        said = orjson.loads(self.audience.group(workload, now).body)
        return {each["address"]: each["workload"] for each in said}


def test_who_asks_for_a_service_is_a_caller_of_who_is_behind_it_and_of_nobody_else() -> None:
    town = Town()
    town.comes("gateway-0", "gateway", "10.1.0.1")
    town.audience.asked("default/gateway", [BUS], now=0.0)
    assert town.callers("default/bus") == {"10.1.0.1": "default/gateway"}
    assert town.callers("default/tram") == {}


def test_the_next_pod_of_a_caller_is_known_before_it_asks() -> None:
    town = Town()
    town.audience.asked("default/gateway", [BUS], now=0.0)
    assert town.callers("default/bus") == {}
    town.comes("gateway-1", "gateway", "10.1.0.2")
    assert town.audience.news() == ["default/bus"]
    assert town.callers("default/bus") == {"10.1.0.2": "default/gateway"}
    town.goes("gateway-1")
    assert town.audience.news() == ["default/bus"]
    assert town.callers("default/bus") == {}


def test_who_comes_to_stand_behind_a_service_learns_its_callers() -> None:
    town = Town()
    town.comes("gateway-0", "gateway", "10.1.0.1")
    town.audience.asked("default/gateway", [BUS], now=0.0)
    assert town.callers("default/bus-canary") == {}
    town.behind[BUS].add("default/bus-canary")
    town.audience.touch()
    assert town.audience.news() == ["default/bus-canary"]


def test_a_small_mesh_knows_everybody() -> None:
    town = Town(small=2)
    town.comes("a", "x", "10.1.0.1")
    town.comes("b", "y", "10.1.0.2", budget="4")
    assert town.callers("default/bus") == {"10.1.0.1": "default/x", "10.1.0.2": "default/y"}
    [_, told] = orjson.loads(town.audience.group("default/bus", 0.0).body)
    assert told["budget"] == 4
    town.comes("c", "z", "10.1.0.3")
    assert town.audience.news() == ["default/bus"]
    assert town.callers("default/bus") == {}, "a large one knows who calls"


def test_pods_without_a_sidecar_or_an_address_of_their_own_are_told_to_nobody() -> None:
    town = Town(small=9)
    plain = pod("plain", "x")
    plain["metadata"]["labels"] = {}
    plain["spec"]["containers"] = plain["spec"]["containers"][:1]
    town.people.put(("default", "plain"), identities.read(at(plain, "10.1.0.1")))
    host = pod("host", "x")
    host["spec"]["hostNetwork"] = True
    town.people.put(("default", "host"), identities.read(at(host, "10.1.0.2")))
    town.people.put(("default", "done"), identities.read(at(pod("done", "x"), "10.1.0.3", "Succeeded")))
    assert town.callers("default/bus") == {}


def test_a_change_elsewhere_is_no_news() -> None:
    town = Town()
    town.audience.asked("default/gateway", [BUS], now=0.0)
    town.callers("default/bus")
    town.comes("tram-0", "tram", "10.1.0.9")
    number = town.table.number
    assert town.audience.news() == []
    assert town.table.number == number


def test_workloads_with_the_same_callers_share_one_text() -> None:
    town = Town(small=9)
    town.comes("a", "x", "10.1.0.1")
    for workload in ("default/bus", "default/tram"):
        town.audience.group(workload, 0.0)
    town.comes("b", "x", "10.1.0.2")
    town.audience.news()
    bodies = [town.audience.group(workload, 0.0).body for workload in ("default/bus", "default/tram")]
    assert bodies[0] is bodies[1]


def test_what_is_long_ago_is_forgotten() -> None:
    town = Town()
    town.comes("gateway-0", "gateway", "10.1.0.1")
    town.audience.asked("default/gateway", [BUS], now=0.0)
    town.callers("default/bus", now=REMEMBER_S)
    town.audience.forget(REMEMBER_S + 1)
    assert town.audience.news() == ["default/bus"]
    assert town.callers("default/bus", now=REMEMBER_S + 1) == {}
    town.audience.forget(REMEMBER_S + IDLE_S + 2)
    town.comes("gateway-1", "gateway", "10.1.0.2")
    assert town.audience.news() == [], "nobody of it asks any more"


# -- what a pod says of itself


@pytest.mark.parametrize(
    ("value", "workload"),
    [
        ("default/gateway", "default/gateway"),
        ("other/gateway", "default/x"),
        ("default/no good", "default/x"),
        ("", "default/x"),
    ],
)
def test_a_pod_is_what_its_sidecar_says_within_its_namespace(value: str, workload: str) -> None:
    made = pod("x", "gateway")
    made["spec"]["containers"][1]["env"][0]["value"] = value
    assert identities.read(at(made, "10.1.0.1")).workload == workload


def test_a_pod_without_a_sidecar_is_its_deployment() -> None:
    owner = {"kind": "ReplicaSet", "name": "gateway-8bc6", "controller": True}
    meta = {"name": "gateway-8bc6-x", "namespace": "default", "ownerReferences": [owner]}
    meta["labels"] = {"pod-template-hash": "8bc6"}
    found = identities.read({"metadata": meta, "spec": {}, "status": {"podIP": "FD00::0001"}})
    assert (found.workload, found.ips, found.mesh) == ("default/gateway", ("fd00::1",), False)


@pytest.mark.parametrize("nonsense", [{}, {"status": {"podIP": "x"}}, {"status": {"podIPs": [{}]}}])
def test_a_pod_that_says_nothing_of_use_has_no_address(nonsense: dict[str, Any]) -> None:
    assert identities.read(nonsense).ips == ()


def test_names_that_are_made_up_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GROUPS", 100)
    town = Town(small=200)
    for n in range(50):
        town.comes(f"gateway-{n}", f"gateway-{n}", f"10.1.0.{n}")
    town.audience.news()
    groups = [town.audience.group(f"default/made-up-{n}", float(n)) for n in range(1000)]
    assert len({id(group.body) for group in groups}) == 1, "one text for all"
    assert repr(town.audience).startswith("Audience(100 workloads")
    assert town.audience.group("default/made-up-999", 1000.0) is groups[-1], "who asked last is kept"


def test_workloads_with_the_same_callers_share_one_text_whoever_came_first() -> None:
    town = Town(small=200)
    town.comes("gateway-0", "gateway", "10.1.0.1")
    groups = [town.audience.group(f"default/w{n}", 0.0) for n in range(3)]
    town.audience.news()
    assert len({id(group.body) for group in groups}) == 1
