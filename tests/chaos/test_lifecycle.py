"""Pods die and are replaced while users go on asking: no request fails."""

import pytest

from loadtest import load
from loadtest.mesh import Mesh
from tests.chaos.traffic import Picks, Users, until

pytestmark = pytest.mark.slow


def test_a_killed_pod_costs_no_get(mesh: Mesh, users: Users) -> None:
    bus = mesh.pods("bus-service")[2]
    running = users.ask("/api/buses")
    picks = Picks(mesh, "bus-service")
    picks.wait()
    mesh.kill(bus)
    picks.wait(200)
    assert bus.endpoint in mesh.state(mesh.gateway)["services"]["bus-service"]["endpoints"], (
        "discovery is as stale as in the first seconds of a real crash"
    )
    mesh.restart(bus)
    until(lambda: picks.share(bus) > 0, "it is used again when it is back")
    assert not load.failures(running.finish(now=True)), "GETs are tried elsewhere"


def test_rolling_a_service_costs_no_get(mesh: Mesh, users: Users) -> None:
    running = users.ask("/api/lines/32H")
    before = {child.pid for pod in mesh.pods("trajet-service") for child in pod.children}
    mesh.roll("trajet-service")
    after = {child.pid for pod in mesh.pods("trajet-service") for child in pod.children}
    assert len(after - before) == 6, "every pod was replaced"
    assert not load.failures(running.finish(now=True)), "nobody notices"


def test_rolling_a_service_costs_no_post(mesh: Mesh, users: Users) -> None:
    with users.logging_in() as statuses:
        mesh.roll("user-service")
    assert statuses.keys() == {200}, f"nobody notices, though these may not be repeated: {statuses}"


def test_a_pod_more_is_used_and_taking_it_away_costs_nothing(mesh: Mesh, users: Users) -> None:
    running = users.ask("/api/buses")
    added = mesh.add("bus-service")
    picks = Picks(mesh, "bus-service")
    until(lambda: picks.share(added) > 0, "a new pod gets requests")
    mesh.remove(added)
    assert not load.failures(running.finish(now=True)), "nobody notices"
