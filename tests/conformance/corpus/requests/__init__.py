"""Requests, by family."""

from tests.conformance.corpus.model import RequestCase
from tests.conformance.corpus.requests import (
    chunks,
    exchanges,
    fields,
    framing,
    hop_by_hop,
    host,
    limits,
    start_line,
    targets,
    trailers,
    upgrades,
)

CASES: tuple[RequestCase, ...] = (
    *start_line.CASES,
    *host.CASES,
    *targets.CASES,
    *fields.CASES,
    *framing.CASES,
    *chunks.CASES,
    *trailers.CASES,
    *limits.CASES,
    *hop_by_hop.CASES,
    *upgrades.CASES,
    *exchanges.CASES,
)
