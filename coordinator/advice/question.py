"""A question read: what it reports, and what is wrong with it."""

from typing import Final

import orjson

from coordinator.callers.identify import Refused
from coordinator.policy.advice import report as reports
from coordinator.policy.advice.report import Report

LARGEST_BODY: Final = 1024 * 1024


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
