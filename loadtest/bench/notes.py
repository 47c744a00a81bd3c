"""The sentences around the tables: how it was measured, and what limits how far to trust it. Pure."""

from loadtest import figures
from loadtest.bench import results

FULL_CORE = 0.9
"""Above this share of its core, the proxy was the bottleneck."""


def what(outcome: results.Outcome) -> str:
    """The paragraph on top of a section."""
    times = "1 repetition" if outcome.rounds == 1 else f"{outcome.rounds} repetitions"
    kept = "a connection per request (`Connection: close`)" if outcome.one_shot else "connections kept"
    return (
        f"{times} of {outcome.seconds:g} s per load; `GET {outcome.path}`, {kept},"
        f" {outcome.endpoints} upstreams ({outcome.upstream})."
    )


def core_used(outcome: results.Outcome, arm: str) -> float | None:
    """Median share of one core the proxy used while saturated; None without a proxy."""
    found = figures.spread([each.saturated.core_used for each in outcome.of(arm)])
    return found.median if found else None


def saturated(outcome: results.Outcome) -> str:
    """Under the first table."""
    said = [_latency(outcome), _bottleneck(outcome), _stolen(outcome), _failed(outcome)]
    return " ".join(each for each in said if each)


def _latency(outcome: results.Outcome) -> str:
    return (
        f"{outcome.connections} connections. CPU is the proxy process tree's, from /proc. Latency here is"
        " the queue's: connections ÷ rate."
    )


def _bottleneck(outcome: results.Outcome) -> str:
    used = [core_used(outcome, arm) for arm in outcome.titles]
    if all(share is None or share >= FULL_CORE for share in used):
        return ""
    return (
        f"† The proxy used less than {FULL_CORE:.0%} of its core: wrk and the upstreams on theirs, or"
        " neighbours, were the limit. Requests per CPU second is the honest figure, requests/s a lower bound."
    )


def _stolen(outcome: results.Outcome) -> str:
    stolen = figures.spread([each.saturated.core_stolen for each in outcome.repetitions])
    if stolen is None:
        return ""
    return f"Others used {stolen.median:.0%} of the proxy's core (up to {stolen.high:.0%}) meanwhile."


def _failed(outcome: results.Outcome) -> str:
    counts = {arm: sum(each.saturated.failed for each in outcome.of(arm)) for arm in outcome.titles}
    said = ", ".join(f"{arm} {count:,}" for arm, count in counts.items() if count)
    return f"Failed requests: {said}." if said else ""


def steady(outcome: results.Outcome) -> str:
    """Under the open-loop table."""
    late = figures.spread([each.steady.generator_late_p99_ms for each in outcome.repetitions])
    generator = f" The generator itself sent {late.median:.2f} ms late at its p99." if late else ""
    return (
        "Latency from the instant each request was due (coordinated omission corrected); `added` is the"
        f" difference to direct within each repetition.{generator}"
    )


def memory(outcome: results.Outcome) -> str:
    """Under the memory table."""
    return (
        f"Resident, whole process tree, {outcome.memory_endpoints} endpoints known, after"
        f" {outcome.memory_requests:,} requests; one run per proxy."
    )


def top(run: results.Run) -> str:
    """The paragraph on top of the page."""
    return (
        "Arms interleaved in rotated order, each restarted for every repetition, warm-up thrown away."
        f" {run.pinning} Median (least–most). Compare arms of one run, never figures of two."
        f" The run took {run.took_s / 60:.1f} minutes."
    )


def machine(run: results.Run) -> list[str]:
    """The end of the page."""
    lines = [f"{name}: {value}" for name, value in run.machine.items()]
    lines += [f"skipped {arm}: {why}" for arm, why in run.skipped.items()]
    return [*lines, *(f"broke off: the part {part}: {why}" for part, why in run.broken.items())]
