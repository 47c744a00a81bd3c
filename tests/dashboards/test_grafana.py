"""What can be said of the dashboards without a Grafana: shape, layout, words, and that every series exists."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from dashboards.grafana import __main__ as program
from tests.dashboards import expressions

MADE = expressions.dashboards()
ANY = pytest.mark.parametrize("made", MADE.values(), ids=MADE)
# wire.md, Metrics: names users rely on
WIRE = re.findall(
    r"\w+",
    """
equilibrium_regret_total equilibrium_regret_average equilibrium_nash_equilibrium equilibrium_convergence_distance
equilibrium_convergence_seconds equilibrium_potential equilibrium_routing_probability equilibrium_reputation_score
equilibrium_punishment_active equilibrium_punishment_level equilibrium_request_latency equilibrium_request_count
equilibrium_proxy_overhead_seconds equilibrium_endpoint_health equilibrium_endpoint_type_probability
equilibrium_cost_prediction_error equilibrium_advice_followed_total equilibrium_admission_total
equilibrium_capacity_utilisation equilibrium_headroom equilibrium_auction_price equilibrium_defense_probability
equilibrium_exploitability equilibrium_red_drop_probability equilibrium_queue_fill equilibrium_drops_total
equilibrium_degradation_scale equilibrium_degradation_state equilibrium_degradation_transitions_total
equilibrium_memory_pressure equilibrium_events_total equilibrium_policy_failures_total mbcas_demand_intensity
gtcas_global_potential mbcas_alloc_cpu_mcores mbcas_effective_bid mbcas_resize_events_total mbcas_resize_delta_mcores
mbcas_fairness_ratio equilibrium_advice_gap equilibrium_advice_welfare_ratio equilibrium_cycle_seconds
""",
)
SOURCE = "".join(path.read_text() for room in ("sidecar", "coordinator") for path in Path(room).rglob("*.py"))
RECORDED = {rule["record"] for _, rule in expressions.rules() if "record" in rule}
DOC = Path("docs/dashboards.md").read_text()


def panels(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in made["panels"] if panel["type"] != "row"]


def metrics(expr: str) -> set[str]:
    """Names of series in an expression: with a prefix of ours, or of the kubelet's."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    return set(re.findall(r"(?<![\w:])(?:equilibrium|mbcas|gtcas|container)[\w:]+", bare))


def exists(metric: str) -> bool:
    """Whether code of ours spells it: whole, or as an f-string's beginning and one of the words put into it."""
    names = {metric, re.sub(r"_(total|bucket|sum|count)$", "", metric)}
    cuts = [(name[: cut.end()], name[cut.end() :]) for name in names for cut in re.finditer("_", name)]
    whole = any(f'"{name}"' in SOURCE for name in names)
    return whole or any(f'"{head}{{' in SOURCE and f'"{word}"' in SOURCE for head, word in cuts)


def test_the_files_are_what_the_program_writes() -> None:
    for path, text in program.files().items():
        assert path.read_text() == text, f"python -m dashboards.grafana writes another {path.name}"
    assert {path.stem for path in program.files()} == set(MADE)


def test_the_check_says_which_file_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "HERE", tmp_path)
    monkeypatch.setattr("sys.argv", ["grafana", "--check"])
    assert program.main() == 1
    assert "routing.json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "it only looks"
    monkeypatch.setattr("sys.argv", ["grafana"])
    assert program.main() == 0
    monkeypatch.setattr("sys.argv", ["grafana", "--check"])
    assert program.main() == 0


def test_dashboards_are_told_apart() -> None:
    assert len({made["uid"] for made in MADE.values()}) == len(MADE)
    assert len({made["title"] for made in MADE.values()}) == len(MADE)


@ANY
def test_it_is_of_a_schema_that_grafana_10_and_11_read(made: dict[str, Any]) -> None:
    assert 36 <= made["schemaVersion"] <= 39
    assert "id" not in made, "the database's number: an import would overwrite somebody's dashboard"
    assert "equilibrium" in made["tags"]
    assert made["refresh"]


@ANY
def test_everything_asks_the_data_source_that_was_chosen(made: dict[str, Any]) -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    first, *others = made["templating"]["list"]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert all(other["datasource"] == source for other in others)
    for panel in panels(made):
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])


@ANY
def test_every_variable_in_a_query_is_one_that_can_be_chosen(made: dict[str, Any]) -> None:
    known = {each["name"] for each in made["templating"]["list"]} | {"__rate_interval"}
    used = {
        name
        for panel in panels(made)
        for target in panel["targets"]
        for name in re.findall(r"\$(\w+)", target["expr"])
    }
    assert used <= known
    assert used >= known - {"datasource", "__rate_interval"}, "a choice that changes nothing"


@ANY
def test_panels_have_numbers_words_and_units(made: dict[str, Any]) -> None:
    numbers = Counter(panel["id"] for panel in made["panels"])
    assert max(numbers.values()) == 1
    assert max(Counter(panel["title"] for panel in made["panels"]).values()) <= 2
    for panel in panels(made):
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(set(refs)) == len(refs)


@ANY
def test_panels_lie_beside_each_other(made: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in made["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def test_every_series_asked_for_is_one_that_code_makes() -> None:
    for asked in (*expressions.of_panels(), *expressions.of_rules()):
        for metric in metrics(asked.expr):
            known = metric in RECORDED or metric.startswith("container_") or exists(metric)
            assert known, f"{asked}: nobody makes {metric}"


def test_a_series_nobody_makes_would_be_noticed() -> None:
    assert metrics('sum(rate(equilibrium_nonsense_total{a="mbcas_x"}[5m]))') == {"equilibrium_nonsense_total"}
    assert not exists("equilibrium_nonsense_total")
    assert exists("equilibrium_coordinator_vetoes_total")


def test_every_name_users_rely_on_is_on_a_dashboard() -> None:
    shown = {metric for asked in expressions.of_panels() for metric in metrics(asked.expr)}
    shown |= {metric.removesuffix("_bucket") for metric in shown}
    assert not [metric for metric in WIRE if metric not in shown]


@ANY
def test_every_panel_is_in_the_documentation(made: dict[str, Any]) -> None:
    section = DOC[DOC.index(f"### {made['title']}") :].split("\n### ")[0]
    for panel in panels(made):
        assert f"| {panel['title']} |" in section, panel["title"]
