"""What wrk as fast as it goes does to an arm: the burst's own numbers, and the proxy's CPU and memory."""

from collections.abc import Callable

from loadtest import procfs
from loadtest.bench import results, stage, wrk
from sidecar import clock


def measure(
    standing: stage.Standing, proxy_core: int | None, burst: Callable[[], wrk.Burst]
) -> results.Saturated:
    """Run the burst; CPU is the process tree's, what others took of its core is told apart."""
    start_s, cpu_s, busy_s = clock.now(), standing.cpu_s(), _busy_s(proxy_core)
    done = burst()
    wall_s = clock.now() - start_s
    used_s = standing.cpu_s() - cpu_s
    others_s = _busy_s(proxy_core) - busy_s - used_s
    proxied = standing.child is not None and used_s > 0
    return results.Saturated(
        requests_per_s=done.requests_per_s,
        p50_ms=done.p50_ms,
        p99_ms=done.p99_ms,
        failed=done.failed,
        requests_per_cpu_s=done.requests / used_s if proxied else None,
        cpu_us=used_s / done.requests * 1e6 if proxied and done.requests else None,
        core_used=used_s / wall_s if proxied else None,
        core_stolen=max(0.0, others_s / wall_s) if proxied and proxy_core is not None else None,
        rss_mib=standing.rss_mib(),
    )


def _busy_s(core: int | None) -> float:
    return procfs.core_busy_s(core) if core is not None else 0.0
