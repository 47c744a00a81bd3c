"""Where pods live, and what the mesh writes about them: no process is started here."""

import json
from pathlib import Path

import pytest

from loadtest.mesh import MeshPlan, Pod, addresses, discovery_file, vigil
from sidecar.discovery import document


def test_no_two_pods_share_an_address() -> None:
    net = addresses.Net()
    services = [*addresses.SERVICES.values()]
    ips = [net.pod(service, n).ip for service in services for n in range(addresses.MOST_PODS)]
    ips.append(net.pod(addresses.ENTRANCE, 0).ip)
    net.release()
    assert len(set(ips)) == len(ips)
    with pytest.raises(ValueError, match="room for 40 pods"):
        net.pod(services[0], addresses.MOST_PODS)


def test_two_meshes_of_one_process_do_not_meet() -> None:
    first, second = addresses.Net(), addresses.Net()
    assert first.prefix != second.prefix
    first.release()
    first.release()
    third = addresses.Net()
    assert third.prefix != second.prefix, "what is still held is passed by"
    second.release()
    third.release()


@pytest.mark.parametrize("replicas", [0, addresses.MOST_PODS + 1])
def test_a_plan_that_has_no_addresses_is_refused(replicas: int) -> None:
    with pytest.raises(ValueError, match="allowed: 1 to 40"):
        MeshPlan(replicas=replicas)


def pods(net: addresses.Net, count: int, *, sidecar: bool = True) -> list[Pod]:
    return [Pod.at(addresses.SERVICES["bus-service"], n, net, sidecar=sidecar) for n in range(count)]


def test_sidecars_understand_the_discovery_file(tmp_path: Path) -> None:
    net = addresses.Net()
    file = discovery_file.DiscoveryFile(tmp_path, Pod.at(addresses.ENTRANCE, 0, net, sidecar=True))
    buses = pods(net, 2)
    file.publish(*reversed(buses))
    read = document.parse(file.path.read_text(), "discovery")
    net.release()
    assert dict(list(read.services)) == {
        "bus-service": 8080,
        "trajet-service": 8081,
        "user-service": 8081,
        "ticket-service": 8080,
    }
    listed = read.services["bus-service", 8080]
    assert [(each.address, each.name) for each in listed] == [(pod.inbound, pod.name) for pod in buses]
    assert {each.workload for each in listed} == {"urbanmove/bus-service"}
    assert [caller.workload for caller in read.callers] == ["urbanmove/gateway"]


def test_what_is_withdrawn_is_listed_nowhere(tmp_path: Path) -> None:
    net = addresses.Net()
    file = discovery_file.DiscoveryFile(tmp_path, Pod.at(addresses.ENTRANCE, 0, net, sidecar=False))
    stays, goes = pods(net, 2, sidecar=False)
    file.publish(stays, goes)
    file.withdraw(goes)
    file.withdraw(goes)
    net.release()
    assert json.loads(file.hosts.read_text())["bus-service"] == [stays.ip]
    assert file.endpoints("bus-service") == {stays.app}
    assert not list(tmp_path.glob("*.new")), "written beside and renamed"


@pytest.mark.parametrize("text", ["{", "[1]", '{"services": [1]}', '{"bus-service": 3}'])
def test_a_list_that_people_broke_is_said_to_be_broken(tmp_path: Path, text: str) -> None:
    file = tmp_path / "discovery.json"
    file.write_text(text)
    assert vigil.listed(file).startswith("discovery.json cannot be read")
