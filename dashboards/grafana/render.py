"""Panels in Grafana's JSON (schema of 10.x, which 11 reads): importable, with the data source as a choice."""

from collections.abc import Iterator
from typing import Any, Final

from dashboards.grafana.panel import Dashboard, Panel, Row, Variable

Json = dict[str, Any]

SCHEMA: Final = 38
SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 24
_UNITS: Final = {"mcores": "suffix:m", "bool": "bool_yes_no"}


def dashboard(made: Dashboard) -> Json:
    """One file's content."""
    return {
        "uid": f"equilibrium-{made.name}",
        "title": made.title,
        "description": made.why,
        "tags": ["equilibrium"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one crosshair for all panels: cause and effect at the same instant
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [_link()],
        "templating": {"list": [_source(), *map(_variable, made.variables)]},
        "panels": list(_placed(made)),
    }


def _link() -> Json:
    """To the others."""
    return {
        "type": "dashboards",
        "title": "Equilibrium",
        "tags": ["equilibrium"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    }


def _source() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(made: Variable) -> Json:
    question = f"label_values({made.series}, {made.name})"
    return {
        "name": made.name,
        "label": made.label,
        "type": "query",
        "datasource": SOURCE,
        "definition": question,
        "query": {"query": question, "refId": made.name},
        "refresh": 2,  # when the time range changes: pods come and go
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _placed(made: Dashboard) -> Iterator[Json]:
    """From left to right, rows under each other; ids count from 1."""
    number, top = 0, 0
    for row in made.rows:
        number += 1
        yield _heading(row, number, top)
        top += 1
        left, tallest = 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield _panel(panel, number, place)
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def _heading(row: Row, number: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _panel(panel: Panel, number: int, place: Json) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.why,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [_target(panel, index) for index in range(len(panel.queries))],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        **({"transformations": _columns(panel)} if panel.kind == "table" else {}),
    }


def _columns(panel: Panel) -> list[Json]:
    """One row for all queries that agree on the labels; their legends head the columns."""
    heads = {f"Value #{_letter(index)}": query.legend for index, query in enumerate(panel.queries)}
    named = {"excludeByName": {"Time": True}, "renameByName": heads}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": named}]


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _target(panel: Panel, index: int) -> Json:
    query = panel.queries[index]
    table = panel.kind == "table"
    return {
        "refId": _letter(index),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "range": panel.kind not in ("table", "stat"),
        "instant": panel.kind in ("table", "stat"),
        **({"format": "table"} if table else {}),
    }


def _field(panel: Panel) -> Json:
    field: Json = {
        "unit": _UNITS.get(panel.unit, panel.unit),
        "color": {"mode": "thresholds" if panel.kind in ("stat", "state-timeline") else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "custom": _custom(panel),
    }
    bounds = {"min": panel.least, "max": panel.most}
    return field | {name: bound for name, bound in bounds.items() if bound is not None}


def _custom(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        return {
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if panel.bad is None else "dashed"},
        }
    return {"fillOpacity": 70, "lineWidth": 0} if panel.kind == "state-timeline" else {}


def _steps(panel: Panel) -> list[Json]:
    """Green up to `warn`; where `bad` is the lower one, red comes first: little is bad."""
    named = [("yellow", panel.warn), ("red", panel.bad)]
    marks = [(color, value) for color, value in named if value is not None]
    if panel.warn is not None and panel.bad is not None and panel.bad < panel.warn:
        return [_step("red", None), _step("yellow", panel.bad), _step("green", panel.warn)]
    return [_step("green", None), *(_step(color, value) for color, value in marks)]


def _step(color: str, value: float | None) -> Json:
    return {"color": color, "value": value}


def _options(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        legend = {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"], "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if panel.kind == "stat":
        shown = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": shown, "colorMode": "value", "graphMode": "none", "textMode": "auto"}
    if panel.kind == "state-timeline":
        return {"showValue": "never", "mergeValues": True, "legend": {"showLegend": True}}
    return {"showHeader": True, "sortBy": []}
