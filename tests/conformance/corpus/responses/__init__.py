"""Responses, by family."""

from tests.conformance.corpus.model import ResponseCase
from tests.conformance.corpus.responses import bodies, bodiless, chunks, fields, framing, interim, status_line

CASES: tuple[ResponseCase, ...] = (
    *status_line.CASES,
    *fields.CASES,
    *framing.CASES,
    *chunks.CASES,
    *bodies.CASES,
    *bodiless.CASES,
    *interim.CASES,
)
