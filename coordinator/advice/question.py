"""A question read: its body, bounded in size and time, and what is wrong with it."""

import asyncio
from typing import Final

import orjson
from aiohttp import web

from coordinator.callers.identify import Refused
from coordinator.policy.advice import report as reports
from coordinator.policy.advice.report import Report

LARGEST_BODY: Final = 1024 * 1024
BODY_S: Final = 10.0
"""For a body to arrive in."""


async def body(request: web.Request) -> bytes:
    """Raise `Refused`: 413, 408."""
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        raise Refused(413, f"a report may have {LARGEST_BODY} bytes")
    try:
        async with asyncio.timeout(BODY_S):
            return await request.clone(client_max_size=LARGEST_BODY).read()
    except web.HTTPRequestEntityTooLarge:
        raise Refused(413, f"a report may have {LARGEST_BODY} bytes") from None
    except TimeoutError:
        raise Refused(408, f"the report did not arrive within {BODY_S:g} s") from None


def report(body: bytes) -> Report:
    """Raise `Refused` (400) with all mistakes."""
    try:
        plain = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"not JSON: {error}"[:300]) from None
    try:
        return reports.read(plain)
    except ValueError as error:
        raise Refused(400, str(error)) from None
