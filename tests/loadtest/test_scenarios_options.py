import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.scenarios import application, catalog, options, pod
from sidecar import contract


@pytest.mark.parametrize("wrong", [["--only", "floods"], ["--seconds", "3"], ["--only", ""], ["now"]])
def test_wrong_usage_is_told_and_is_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        options.parse(wrong)
    assert left.value.code == 2
    assert wrong[-1] in capsys.readouterr().err


def test_only_chooses_in_the_catalogs_order() -> None:
    chosen = options.parse(["--only", "bids,flood", "--quick", "--out", "elsewhere"])
    assert [entry.name for entry in chosen.entries] == ["flood", "bids"]
    assert (chosen.quick, chosen.out) == (True, Path("elsewhere"))
    assert chosen.planned_s < options.parse(["--only", "bids,flood"]).planned_s


def test_all_of_them_take_less_than_a_quarter_of_an_hour() -> None:
    assert options.parse([]).planned_s < 15 * 60
    assert [entry.name for entry in options.parse([]).entries] == [entry.name for entry in catalog.ENTRIES]


@pytest.mark.parametrize("asked", ["--list", "--help"])
def test_every_scenario_is_named_with_what_it_is_about(asked: str) -> None:
    argv = [sys.executable, "-m", "loadtest.scenarios", asked]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for entry in catalog.ENTRIES:
        assert f"{entry.name} " in done.stdout
        assert entry.scenario.TITLE in done.stdout


def test_discovery_names_callers_by_address_and_budget() -> None:
    callers = [pod.Caller("default/ticket-service", "127.70.1.3", 3.0)]
    assert pod.document(callers) == {
        "services": [],
        "callers": [{"address": "127.70.1.3", "workload": "default/ticket-service", "budget": 3.0}],
    }


def test_the_sidecar_is_told_where_it_stands_and_nothing_else() -> None:
    told = pod.environment("127.70.1.10", "/d.json")
    assert told["EQUILIBRIUM_INBOUND"] == f"127.70.1.10:{contract.INBOUND_PORT}"
    assert told["EQUILIBRIUM_APP"] == f"127.70.1.10:{application.PORT}"
    assert not {"EQUILIBRIUM_STRATEGY", "EQUILIBRIUM_CONCURRENCY", "EQUILIBRIUM_LIMITER"} & told.keys()
