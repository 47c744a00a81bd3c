import pytest

from loadtest.urbanmove import __main__ as command
from loadtest.urbanmove import latency
from loadtest.urbanmove.pod import Options, Pod


def test_draws_repeat_with_the_seed_and_differ_between_replicas() -> None:
    def first(name: str, seed: int) -> list[float]:
        pod = Pod.of(Options("bus", name, seed=seed))
        return [pod.latency.sample_s("GET /api/buses") for _ in range(5)]

    assert first("bus-0", 7) == first("bus-0", 7)
    assert first("bus-0", 7) != first("bus-1", 7)
    assert first("bus-0", 7) != first("bus-0", 8)


@pytest.mark.parametrize("role", ["bus", "trajet", "user", "ticket"])
def test_every_route_has_its_latency_and_every_latency_its_route(role: str) -> None:
    routes = command.ROLES[role](Pod.of(Options(role))).routes()
    served = {f"{route.method} {route.path}" for route in routes if not route.path.startswith("/actuator")}
    assert served == set(latency.TABLE[role])


def test_latency_is_lognormal_around_its_median() -> None:
    pod = Pod.of(Options("trajet"))
    many = sorted(pod.latency.sample_s("GET /api/search") for _ in range(4001))
    assert many[2000] == pytest.approx(0.025, rel=0.05)
    assert many[3960] < 2.5 * many[2000], "healthy tails must not look like faults"
