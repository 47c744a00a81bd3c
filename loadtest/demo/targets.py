"""What the open-loop load asks for: a few buses, a few lines, one rider's own account, learnt from the gateway."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from loadtest import openloop
from loadtest.mesh import addresses, admin

RATE = 170.0
"""Requests per second and route: 12 s of it, less the first 2, are well over 1,000."""
VARIETY = 20
TIMEOUT_S = 5.0
RIDER = {"email": "rider000@urbanmove.ma", "password": "password-000"}


def plans(entry: str, seconds: float, rate: float = RATE) -> Mapping[str, openloop.Plan]:
    """One plan per loaded service. AnswerError or OSError when the gateway does not serve them."""
    token = _ask(entry, "POST", "/api/auth/login", RIDER)["accessToken"]
    numbers = [bus["busNumber"] for bus in _ask(entry, "GET", "/api/buses")]
    refs = [line["ref"] for line in _ask(entry, "GET", "/api/lines")]
    return {
        "bus-service": _plan(entry, [f"/api/buses/number/{quote(n)}" for n in numbers], seconds, rate),
        "trajet-service": _plan(entry, [f"/api/lines/{quote(ref)}" for ref in refs], seconds, rate),
        "user-service": _plan(entry, ["/api/users/me"], seconds, rate, f"Authorization: Bearer {token}"),
    }


def _plan(entry: str, paths: list[str], seconds: float, rate: float, *headers: str) -> openloop.Plan:
    return openloop.Plan(
        entry,
        addresses.GATEWAY,
        paths[0],
        rate,
        seconds,
        timeout_s=TIMEOUT_S,
        more_paths=tuple(paths[1:VARIETY]),
        headers=headers,
    )


def _ask(entry: str, method: str, path: str, fields: object = None) -> Any:
    return orjson.loads(admin.ask(entry, method, path, fields))
