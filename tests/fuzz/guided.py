"""The coverage-guided run, in a process of its own: libFuzzer never returns, and a crash in C ends the process.

Only `sidecar.proxy.http1` is instrumented: what the oracles do is not to be explored.
Started by `__main__` as `python -m tests.fuzz.guided TARGET [libFuzzer's arguments]`.
"""

import random
import sys

import atheris

from tests.fuzz.mutate import mutate

with atheris.instrument_imports(include=["sidecar.proxy.http1"]):
    from tests.fuzz import inputs
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Never returns."""
    target = sys.argv.pop(1)
    starts = inputs.starting_points(target)

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return atheris.Mutate(data, most)
        return mutate(bytes(data), rng, starts, most)

    atheris.Setup(sys.argv, TARGETS[target], custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
