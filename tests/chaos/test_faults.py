"""One pod of three is slow, fails or hangs: users hardly notice, and the pod is used again when it is well."""

import pytest

from loadtest import load
from loadtest.mesh import Mesh
from sidecar import clock
from tests.chaos.traffic import Picks, Users, bearer, until

pytestmark = pytest.mark.slow

HANDFUL = 5
NOTICED = 0.15
LOST = 0.02


def test_a_slow_pod_is_left_and_taken_back(mesh: Mesh, users: Users) -> None:
    bus = mesh.pods("bus-service")[1]
    running = users.ask("/api/buses")
    picks = Picks(mesh, "bus-service")
    mesh.fault(bus, latency_ms=500)
    until(lambda: picks.share(bus) < NOTICED, "a pod 500 ms slower is left for the others")
    mesh.heal(bus)
    until(lambda: picks.share(bus) >= NOTICED, "a pod that is well again gets its share again")
    assert not load.failures(running.finish(now=True)), "slow is not broken: nobody sees an error"


def test_a_pod_that_is_slow_now_and_then_is_left_and_taken_back(mesh: Mesh, users: Users) -> None:
    trajet = mesh.pods("trajet-service")[1]
    running = users.ask("/api/lines/32H")
    picks = Picks(mesh, "trajet-service")
    mesh.fault(trajet, latency_ms=500, fraction=0.1)
    until(lambda: picks.share(trajet) < NOTICED, "one request in ten 500 ms slower is reason enough")
    mesh.heal(trajet)
    until(lambda: picks.share(trajet) >= NOTICED, "a pod that is well again gets its share again")
    assert not load.failures(running.finish(now=True)), "slow is not broken: nobody sees an error"


def test_a_pod_that_fails_fast_is_hardly_seen(mesh: Mesh, users: Users) -> None:
    trajet = mesh.pods("trajet-service")[0]
    running = users.ask("/api/lines/32H")
    picks = Picks(mesh, "trajet-service")
    mesh.fault(trajet, error_status=503, error_rate=1.0)
    picks.wait(4 * 80)
    mesh.heal(trajet)
    failures = load.failures(running.finish(now=True))
    assert sum(failures.values()) <= HANDFUL, f"GETs are tried elsewhere: {failures}"


def test_a_pod_that_fails_fast_is_left_and_taken_back(mesh: Mesh, users: Users) -> None:
    trajet = mesh.pods("trajet-service")[2]
    running = users.ask("/api/lines/32H")
    picks = Picks(mesh, "trajet-service")
    mesh.fault(trajet, error_status=503, error_rate=1.0)
    until(lambda: picks.share(trajet) < NOTICED, "failing fast does not attract requests")
    mesh.heal(trajet)
    until(lambda: picks.share(trajet) >= NOTICED, "a pod that is well again gets its share again")
    failures = load.failures(running.finish(now=True))
    assert sum(failures.values()) <= HANDFUL, f"GETs are tried elsewhere: {failures}"


def test_a_pod_that_hangs_does_not_hold_users_up(mesh: Mesh, users: Users) -> None:
    user = mesh.pods("user-service")[1]
    running = users.ask("/api/users/me", bearer(mesh))
    picks = Picks(mesh, "user-service")
    mesh.fault(user, hang=True)
    until(lambda: picks.share(user) < NOTICED, "a pod that answers nothing is left for the others")
    noticed_s = clock.now()
    picks.wait(300)
    later = [sample for sample in running.finish(now=True) if sample.due_s >= noticed_s]
    lost = load.failures(later)
    assert sum(lost.values()) <= LOST * len(later), f"requests go on being answered: {lost} of {len(later)}"


def test_a_pod_that_hung_is_taken_back(mesh: Mesh, users: Users) -> None:
    ticket = mesh.pods("ticket-service")[0]
    running = users.ask("/api/v1/tickets")
    picks = Picks(mesh, "ticket-service")
    mesh.fault(ticket, hang=True)
    until(lambda: picks.share(ticket) < NOTICED, "a pod that answers nothing is left for the others")
    mesh.heal(ticket)
    until(lambda: picks.share(ticket) >= NOTICED, "a pod that answers again gets its share again")
    running.finish(now=True)
