"""One arm's charts: latency, errors, shares; where a sidecar knows them mix, regret, gap and V too. Pure."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from loadtest.demo import chapters, grid, windows
from loadtest.demo.recording import Reading, Recording

PODS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Okabe and Ito's colours: told apart without colour vision too."""
SERVICES = {"bus-service": "#0072b2", "trajet-service": "#d55e00", "user-service": "#009e73"}
PERCENT = {"tickformat": ".0%", "rangemode": "tozero"}
SHARE = {"range": [0, 1], "tickformat": ".0%", "nticks": 5}
LOG_MS = {
    "type": "log",
    "range": [0.5, 3.85],
    "tickvals": [3, 10, 30, 100, 300, 1000, 5000],
    "ticksuffix": " ms",
}


def arm(recording: Recording) -> grid.Plain:
    """The figure of one arm, time in seconds from its start."""
    rows = [grid.Row([_latency(recording)], 260), grid.Row([_errors(recording)], 80)]
    if recording.arm.judged:
        rows += [
            grid.Row([maker(recording, each) for maker in (_shares, _mix, _regrets)])
            for each in chapters.ROUTES
        ]
        rows.append(grid.Row([_gap(recording), _lyapunov(recording)]))
    else:
        rows.append(grid.Row([_shares(recording, each) for each in chapters.ROUTES]))
    return grid.figure(rows, bands(recording), recording.end_s - recording.start_s)


def bands(recording: Recording) -> list[grid.Band]:
    """The faults as they were played."""
    return [
        grid.Band(
            each.start_s - recording.start_s,
            each.end_s - recording.start_s,
            wrapped(each.chapter.fault.title),
            each.chapter.fault.service,
        )
        for each in recording.played
        if each.chapter.kind == "fault" and each.chapter.fault is not None
    ]


def wrapped(text: str, width: int = 20) -> str:
    """Lines of at most so many letters, for a narrow label."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "<br>".join(lines)


def _seconds(recording: Recording, service: str, width_s: float = 1.0) -> list[windows.Second]:
    samples, pods = recording.samples[service], recording.pods[service]
    return windows.seconds(samples, pods, recording.start_s, recording.end_s, width_s)


def _latency(recording: Recording) -> grid.Panel:
    traces = []
    for route in chapters.ROUTES:
        parts = _seconds(recording, route.service)
        at_s = [round(each.at_s - recording.start_s, 1) for each in parts]
        for name, values, dash in (
            ("p99", [each.p99_ms for each in parts], "solid"),
            ("p50", [each.p50_ms for each in parts], "dot"),
        ):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": at_s,
                    "y": [round(value, 2) for value in values],
                    "name": f"{route.short} {name}",
                    "line": {
                        "color": SERVICES[route.service],
                        "dash": dash,
                        "width": 2 if name == "p99" else 1.3,
                    },
                }
            )
    return grid.Panel("Latency per second of each route, p99 and p50 (log scale)", traces, LOG_MS)


def _errors(recording: Recording) -> grid.Panel:
    traces = []
    for route in chapters.ROUTES:
        parts = _seconds(recording, route.service)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [round(each.at_s - recording.start_s, 1) for each in parts],
                "y": [round(each.failed, 4) for each in parts],
                "name": f"{route.short} failed",
                "line": {"color": SERVICES[route.service], "width": 2},
            }
        )
    return grid.Panel("Requests that got no answer 200", traces, {**PERCENT, "nticks": 3, "range": [0, 1]})


def _shares(recording: Recording, route: chapters.Route) -> grid.Panel:
    parts = _seconds(recording, route.service, 2.0)
    at_s = [round(each.at_s - recording.start_s, 1) for each in parts]
    pods = recording.pods[route.service]
    columns = {pod: [round(each.shares[pod], 4) for each in parts] for pod in pods}
    return grid.Panel(
        f"{route.service}: who answered, per 2 s",
        _stacked(at_s, columns, route),
        SHARE,
        route.service,
        filled=True,
    )


def _mix(recording: Recording, route: chapters.Route) -> grid.Panel:
    columns = {
        pod: averaged(values) for pod, values in _columns(recording, route, lambda each: each.mix).items()
    }
    return grid.Panel(
        f"{route.service}: routing probabilities, 2 s average",
        _stacked(_at_s(recording, route), columns, route),
        SHARE,
        route.service,
        filled=True,
    )


def _regrets(recording: Recording, route: chapters.Route) -> grid.Panel:
    columns = _columns(recording, route, lambda each: each.regrets)
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": _at_s(recording, route),
            "y": values,
            "name": pod,
            "line": {"color": PODS[place % len(PODS)], "width": 1.6},
        }
        for place, (pod, values) in enumerate(columns.items())
    ]
    return grid.Panel(f"{route.service}: regrets", traces, {"rangemode": "tozero"}, route.service)


def averaged(values: Sequence[float], width: int = 8) -> list[float]:
    """Running means: between two picks the mix may jump from pod to pod, which is no more than one draw."""
    return [round(fmean(values[max(0, end - width) : end]), 4) for end in range(1, len(values) + 1)]


def _stacked(
    at_s: Sequence[float], columns: Mapping[str, Sequence[float]], route: chapters.Route
) -> list[grid.Plain]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": route.service,
            "x": at_s,
            "y": values,
            "name": pod,
            "line": {"color": PODS[place % len(PODS)], "width": 0.5},
        }
        for place, (pod, values) in enumerate(columns.items())
    ]


def _at_s(recording: Recording, route: chapters.Route) -> list[float]:
    return [round(each.at_s - recording.start_s, 2) for each in recording.readings[route.service]]


def _columns(
    recording: Recording, route: chapters.Route, of: Callable[[Reading], Mapping[str, float]]
) -> dict[str, list[float]]:
    readings = recording.readings[route.service]
    return {
        pod: [round(of(each).get(pod, 0.0), 4) for each in readings] for pod in recording.pods[route.service]
    }


def _gap(recording: Recording) -> grid.Panel:
    traces = _per_service(recording, lambda each: each.gap)
    bar = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, recording.end_s - recording.start_s],
        "y": [0.15, 0.15],
        "line": {"color": grid.INK, "dash": "dash", "width": 1},
        "name": "Nash bar",
    }
    return grid.Panel(
        "Nash gap of each service: Nash = 1 below the line",
        [*traces, bar],
        {"tickformat": ".0%", "range": [0, 1]},
    )


def _lyapunov(recording: Recording) -> grid.Panel:
    traces = _per_service(recording, lambda each: each.lyapunov)
    return grid.Panel(
        "V of each service: half the squared regret",
        traces,
        {"rangemode": "tozero", "exponentformat": "power"},
    )


def _per_service(recording: Recording, of: Callable[[Reading], float | None]) -> list[grid.Plain]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": _at_s(recording, route),
            "y": [
                None if (value := of(each)) is None else round(value, 5)
                for each in recording.readings[route.service]
            ],
            "name": route.service,
            "line": {"color": SERVICES[route.service], "width": 1.6},
        }
        for route in chapters.ROUTES
    ]
