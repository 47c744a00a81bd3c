"""The open-loop generators of one arm: one process per route, read by a thread each, all stopped together."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from loadtest import load, openloop, processes

REPORT_S = 0.25
SETTLE_S = 30.0
"""More than any request may take to end after the last one was sent."""


class Loads:
    """Running generators by service."""

    def __init__(self, children: processes.Children, plans: Mapping[str, openloop.Plan]) -> None:
        self._running = {
            service: load.start(children, plan, every_s=REPORT_S, name=f"load-{service}")
            for service, plan in plans.items()
        }
        pool = ThreadPoolExecutor(len(plans), "load")
        self._finishing: dict[str, Future[list[load.Sample]]] = {
            service: pool.submit(running.finish) for service, running in self._running.items()
        }
        pool.shutdown(wait=False)  # each thread ends with its generator

    def samples(self, service: str) -> list[load.Sample]:
        """What has ended so far, about in the order in which it did."""
        return self._running[service].samples

    def check(self) -> None:
        """StartError when a generator has given up."""
        for running in self._running.values():
            if not running.child.running:
                raise processes.StartError(f"{running.child.obituary()}:\n{running.child.last_words()}")

    def stop(self) -> dict[str, list[load.Sample]]:
        """Send nothing more, wait for the answers; all samples, ascending by the instant due."""
        for running in self._running.values():
            running.child.process.terminate()
        return {service: sorted(finishing.result(SETTLE_S)) for service, finishing in self._finishing.items()}

    def late_p99_ms(self) -> dict[str, float]:
        """How late the generators were in sending; known once stopped."""
        return {
            service: running.late_p99_ms
            for service, running in self._running.items()
            if running.late_p99_ms is not None
        }
