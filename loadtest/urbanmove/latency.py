"""How long each route takes when nothing is wrong: one table, so that a reader sees the whole spread.

The waits stand for database and JVM time. CPU that is really spent (the `/search` scan, the login hash)
comes on top. `/pay` has no row: it waits `--pay-s` itself.
"""

import asyncio
import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """A lognormal waiting time."""

    median_ms: float
    sigma: float = 0.25
    """Spread of the logarithm: the 99th percentile is the median × e^(2.33 sigma)."""


KEY = Wait(4)
READ = Wait(5)
WRITE = Wait(6)
LIST = Wait(8)
LARGE = Wait(15, 0.3)
SCAN = Wait(25, 0.3)
HASH = Wait(5, 0.3)  # the hash itself adds about 10 ms of CPU

TABLE: dict[str, dict[str, Wait]] = {
    "gateway": {},
    "bus": {
        "GET /api/buses": LIST,
        "POST /api/buses": WRITE,
        "GET /api/buses/{id}": KEY,
        "GET /api/buses/number/{number}": KEY,
        "GET /api/buses/status/{status}": LIST,
        "GET /api/buses/line/{line}": LIST,
        "PUT /api/buses/{id}": WRITE,
        "PATCH /api/buses/{id}/location": WRITE,
        "DELETE /api/buses/{id}": WRITE,
        "GET /ws/gps-tracking": KEY,
    },
    "trajet": {
        "GET /api/lines": LIST,
        "GET /api/lines/{ref}": KEY,
        "GET /api/lines/{ref}/routes": READ,
        "GET /api/lines/routes/{id}": KEY,
        "GET /api/lines/routes/{id}/stops": READ,
        "GET /api/lines/{ref}/complete": LARGE,
        "GET /api/search": SCAN,
    },
    "user": {
        "POST /api/auth/register": HASH,
        "POST /api/auth/login": HASH,
        "GET /api/users/me": KEY,
        "GET /api/users/{id}": KEY,
        "GET /api/users/admin/all": LIST,
        "PUT /api/users/{id}": WRITE,
        "DELETE /api/users/{id}": WRITE,
        "PUT /api/users/admin/{id}/role": WRITE,
        "POST /api/users/change-password": HASH,
    },
    "ticket": {
        "GET /api/v1/tickets": LIST,
        "GET /api/v1/tickets/{id}": KEY,
        "POST /api/v1/tickets": WRITE,  # and the call to trajet
        "POST /api/v1/tickets/{id}/pay": Wait(0),  # waits for the bank: --pay-s
        "POST /api/v1/tickets/{id}/cancel": WRITE,
        "POST /api/v1/tickets/{id}/scan": WRITE,
        "POST /api/v1/payments/webhook": WRITE,
    },
}


class Latency:
    """Draws waiting times for one role."""

    def __init__(self, role: str, rng: random.Random) -> None:
        self._waits = TABLE[role]
        self._rng = rng

    def sample_s(self, route: str) -> float:
        """One waiting time in seconds; 0 for a route without a row."""
        wait = self._waits.get(route)
        if wait is None or not wait.median_ms:
            return 0.0
        return self._rng.lognormvariate(math.log(wait.median_ms / 1000), wait.sigma)

    async def sleep(self, route: str) -> None:
        """Wait as long as this route takes."""
        if wait_s := self.sample_s(route):
            await asyncio.sleep(wait_s)
