"""A room with a defect costs itself: not the market's metrics, not `/state`, not the end of everything else."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from coordinator.app import Coordinator
from coordinator.options import read
from coordinator.room import Sheltered
from sidecar.kube.access import Access


class Broken(Collector):
    """Says something, and then fails; before it is registered it has nothing to say."""

    def __init__(self) -> None:
        self.broken = False

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("half_said", "said before it broke", value=1)
        if self.broken:
            raise KeyError("a defect")


class Ruin:
    """A room."""

    def state(self) -> dict[str, object]:
        raise KeyError("a defect")

    async def close(self) -> None:
        raise KeyError("a defect")


def coordinator() -> Coordinator:
    given = {
        "EQUILIBRIUM_COORDINATOR_API": "http://127.0.0.1:1",
        "EQUILIBRIUM_COORDINATOR_LISTEN": "127.0.0.1:0",
    }
    made = Coordinator(read([], given).settings, Access(url="http://127.0.0.1:1"), dry_run=True)
    made._rooms["advice"] = Ruin()  # type: ignore[assignment]
    return made


async def test_state_shows_the_others_and_says_what_is_wrong() -> None:
    made = coordinator()
    shown = made.state()
    await made.close()
    assert shown["advice"] == {"problem": "KeyError('a defect')"}
    assert shown["cycle_s"] == 15.0
    assert "subscribers" in shown["feed"]  # type: ignore[operator]


async def test_what_comes_after_it_is_closed_all_the_same() -> None:
    made = coordinator()
    closed = []
    made.parts.close = lambda: _note(closed)  # type: ignore[method-assign]
    await made.close()
    assert closed == [1]


async def _note(closed: list[int]) -> None:
    closed.append(1)


def test_the_page_of_metrics_has_all_others() -> None:
    made, collector = coordinator(), Broken()
    made.parts.metrics.registry.register(Sheltered("advice", collector))
    assert b"half_said 1" in generate_latest(made.parts.metrics.registry)
    collector.broken = True
    page = generate_latest(made.parts.metrics.registry)
    assert b"half_said" not in page
    assert b"gtcas_global_potential" in page
