"""Whether a pod is to be injected, by what its namespace and its owner say. The truth table is in docs/injection.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sidecar import contract

ALIAS: Final = "mbcas.enabled"
"""An annotation of an earlier project, honoured where ours is absent."""
_WORDS: Final = ("true", "false")


@dataclass(frozen=True, slots=True)
class OptIn:
    """The answer, and what is wrong with the question."""

    answer: Literal["in", "out", "absent"]
    mistakes: tuple[str, ...] = ()


def of_pod(annotations: Mapping[str, str], labels: Mapping[str, str], *, namespace_in: bool) -> OptIn:
    """An explicit "false" of the pod wins, then an explicit "true", then its namespace."""
    stated = explicit(annotations, labels)
    if stated.answer == "absent" and namespace_in:
        return OptIn("in", stated.mistakes)
    return stated


def explicit(annotations: Mapping[str, str], labels: Mapping[str, str]) -> OptIn:
    """What one object says about itself. A "false" is heard whatever stands beside it: it asks for nothing."""
    name = contract.INJECT if contract.INJECT in annotations else ALIAS
    given = {
        ("annotation", name): annotations.get(name),
        ("label", contract.INJECT): labels.get(contract.INJECT),
    }
    if "false" in given.values():
        return OptIn("out")
    mistakes = tuple(
        f"{what} {key}={value!r}: not a choice; allowed: true, false"
        for (what, key), value in given.items()
        if value is not None and value not in _WORDS
    )
    return OptIn("in" if "true" in given.values() else "absent", mistakes)
