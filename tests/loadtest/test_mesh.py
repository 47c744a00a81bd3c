"""The local mesh: real applications, real sidecars, one replica of each where that is enough."""

import http.client
import json
from collections.abc import Iterator

import pytest

from loadtest import load, openloop, processes
from loadtest.mesh import AnswerError, Mesh, MeshPlan, Pod, addresses, vigil
from sidecar import clock

PATIENCE_S = 60.0
ROUTES = {
    "bus-service": "/api/buses",
    "trajet-service": "/api/lines",
    "ticket-service": "/api/v1/tickets",
    "user-service": "/api/users/me",
}


def get(address: str, path: str) -> tuple[int, str]:
    """Status, and the pod that answered."""
    connection = http.client.HTTPConnection(*processes.split(address), timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("X-Pod", "")
    finally:
        connection.close()


def answering(mesh: Mesh, service: str, times: int = 12) -> set[str]:
    """The pods that answer so many requests."""
    return {get(mesh.entry, ROUTES[service])[1] for _ in range(times)}


def until_answered_by(mesh: Mesh, pod: Pod) -> None:
    """Ask until this pod is the one that answers: how soon that is is the router's business."""
    deadline = clock.now() + PATIENCE_S
    while get(mesh.entry, ROUTES[pod.service]) != (200, pod.name):
        assert clock.now() < deadline, f"{pod.name} gets requests"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """One pod of each service, with sidecars."""
    with (
        processes.Children(tmp_path_factory.mktemp("mesh")) as children,
        Mesh.start(children, MeshPlan(replicas=1, pay_s=0.05)) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """One pod of each service, without sidecars."""
    with (
        processes.Children(tmp_path_factory.mktemp("bare")) as children,
        Mesh.start(children, MeshPlan(strategy=None, replicas=1)) as started,
    ):
        yield started


# -- a mesh with sidecars


@pytest.mark.parametrize("service", ROUTES)
def test_the_entry_reaches_every_service(mesh: Mesh, service: str) -> None:
    status, pod = get(mesh.entry, ROUTES[service])
    assert (status, pod) == (403 if service == "user-service" else 200, f"{service}-0")


@pytest.mark.parametrize("service", ROUTES)
def test_requests_pass_two_sidecars(mesh: Mesh, service: str) -> None:
    (callee,) = mesh.pods(service)
    before = inbound_total(mesh, callee), picked(mesh, service)
    get(mesh.entry, ROUTES[service])
    after = inbound_total(mesh, callee), picked(mesh, service)
    assert after == (before[0] + 1, before[1] + 1), "one through the gateway's sidecar, one into the callee's"


def inbound_total(mesh: Mesh, pod: Pod) -> float:
    """Requests that came in through the pod's sidecar."""
    lines = [line for line in mesh.metrics(pod).splitlines() if line.startswith("equilibrium_")]
    found = [line for line in lines if 'listener="inbound"' in line and "requests" in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def picked(mesh: Mesh, service: str) -> int:
    """Requests of the gateway's sidecar to a service."""
    return sum(
        sum(counts.values()) for counts in mesh.state(mesh.gateway)["services"][service]["settled"].values()
    )


def test_every_sidecar_knows_every_pod_by_name(mesh: Mesh) -> None:
    listed = {name: {pod.inbound: pod.name for pod in mesh.pods(name)} for name in addresses.SERVICES}
    for pod in mesh.pods():
        told = mesh.state(pod)["services"]
        assert {name: told[name]["endpoints"] for name in told} == listed


def test_a_fault_is_one_pods_and_healing_ends_it(mesh: Mesh) -> None:
    (bus,) = mesh.pods("bus-service")
    mesh.fault(bus, error_status=503, error_rate=1.0)
    assert get(mesh.entry, "/api/buses")[0] == 503, "there is no other pod to try"
    assert get(mesh.entry, "/api/lines")[0] == 200
    mesh.heal(bus)
    assert get(mesh.entry, "/api/buses")[0] == 200


def test_a_fault_that_does_not_exist_is_named(mesh: Mesh) -> None:
    with pytest.raises(AnswerError, match=r"400 .*latency_sm"):
        mesh.fault(mesh.pods("bus-service")[0], latency_sm=500)


def test_a_pod_more_serves_and_a_removed_one_is_gone(mesh: Mesh) -> None:
    added = mesh.add("bus-service")
    assert added.name == "bus-service-1"
    assert mesh.pods("bus-service")[1] is added
    until_answered_by(mesh, added)
    mesh.remove(added)
    assert added not in mesh.pods()
    assert answering(mesh, "bus-service") == {"bus-service-0"}
    codes = [child.process.returncode for child in added.children]
    assert codes == [0, 0], "both drained and ended as they should"
    with pytest.raises(OSError, match="refused"):
        mesh.state(added)


def test_a_killed_pod_stays_listed_and_comes_back_as_itself(mesh: Mesh) -> None:
    pod = mesh.add("trajet-service")
    before = [child.pid for child in pod.children]
    mesh.kill(pod)
    assert not pod.running
    assert pod.inbound in mesh.state(mesh.gateway)["services"]["trajet-service"]["endpoints"]
    where = pod.name, pod.ip, pod.inbound
    mesh.restart(pod)
    assert (pod.name, pod.ip, pod.inbound) == where
    assert not set(before) & {child.pid for child in pod.children}
    until_answered_by(mesh, pod)
    mesh.remove(pod)


def test_a_removed_pod_comes_back_as_itself(mesh: Mesh) -> None:
    pod = mesh.add("ticket-service")
    mesh.remove(pod)
    mesh.restart(pod)
    assert pod in mesh.pods("ticket-service")
    until_answered_by(mesh, pod)
    mesh.remove(pod)


def test_what_runs_cannot_be_started_again(mesh: Mesh) -> None:
    with pytest.raises(ValueError, match="kill or remove it first"):
        mesh.restart(mesh.pods("bus-service")[0])


def test_there_are_no_other_services(mesh: Mesh) -> None:
    with pytest.raises(KeyError, match="geolocation-service"):
        mesh.pods("geolocation-service")


def test_a_lone_pod_is_rolled_without_a_gap(mesh: Mesh) -> None:
    (before,) = mesh.pods("ticket-service")
    old = {child.pid for child in before.children}
    plan = openloop.Plan(mesh.entry, "gateway", "/api/v1/tickets", rate=20, seconds=120, timeout_s=20)
    with processes.Children(mesh.discovery.path.parent) as children:
        running = load.start(children, plan)
        mesh.roll("ticket-service")
        samples = running.finish(now=True)
    (after,) = mesh.pods("ticket-service")
    assert after.name == "ticket-service-0"
    assert not old & {child.pid for child in after.children}, "it was replaced"
    assert {sample.pod for sample in samples} >= {"ticket-service-0", "ticket-service-1"}
    assert not load.failures(samples), "no request notices"


# -- a mesh without sidecars


def test_without_sidecars_applications_talk_to_each_other(bare: Mesh) -> None:
    assert get(bare.entry, "/api/buses") == (200, "bus-service-0")
    for pod in bare.pods():
        assert (pod.inbound, pod.admin, pod.sidecar_child) == (None, None, None)
    with pytest.raises(ValueError, match="no sidecar"):
        bare.state(bare.gateway)


def test_without_sidecars_new_connections_find_a_new_pod(bare: Mesh) -> None:
    added = bare.add("bus-service")
    hosts = json.loads(bare.discovery.hosts.read_text())
    assert hosts["bus-service"] == [pod.ip for pod in bare.pods("bus-service")]
    bare.remove(bare.pods("bus-service")[0])
    assert answering(bare, "bus-service") == {added.name}


# -- watching it


def test_news_is_told_once(bare: Mesh) -> None:
    told: list[str] = []
    watch = vigil.Vigil(bare, told.append)
    watch.look()
    assert told == [], "nothing has happened yet"
    before = bare.discovery.hosts.read_text()
    bare.discovery.hosts.write_text('{"bus-service": []}')
    (ticket,) = bare.pods("ticket-service")
    bare.kill(ticket)
    watch.look()
    watch.look()
    bare.discovery.hosts.write_text(before)
    bare.restart(ticket)
    changed, died = told
    assert changed == "listed now: bus-service 0"
    assert died.startswith("ticket-service-0.app (pid ")
