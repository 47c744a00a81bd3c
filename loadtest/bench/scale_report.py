"""What a request costs with more of everything, as a table per axis. Pure."""

from loadtest import figures
from loadtest.bench import document, report, results


def blocks(scale: results.Scale) -> list[document.Block]:
    """The part."""
    found: list[document.Block] = [document.Heading(2, "Scale"), document.Text(_what(scale))]
    for axis, name in scale.axes.items():
        found += [document.Heading(3, f"CPU µs per request by {name}"), table(scale, axis)]
    return found


def table(scale: results.Scale, axis: str) -> document.Table:
    """A row per arm, a column per value: CPU, and the memory at that point."""
    values = sorted({point.value for point in scale.points if point.axis == axis})
    rows = [
        [scale.titles[arm], *(_cell(scale, arm, axis, value) for value in values), _growth(scale, arm, axis)]
        for arm in scale.titles
    ]
    return document.Table(("proxy", *(f"{value:,}" for value in values), "last ÷ first"), rows)


def series(scale: results.Scale, arm: str, axis: str) -> dict[int, float]:
    """Value → median CPU µs per request."""
    found: dict[int, list[float | None]] = {}
    for point in scale.points:
        if (point.arm, point.axis) == (arm, axis):
            found.setdefault(point.value, []).append(point.cpu_us)
    spreads = {value: figures.spread(each) for value, each in sorted(found.items())}
    return {value: spread.median for value, spread in spreads.items() if spread}


def _cell(scale: results.Scale, arm: str, axis: str, value: int) -> str:
    here = [p for p in scale.points if (p.arm, p.axis, p.value) == (arm, axis, value)]
    cpu, rss = figures.spread([p.cpu_us for p in here]), figures.spread([p.rss_mib for p in here])
    if cpu is None or rss is None:
        return report.NONE
    failed = sum(p.failed for p in here)
    return f"{cpu.text()}; {rss.median:.0f} MiB" + (f"; {failed:,} failed" if failed else "")


def _growth(scale: results.Scale, arm: str, axis: str) -> str:
    """CPU at the largest value over that at the smallest, by repetition."""
    values = sorted({point.value for point in scale.points if point.axis == axis})
    cpu = {(p.number, p.value): p.cpu_us for p in scale.points if (p.arm, p.axis) == (arm, axis)}
    numbers = sorted({number for number, _ in cpu})
    pairs = [(cpu.get((number, values[0])), cpu.get((number, values[-1]))) for number in numbers]
    grown = figures.spread([last / first for first, last in pairs if first and last])
    return f"{grown.text(2)}×" if grown and len(values) > 1 else report.NONE


def _what(scale: results.Scale) -> str:
    return (
        f"Saturated by wrk for {scale.seconds:g} s per point, {scale.rounds} × each, one thing changed at a time"
        f" (otherwise 3 endpoints, 1 service, {scale.connections} connections). Every service has the same 3"
        " endpoints. Each cell: CPU µs per request; resident memory after the burst. The last column is the ratio"
        " within a repetition, where neighbours of this machine weigh alike."
    )
