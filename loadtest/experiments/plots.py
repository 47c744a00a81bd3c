"""One arm as small multiples over time: what pods may use and use, latency, demand, throttling. Pure."""

import math
from collections.abc import Callable, Sequence

from loadtest.bench import document
from loadtest.demo import charts, grid
from loadtest.experiments import measures, watch
from loadtest.experiments.play import Recording
from loadtest.load import Sample
from loadtest.scenarios import plots

PANEL_PX = 170
TALL_PX = 210
COUNT: grid.Plain = {"rangemode": "tozero"}
MILLICORES: grid.Plain = {"rangemode": "tozero", "ticksuffix": "m"}
Points = Sequence[tuple[float, float]]


def arm(recording: Recording) -> document.Figure:
    """The arm's figure."""
    panels = [
        grid.Row([_limits(recording)], TALL_PX),
        grid.Row([_latency(recording)], PANEL_PX),
        grid.Row([_per_service(recording, "demand, as sidecars say", _demand, grid_share())], PANEL_PX),
        grid.Row([_per_service(recording, "CPU periods throttled", _throttled, grid_share())], PANEL_PX),
    ]
    script = recording.script
    bands = [grid.Band(each.from_s, each.to_s, each.name, "") for each in script.phases if each.trouble]
    plain = grid.figure(panels, bands, script.seconds)
    return document.Figure(plots.titled(plain, recording.arm.title))


def grid_share() -> grid.Plain:
    """An axis from 0 to 100 %."""
    return {"range": [0, 1.02], "tickformat": ".0%"}


def _limits(recording: Recording) -> grid.Panel:
    traces = []
    for place, name in enumerate(_names(recording)):
        looks = [each for each in recording.looks if each.service == name]
        allowed = watch.limits(looks)
        traces.append(line(f"{name} may use", allowed, place, shape="hv", legend=True))
        traces.append(
            line(f"{name} uses", _rate(looks, lambda each: 1000 * each.cpu_s), place, dash="dot", legend=True)
        )
    return grid.Panel("CPU: may use, uses", traces, MILLICORES)


def _latency(recording: Recording) -> grid.Panel:
    traces = []
    for place, name in enumerate(_names(recording)):
        parts = plots.seconds(recording.samples[name], recording.script.seconds)
        points = [(at_s, _p95(part)) for at_s, part in parts]
        traces.append(line(f"{name} p95", points, place))
    return grid.Panel("p95, failures as late as patience lasts", traces, charts.LOG_MS)


def _p95(samples: Sequence[Sample]) -> float:
    return measures.percentile_ms(95, samples)


def _per_service(
    recording: Recording,
    title: str,
    pick: Callable[[Sequence[watch.Look]], Points],
    yaxis: grid.Plain,
) -> grid.Panel:
    traces = [
        line(name, pick([each for each in recording.looks if each.service == name]), place)
        for place, name in enumerate(_names(recording))
    ]
    return grid.Panel(title, traces, yaxis)


def _demand(looks: Sequence[watch.Look]) -> Points:
    pods = len({each.pod for each in looks}) or 1
    known = [each for each in looks if each.demand is not None]
    if pods == 1:
        return [(each.at_s, each.demand or 0.0) for each in known]
    means = watch.summed(known, lambda each: each.demand or 0.0)
    counts = dict(watch.summed(known, lambda each: 1.0))
    return [(at_s, total / counts[at_s]) for at_s, total in means]


def _throttled(looks: Sequence[watch.Look]) -> Points:
    held = _rate(looks, lambda each: each.throttling.throttled)
    periods = dict(_rate(looks, lambda each: each.throttling.periods))
    return [(at_s, rate / periods[at_s] if periods.get(at_s) else 0.0) for at_s, rate in held]


def _rate(looks: Sequence[watch.Look], pick: Callable[[watch.Look], float]) -> list[tuple[float, float]]:
    """Per second, second by second, over all pods of the service."""
    found: dict[int, float] = {}
    before: dict[str, watch.Look] = {}
    for each in looks:
        last = before.get(each.pod)
        if last is None or math.floor(each.at_s) > math.floor(last.at_s):
            if last is not None:
                rate = (pick(each) - pick(last)) / (each.at_s - last.at_s)
                found[math.floor(last.at_s)] = found.get(math.floor(last.at_s), 0.0) + rate
            before[each.pod] = each
    return [(at_s + 0.5, rate) for at_s, rate in sorted(found.items())]


def _names(recording: Recording) -> list[str]:
    return [service.name for service in recording.script.services]


def line(
    name: str, points: Points, place: int, *, shape: str = "linear", dash: str = "solid", legend: bool = False
) -> grid.Plain:
    """One line."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [round(at_s, 2) for at_s, _ in points],
        "y": [round(value, 4) if math.isfinite(value) else None for _, value in points],
        "line": {"color": charts.PODS[place % len(charts.PODS)], "width": 1.8, "shape": shape, "dash": dash},
        "showlegend": legend,
    }
