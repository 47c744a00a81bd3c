"""Every PromQL expression we ship, and how one is asked in a mesh that has only just begun."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

GRAFANA = Path("dashboards/grafana")
PROMETHEUS = Path("dashboards/prometheus")
RULES = (PROMETHEUS / "equilibrium.rules.yml", PROMETHEUS / "equilibrium.alerts.yml")
WINDOW = "15s"
_COMPARISON = re.compile(r"(?<=\s)(==|!=|>=|<=|>|<)(?=\s)")


class Expression(NamedTuple):
    """Where it stands (dashboard / panel, or rules / rule), and what it asks."""

    place: str
    name: str
    expr: str

    def __str__(self) -> str:
        return f"{self.place} / {self.name}: {self.expr}"


def dashboards() -> dict[str, dict[str, Any]]:
    """By the name of their file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*.json"))}


def of_panels() -> Iterator[Expression]:
    """With variables as `All` makes them, and a window that a young mesh has."""
    for name, made in dashboards().items():
        for panel in made["panels"]:
            for target in panel.get("targets", ()):
                yield Expression(name, panel["title"], filled(target["expr"]))
        for variable in made["templating"]["list"]:
            if variable["type"] == "query":
                series = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
                assert series is not None, variable["definition"]
                asked = f"count by ({series[2]}) ({filled(series[1])})"
                yield Expression(name, f"variable {variable['name']}", asked)


def filled(expr: str) -> str:
    """As Grafana would send it."""
    expr = expr.replace("$__rate_interval", WINDOW)
    return re.sub(r"\$(namespace|workload|pod|service)\b", ".*", expr)


def rules() -> list[tuple[str, dict[str, Any]]]:
    """File and rule."""
    return [
        (path.name, rule)
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def of_rules() -> Iterator[Expression]:
    """An alert's comparisons answer 0 or 1 instead of filtering: both sides have data, or there is none."""
    for file, rule in rules():
        alert = rule.get("alert")
        expr = soon(rule["expr"])
        yield Expression(file, alert or rule["record"], judged(expr) if alert else expr)


def judged(expr: str) -> str:
    """Comparisons that tell and do not filter."""
    return _COMPARISON.sub(r"\1 bool", expr)


def soon(text: str) -> str:
    """Windows, offsets and waits as short as a test."""
    text = re.sub(r"\[\d+m\]", f"[{WINDOW}]", text)
    text = re.sub(r"offset \d+m", "offset 4s", text)
    return re.sub(r"for: \d+m", "for: 1s", text)
