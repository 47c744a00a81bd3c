"""A rider's journey through UrbanMoveMS: log in, search, look at lines and buses, buy a ticket, pay, list tickets.

Usable alone against any gateway:  locust -f loadtest/locustfiles/journey.py --host http://GATEWAY
Environment: RIDERS (200): how many seeded accounts, rider000@urbanmove.ma with password-000 and so on.
"""

import os
import random
import uuid
from typing import Any

from locust import FastHttpUser, between, task

RIDERS = int(os.environ.get("RIDERS", "200"))
ROUTES = 124
USER_IDS = uuid.UUID("1b671a64-40d5-491e-99b0-da01ff1f3341")
"""The frontend's namespace: tickets know riders by a UUIDv5 of their numeric id."""
SOUTH, NORTH, WEST, EAST = 33.93, 34.05, -6.92, -6.78
"""Rabat and Salé, degrees."""


class Rider(FastHttpUser):
    """One rider at a time: a journey, a pause, another rider's journey."""

    wait_time = between(0.5, 1.5)
    network_timeout = 10.0
    connection_timeout = 5.0

    @task
    def journey(self) -> None:
        """Every step in order; a rider whose login or ticket fails goes no further."""
        signed_in = self.log_in()
        if signed_in is None:
            return
        token, user_id = signed_in
        self.client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
        route_id = self.search()
        self.look_around()
        ticket_id = self.buy(user_id, route_id)
        if ticket_id is None:
            return
        self.pay(ticket_id)
        self.client.get(f"/api/v1/tickets?userId={user_id}", name="/api/v1/tickets?userId={id}")

    def log_in(self) -> tuple[str, str] | None:
        """Token and ticket owner id of a random rider; None when refused."""
        number = random.randrange(RIDERS)
        answer = self.client.post(
            "/api/auth/login",
            json={"email": f"rider{number:03d}@urbanmove.ma", "password": f"password-{number:03d}"},
        )
        if answer.status_code != 200:
            return None
        said: dict[str, Any] = answer.json()
        return said["accessToken"], str(uuid.uuid5(USER_IDS, str(said["user"]["id"])))

    def search(self) -> int:
        """The route of the first connection between two places, or any route where none is in walking distance."""
        query = "&".join(
            f"{name}={value:.5f}"
            for name, value in (
                ("fromLat", random.uniform(SOUTH, NORTH)),
                ("fromLon", random.uniform(WEST, EAST)),
                ("toLat", random.uniform(SOUTH, NORTH)),
                ("toLon", random.uniform(WEST, EAST)),
            )
        )
        answer = self.client.get(f"/api/search?{query}", name="/api/search")
        found: Any = answer.json() if answer.status_code == 200 else []
        return int(found[0]["routeId"]) if found else random.randint(1, ROUTES)

    def look_around(self) -> None:
        """All lines, one of them with its stops, all buses."""
        answer = self.client.get("/api/lines")
        lines: Any = answer.json() if answer.status_code == 200 else []
        if lines:
            ref = random.choice(lines)["ref"]
            self.client.get(f"/api/lines/{ref}/complete", name="/api/lines/{ref}/complete")
        self.client.get("/api/buses")

    def buy(self, user_id: str, route_id: int) -> str | None:
        """The id of a new ticket; None when refused."""
        answer = self.client.post(
            "/api/v1/tickets",
            json={"userId": user_id, "trajetId": route_id, "quantity": 1},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        return str(answer.json()["id"]) if answer.status_code == 201 else None

    def pay(self, ticket_id: str) -> None:
        """Pay by card: the slow step, about 2 s."""
        self.client.post(
            f"/api/v1/tickets/{ticket_id}/pay",
            json={
                "paymentMethod": "CARD",
                "cardNumber": "4111111111111111",
                "cardExpiry": "12/30",
                "cardCvv": "123",
            },
            headers={"Idempotency-Key": str(uuid.uuid4())},
            name="/api/v1/tickets/{id}/pay",
        )
