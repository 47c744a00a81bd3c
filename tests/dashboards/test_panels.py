"""What a panel makes of figures, by Prometheus' own rules: several coordinators, several services, nothing at all."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards import expressions

PANELS = {
    (name, panel["title"]): panel
    for name, made in expressions.dashboards().items()
    for panel in made["panels"]
    if panel["type"] != "row"
}
pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None and "CI" not in os.environ,
    reason="promtool is not installed (Debian: apt-get install prometheus)",
)
MINUTES = 5


def shows(
    directory: Path, place: tuple[str, str], series: dict[str, str], samples: dict[str, float], query: int = 0
) -> None:
    """After minutes of `series` (one value a minute, in promtool's notation) a query of the panel has `samples`."""
    expr = expressions.filled(PANELS[place]["targets"][query]["expr"]).replace(expressions.WINDOW, "2m")
    told: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": f"{MINUTES}m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
        ],
    }
    path = directory / "panel.test.yml"
    path.write_text(json.dumps({"rule_files": [], "tests": [told]}))
    ran = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_cpu_that_is_taken_is_seen_although_a_second_coordinator_took_nothing(tmp_path: Path) -> None:
    series = {
        'mbcas_resize_delta_mcores{namespace="n",pod="a",instance="leads"}': "-200x9",
        'mbcas_resize_delta_mcores{namespace="n",pod="a",instance="follows"}': "0x9",
    }
    shows(tmp_path, ("market", "Resize deltas"), series, {'{namespace="n",pod="a"}': -200})


def test_use_is_that_of_pods_in_the_market_and_not_of_the_whole_cluster(tmp_path: Path) -> None:
    used = 'container_cpu_usage_seconds_total{namespace="n",pod="%s",container="app"}'
    series = {
        used % "sized": "0+30x9",
        used % "other": "0+60x9",
        'mbcas_alloc_cpu_mcores{namespace="n",pod="sized"}': "800x9",
    }
    shows(tmp_path, ("market", "Usage and allocation"), series, {'{namespace="n",pod="sized"}': 500})


@pytest.mark.parametrize(("attempts", "samples"), [("0x9", {}), ("0+60x9", {"{}": 0.25})])
def test_no_share_of_attempts_fails_where_there_are_none(
    tmp_path: Path, attempts: str, samples: dict[str, float]
) -> None:
    count = (
        'equilibrium_request_count{namespace="n",workload="w",pod="a",service="s",action="e",outcome="%s"}'
    )
    series = {count % "succeeded": attempts, count % "failed": attempts.replace("60", "20")}
    shows(tmp_path, ("routing", "Attempts that failed"), series, samples)


def test_shares_of_several_services_are_not_stacked_beyond_what_the_axis_shows() -> None:
    field = PANELS["routing", "Share of attempts by endpoint"]["fieldConfig"]["defaults"]
    assert field["max"] == 1
    assert field["custom"]["stacking"]["mode"] == "none"
    beyond = [
        place
        for place, panel in PANELS.items()
        if panel["fieldConfig"]["defaults"].get("max") == 1
        and panel["fieldConfig"]["defaults"]["custom"].get("stacking", {}).get("mode") == "normal"
    ]
    assert not beyond
