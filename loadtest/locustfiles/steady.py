"""Steady reads of one bus, one line and one's own account: what the demo's open-loop load asks for.

Usable alone against any gateway:  locust -f loadtest/locustfiles/steady.py --host http://GATEWAY -u 30
Each user asks 5 times a second (a closed loop: behind a slow answer the user waits, and asks less).
"""

import os
import random

from locust import FastHttpUser, constant_throughput, task

RIDERS = int(os.environ.get("RIDERS", "200"))
BUSES = [f"32H-BUS-{number:05d}" for number in range(1, 21)]


class Reader(FastHttpUser):
    """Logs in once, then reads."""

    wait_time = constant_throughput(5)
    network_timeout = 5.0
    connection_timeout = 5.0
    refs: list[str]
    token: str

    def on_start(self) -> None:
        """What there is to read; a reader that cannot log in has nothing to do."""
        number = random.randrange(RIDERS)
        answer = self.client.post(
            "/api/auth/login",
            json={"email": f"rider{number:03d}@urbanmove.ma", "password": f"password-{number:03d}"},
        )
        self.token = answer.json()["accessToken"]
        self.refs = [line["ref"] for line in self.client.get("/api/lines").json()]

    @task
    def bus(self) -> None:
        """One bus."""
        self.client.get(f"/api/buses/number/{random.choice(BUSES)}", name="/api/buses/number/{n}")

    @task
    def line(self) -> None:
        """One line."""
        self.client.get(f"/api/lines/{random.choice(self.refs)}", name="/api/lines/{ref}")

    @task
    def account(self) -> None:
        """One's own account."""
        self.client.get("/api/users/me", headers={"Authorization": f"Bearer {self.token}"})
