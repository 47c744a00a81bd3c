"""A real Prometheus scrapes a running mesh, and every expression on a dashboard or in a rule has data."""

import os
import time
from collections.abc import Iterator

import pytest

from sidecar import clock
from tests.dashboards import expressions
from tests.dashboards.expressions import Expression
from tests.dashboards.house import House, house, missing

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if (why := missing()) is not None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(why)
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


def unanswered(running: House, asked: list[Expression]) -> list[Expression]:
    """Those without data when patience ends. Each has to answer once."""
    deadline = clock.now() + PATIENCE_S
    while asked and clock.now() < deadline:
        asked = [each for each in asked if not answered(running, each)]
        time.sleep(0.5 if asked else 0.0)
    return asked


def answered(running: House, asked: Expression) -> bool:
    try:
        return running.prometheus.answers(asked.expr)
    except AssertionError as error:
        raise AssertionError(f"{asked}\n{error}") from None


def test_every_target_is_scraped(running: House) -> None:
    wanted = Expression("-", "up", f"count(up == 1) >= {len(running.mesh.pods()) + 2}")
    assert not unanswered(running, [wanted])


def test_every_panel_and_every_rule_has_data(running: House) -> None:
    silent = unanswered(running, [*expressions.of_panels(), *expressions.of_rules()])
    assert not silent, "no data:\n" + "\n".join(map(str, silent))


def test_prometheus_finds_nothing_wrong_with_the_rules(running: House) -> None:
    groups = running.prometheus.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(expressions.rules())
    assert not [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")]


@pytest.mark.parametrize("alert", ["EquilibriumFeedStale", "EquilibriumErrors"])
def test_the_faults_of_this_house_are_told_of(running: House, alert: str) -> None:
    """A discovery file that could not be read for a moment, and a pod that answers 503."""
    fired = f'max_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[5m])'
    assert not unanswered(running, [Expression("equilibrium.alerts.yml", alert, fired)])
