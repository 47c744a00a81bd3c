"""What a proxy costs, as tables: medians and (least–most) over the repetitions. Pure.

Ratios and differences are taken within each repetition, then summarised: see `loadtest.figures`.
"""

from collections.abc import Callable, Sequence

from loadtest import figures
from loadtest.bench import document, notes, results

NONE = "–"


def cost(outcome: results.Outcome, features: dict[str, float]) -> list[document.Block]:
    """The first part: small bodies, connections kept; memory; our own path by step."""
    blocks: list[document.Block] = [
        document.Heading(2, "Cost: small bodies, connections kept"),
        *section(outcome),
    ]
    if outcome.memory:
        blocks += [
            document.Heading(3, "Memory"),
            document.Table(MEMORY_HEAD, memory_rows(outcome)),
            document.Text(notes.memory(outcome)),
        ]
    if features:
        rows = [[name, f"{us:.2f}"] for name, us in features.items()]
        blocks += [document.Heading(3, "Our own data path, by step"), document.Table(FEATURE_HEAD, rows)]
    return blocks


def bodies(outcomes: Sequence[results.Outcome]) -> list[document.Block]:
    """Larger bodies, and connections that are not kept."""
    blocks: list[document.Block] = []
    for outcome in outcomes:
        blocks += [document.Heading(2, f"Cost: {title(outcome)}"), *section(outcome)]
    return blocks


def title(outcome: results.Outcome) -> str:
    """`10 kB bodies`, `a connection per request`."""
    if outcome.one_shot:
        return "a connection per request"
    count = outcome.path.removeprefix("/bytes/")
    if not count.isdigit():
        return "small bodies"
    size = int(count)
    return f"{size / 1_000_000:g} MB bodies" if size >= 1_000_000 else f"{size / 1000:g} kB bodies"


def section(outcome: results.Outcome) -> list[document.Block]:
    """Both loads of one section."""
    return [
        document.Text(notes.what(outcome)),
        document.Heading(3, "Saturated (wrk, closed loop)"),
        document.Table(SATURATED_HEAD, saturated_rows(outcome)),
        document.Text(notes.saturated(outcome)),
        document.Heading(3, f"Open loop, {outcome.rate:,.0f} requests/s"),
        document.Table(STEADY_HEAD, steady_rows(outcome)),
        document.Text(notes.steady(outcome)),
    ]


SATURATED_HEAD = (
    "proxy",
    "requests/s",
    "requests per proxy CPU second",
    "against Envoy",
    "CPU µs per request",
    "proxy core used",
    "p50 ms",
    "p99 ms",
    "RSS MiB",
)


def saturated_rows(outcome: results.Outcome) -> document.Rows:
    """One row per arm, the cheapest proxy first, direct on top."""
    return [
        [
            outcome.titles[arm],
            _cell(outcome, arm, lambda r: r.saturated.requests_per_s, 0),
            _cell(outcome, arm, lambda r: r.saturated.requests_per_cpu_s, 0),
            _text(figures.spread(against_envoy(outcome, arm)), 2, "×"),
            _cell(outcome, arm, lambda r: r.saturated.cpu_us, 1),
            _core(outcome, arm),
            _cell(outcome, arm, lambda r: r.saturated.p50_ms, 2),
            _cell(outcome, arm, lambda r: r.saturated.p99_ms, 2),
            _cell(outcome, arm, lambda r: r.saturated.rss_mib, 0),
        ]
        for arm in _ranked(outcome)
    ]


def against_envoy(outcome: results.Outcome, arm: str) -> list[float]:
    """Requests per CPU second as a multiple of Envoy's in the same repetition; empty without Envoy."""
    return figures.ratios(
        _series(outcome, arm, lambda r: r.saturated.requests_per_cpu_s),
        _series(outcome, "envoy", lambda r: r.saturated.requests_per_cpu_s),
    )


STEADY_HEAD = (
    "proxy",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "added p50 ms",
    "added p99 ms",
    "added p99.9 ms",
    "CPU µs per request",
    "failed",
)


def steady_rows(outcome: results.Outcome) -> document.Rows:
    """One row per arm; what was added is against direct in the same repetition."""
    columns: list[Pick] = [lambda r: r.steady.p50_ms, lambda r: r.steady.p99_ms, lambda r: r.steady.p999_ms]
    return [
        [
            outcome.titles[arm],
            *(_cell(outcome, arm, pick, 2) for pick in columns),
            *(_text(figures.spread(added(outcome, arm, pick)), 2) for pick in columns),
            _cell(outcome, arm, lambda r: r.steady.cpu_us, 0),
            str(sum(r.steady.failed for r in outcome.of(arm))),
        ]
        for arm in _ranked(outcome)
    ]


def added(outcome: results.Outcome, arm: str, pick: "Pick") -> list[float]:
    """Differences to direct, one per repetition; empty for direct itself and without it."""
    if arm == "direct":
        return []
    return figures.differences(_series(outcome, arm, pick), _series(outcome, "direct", pick))


MEMORY_HEAD = ("proxy", "just started, MiB", "after the requests, MiB", "failed")


def memory_rows(outcome: results.Outcome) -> document.Rows:
    """One row per proxy, the smallest first."""
    return [
        [outcome.titles[m.arm], f"{m.started_mib:.0f}", f"{m.after_mib:.0f}", str(m.failed)]
        for m in sorted(outcome.memory, key=lambda m: m.after_mib)
    ]


FEATURE_HEAD = ("step", "CPU µs per request")


Pick = Callable[[results.Repetition], float | None]


def _series(outcome: results.Outcome, arm: str, pick: Pick) -> list[float | None]:
    """One value per repetition, None where the arm is missing: series of two arms pair up."""
    by_number = {r.number: pick(r) for r in outcome.of(arm)}
    return [by_number.get(number) for number in range(outcome.rounds)]


def _ranked(outcome: results.Outcome) -> list[str]:
    """Direct first, then cheapest first: by the paired ratio to Envoy, else by median CPU per request.

    Medians of noisy rounds can order two arms differently from their ratios; the ratio is the better judge.
    """

    def cost(arm: str) -> float:
        paired = figures.spread(against_envoy(outcome, arm))
        if paired:
            return 1 / paired.median
        found = figures.spread(_series(outcome, arm, lambda r: r.saturated.cpu_us))
        return found.median if found else 0.0

    return sorted({r.arm for r in outcome.repetitions}, key=lambda arm: (arm != "direct", cost(arm)))


def _cell(outcome: results.Outcome, arm: str, pick: Pick, digits: int) -> str:
    return _text(figures.spread(_series(outcome, arm, pick)), digits)


def _text(found: figures.Spread | None, digits: int, unit: str = "") -> str:
    return f"{found.text(digits)}{unit}" if found else NONE


def _core(outcome: results.Outcome, arm: str) -> str:
    """Median share of its core; † where the proxy was not what limited the rate."""
    used = notes.core_used(outcome, arm)
    if used is None:
        return NONE
    return f"{used:.0%}{'' if used >= notes.FULL_CORE else ' †'}"
