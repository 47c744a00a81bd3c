"""Many sidecars from one process: each follows the feed, and may report for advice too.

    python -m loadtest.fedsidecars HOST:PORT FIRST COUNT OF SERVICES EACH ADVICE

For every answer of the feed with a flipped endpoint (10.200.…) one line goes to stdout: who, address, and the time
(CLOCK_MONOTONIC). On stderr `in sync COUNT` once each has had its first answer, with ADVICE 1 `advised COUNT` once each
has been, and `broken …` for mishaps.
"""

import asyncio
import re
import sys
from typing import Final

from loadtest.fedcluster import NAMESPACE, PORT
from loadtest.fedcrowd import Crowd, Poll, connect
from loadtest.fedreports import Reporting
from sidecar import clock

WAIT_S: Final = 30
_FLIPPED: Final = re.compile(rb'"10\.200\.[0-9.]+')


class Following(Poll):
    """As `sidecar.discovery.coordinator` asks."""

    path = "/v1/endpoints"

    def told(self, answer: bytes) -> bool:
        """Note what is new; any answer is what was waited for."""
        flipped = _FLIPPED.search(answer)
        if flipped is not None:
            print(self._number, flipped[0][1:].decode(), clock.now(), flush=False)
        return True


def _question(number: int, wanted: list[int], services: int) -> dict[str, object]:
    return {
        "namespace": NAMESPACE,
        "workload": f"{NAMESPACE}/service-{number % services}",
        "zone": "eu-1a",
        "services": sorted(f"service-{one}.{NAMESPACE}:{PORT}" for one in wanted),
        "wait_s": WAIT_S,
    }


async def _run(at: str, first: int, count: int, of: int, services: int, each: int, advice: int) -> None:
    host, _, port = at.rpartition(":")
    lost: asyncio.Queue[Poll] = asyncio.Queue()
    following, reporting = Crowd(host, count, "in sync", lost), Crowd(host, count, "advised", lost)
    for number in range(first, first + count):
        wanted = sorted({0, *((number * 7 + step * 13) % services for step in range(each - 1))})
        lost.put_nowait(Following(following, number, _question(number, wanted, services)))
        if advice:
            lost.put_nowait(Reporting(reporting, number, wanted, of, services))
    async with asyncio.TaskGroup() as group:
        group.create_task(connect(lost, host, int(port)))
        group.create_task(_flushing())


async def _flushing() -> None:
    while True:
        await asyncio.sleep(0.5)
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], *map(int, sys.argv[2:8])))
