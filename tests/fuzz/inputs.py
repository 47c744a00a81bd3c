"""Where mutations start: the seeds kept here, and the conformance corpus."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.conformance.corpus import requests, responses

HERE: Final = Path(__file__).parent
CRASHES: Final = HERE / "crashes"
KEPT: Final = 8 * 1024
"""Inputs longer than this repeat more than they say."""


def seeds(target: str) -> dict[str, bytes]:
    """The files in `seeds/TARGET`, by name."""
    return {path.name: path.read_bytes() for path in sorted((HERE / "seeds" / target).iterdir())}


def corpus(target: str) -> dict[str, bytes]:
    """The conformance corpus' inputs, by case."""
    cases = requests.CASES if target == "request" else responses.CASES
    return {case.name: case.raw for case in cases if len(case.raw) <= KEPT}


def starting_points(target: str) -> list[bytes]:
    """Both, without repetition."""
    return list(dict.fromkeys([*seeds(target).values(), *corpus(target).values()]))


def keep(target: str, data: bytes, where: Path = CRASHES) -> Path:
    """Write an input that broke a promise; the name says which oracle it is for."""
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{target}-{sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path
