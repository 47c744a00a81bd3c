"""A shape for the other files here: calm, then every half minute ten seconds with six times as many users.

Give it together with users:
  locust -f loadtest/locustfiles/journey.py,loadtest/locustfiles/burst.py --host http://GATEWAY
Environment: USERS (10) in calm times, MINUTES (3) altogether.
"""

import os

from locust import LoadTestShape

USERS = int(os.environ.get("USERS", "10"))
MINUTES = float(os.environ.get("MINUTES", "3"))
PERIOD_S = 30
BURST_S = 10
FACTOR = 6


class Burst(LoadTestShape):
    """Locust asks once a second how many users there shall be, and how fast to start them."""

    def tick(self) -> tuple[int, float] | None:
        """Users and users started per second; None ends the test."""
        at_s: float = self.get_run_time()  # type: ignore[no-untyped-call]
        if at_s > MINUTES * 60:
            return None
        users = USERS * FACTOR if at_s % PERIOD_S >= PERIOD_S - BURST_S else USERS
        return users, float(users)
