"""`python -m loadtest.openloop … | python -m loadtest.summary`: what a load's lines say, in one."""

import sys
from collections.abc import Iterable

import orjson

from loadtest import figures
from loadtest.load import Sample, failures

PERCENTILES = (50, 95, 99)


def line(samples: list[Sample]) -> str:
    """Requests, percentiles of what was answered 200, what failed and how."""
    ordered = sorted(each.latency_ms for each in samples if each.ok)
    shown = ", ".join(f"p{percent} {figures.percentile(ordered, percent):,.0f} ms" for percent in PERCENTILES)
    failed = ", ".join(f"{count} × {outcome}" for outcome, count in sorted(failures(samples).items()))
    return f"{len(samples)} requests, {len(ordered)} answered: {shown}; failed: {failed or 'none'}"


def read(lines: Iterable[bytes]) -> list[Sample]:
    """Everything a generator printed."""
    return [Sample(*fields) for text in lines for fields in orjson.loads(text)["samples"]]


if __name__ == "__main__":
    print(line(read(sys.stdin.buffer)))
