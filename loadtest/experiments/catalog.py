"""The experiments there are, in the order in which they are played."""

from collections.abc import Sequence
from types import ModuleType

from loadtest.experiments import advice, budgets, memory, neighbour, outage, spike

EXPERIMENTS: Sequence[ModuleType] = (spike, neighbour, budgets, memory, advice, outage)


def named(names: Sequence[str]) -> list[ModuleType]:
    """Those of these names, in the catalog's order; KeyError for a name nobody has."""
    known = {each.NAME for each in EXPERIMENTS}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [each for each in EXPERIMENTS if each.NAME in names]
