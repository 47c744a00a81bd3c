"""What a pod that goes bad costs the client, as a table per fault. Pure."""

from collections.abc import Callable, Iterator

from loadtest import figures
from loadtest.bench import document, report, results, windows

NOT_YET = "not yet"
HEAD = (
    "proxy",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "failed",
    "failed in the first second",
    "bad pods' share",
    "seconds until back",
)


def blocks(tail: results.Tail) -> list[document.Block]:
    """The part."""
    found: list[document.Block] = [
        document.Heading(2, "Tail: a pod goes bad"),
        document.Text(_what(tail)),
        document.Bullets(TOLD),
    ]
    for fault, name in tail.faults.items():
        found += [document.Heading(3, name), document.Table(HEAD, rows(tail, fault))]
    return [*found, document.Text(COLUMNS)]


def rows(tail: results.Tail, fault: str) -> document.Rows:
    """One row per arm, the best p99 first."""
    arms = sorted(
        {trial.arm for trial in tail.trials}, key=lambda arm: _middle(tail, arm, fault, lambda t: t.p99_ms)
    )
    return [
        [
            tail.titles[arm],
            _cell(tail, arm, fault, lambda t: t.p50_ms, milliseconds),
            _cell(tail, arm, fault, lambda t: t.p99_ms, milliseconds),
            _cell(tail, arm, fault, lambda t: t.p999_ms, milliseconds),
            _cell(tail, arm, fault, lambda t: t.failed_share, percent),
            _cell(tail, arm, fault, lambda t: t.first_failed_share, percent),
            _cell(tail, arm, fault, lambda t: t.bad_share, percent),
            _back(tail, arm, fault),
        ]
        for arm in arms
    ]


def milliseconds(value: float) -> str:
    """Digits where they mean something."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def percent(value: float) -> str:
    """`0 %` is none at all."""
    return "0 %" if value == 0 else f"{value:.2%}".replace("%", " %")


def _of(tail: results.Tail, arm: str, fault: str) -> Iterator[results.Trial]:
    return (trial for trial in tail.trials if (trial.arm, trial.fault) == (arm, fault))


def _middle(tail: results.Tail, arm: str, fault: str, pick: Callable[[results.Trial], float]) -> float:
    found = figures.spread([pick(trial) for trial in _of(tail, arm, fault)])
    return found.median if found else 0.0


def _cell(
    tail: results.Tail,
    arm: str,
    fault: str,
    pick: Callable[[results.Trial], float],
    write: Callable[[float], str],
) -> str:
    found = figures.spread([pick(trial) for trial in _of(tail, arm, fault)])
    if found is None:
        return report.NONE
    if found.low == found.high:
        return write(found.median)
    return f"{write(found.median)} ({write(found.low)}–{write(found.high)})"


def _back(tail: results.Tail, arm: str, fault: str) -> str:
    """The slowest return: a pod that once stays away was away."""
    found = [trial.back_s for trial in _of(tail, arm, fault)]
    known = [back_s for back_s in found if back_s is not None]
    if not found:
        return report.NONE
    return f"≤ {max(known):.1f}" if len(known) == len(found) else NOT_YET


def _what(tail: results.Tail) -> str:
    times = "once each" if tail.rounds == 1 else f"{tail.rounds} times each"
    counted = tail.rate * (tail.fault_s - 1)
    return (
        f"Python upstreams with {tail.delay_ms:g} ms of exponential service time (at most"
        f" {4 * tail.delay_ms:g} ms), {tail.rate:,.0f} requests/s in an open loop, every fault for"
        f" {tail.fault_s:g} s, {times}, arms in rotated order. Measured from 1 s after the fault (a restart:"
        f" from its instant): about {counted:,.0f} requests, so that p99.9 is among the slowest"
        f" {max(2, round(counted / 1000) + 1)}; what happens then is watched for {tail.heal_s:g} s."
    )


TOLD = (
    "Every proxy gives a request 5 s; the client waits 6. All retry GETs at most twice.",
    "Equilibrium: its defaults, no configuration but the timeouts and the endpoints.",
    (
        "Envoy: LEAST_REQUEST, retries as Istio's with `5xx` and `reset` added, on hosts not yet tried, outlier"
        " detection with its defaults (5 errors in a row, 30 s, at most 10 % of the hosts: of three pods that is none)."
    ),
    "Envoy, tuned: the same, 1 s per try, outliers looked at every second, ejected for 5 s, at most 50 %.",
    (
        "HAProxy: `leastconn`, redispatch, retries on 500 and 502–504, 10 bad answers in a row or 2 failed active"
        " checks (every second: nobody else has them) take a server out."
    ),
    "nginx: `least_conn`, `max_fails=3 fail_timeout=10s`, the next upstream on errors, timeouts, 500, 502–504.",
)

COLUMNS = (
    "Latencies are of every request however it ended, from the instant it was due. The bad pods' share is of the"
    " requests the pods themselves received, retries and hedges included, checks left out; after a restart the pod"
    " is well again, and a third would be right. Back: until each healed pod answered"
    f" {windows.BACK_SHARE:.0%} of a slice of {windows.SLICE_S:g} s again, while it was watched."
)
