"""Mutations without coverage, for machines that have no atheris: slower to find its way in, same oracles."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.fuzz import inputs
from tests.fuzz.mutate import mutate

_CHECK_TIME_EVERY: Final = 64


def mutations(starts: Sequence[bytes], rng: random.Random) -> Iterator[bytes]:
    """Without end."""
    while True:
        yield mutate(rng.choice(starts), rng, starts)


def run(
    name: str,
    target: Callable[[bytes], None],
    starts: Sequence[bytes],
    *,
    seconds: float,
    rng: random.Random,
    crashes: Path = inputs.CRASHES,
) -> tuple[int, Path | None]:
    """(how many inputs, the one that broke a promise or raised). The traceback is printed by raising it."""
    until = time.perf_counter() + seconds
    done = 0
    for data in mutations(starts, rng):
        if done % _CHECK_TIME_EVERY == 0 and time.perf_counter() > until:
            break
        done += 1
        try:
            target(data)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what we look for)
            print(f"{name}: {type(error).__name__}: {error}")
            return done, inputs.keep(name, data, crashes)
    return done, None
