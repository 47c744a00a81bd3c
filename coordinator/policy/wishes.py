"""What a pod's annotations ask of the market: whether it takes part, its budget, its bounds. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar, cast

from coordinator.policy.subject import Policy
from sidecar import annotations as sizes
from sidecar import parsing
from sidecar.parsing import ParseError, unfit

DEFAULT_BUDGET: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """None where the annotations say nothing."""

    budget: float = DEFAULT_BUDGET
    min_cpu_m: int | None = None
    max_cpu_m: int | None = None
    policy: Policy | None = None


def opted_in(annotations: Mapping[str, str]) -> bool:
    """By `equilibrium.io/resize`; by the older `mbcas.enabled` where ours says nothing.

    A value that is neither true nor false counts as opted in, so that the slip is told to somebody (`read` refuses it).
    """
    stated = annotations.get(sizes.RESIZE)
    if stated is None:
        return annotations.get(sizes.ENABLED_ALIAS) == "true"
    return stated != "false"


def read(annotations: Mapping[str, str]) -> Wishes:
    """Raise ParseError with everything that is wrong; each flaw names annotation and value."""
    flaws: list[parsing.Flaw] = []

    def value(key: str, parse: Callable[[str], T]) -> T | None:
        name, text = sizes.lookup(annotations, key)
        try:
            return None if text is None else parse(text)
        except ParseError as error:
            flaws.extend(parsing.Flaw(f"{name}={str(text)[:80]!r}: {f.why}", f.allowed) for f in error.flaws)
            return None

    value(sizes.RESIZE, parsing.parse_choice("true", "false"))
    budget = value(sizes.BUDGET, sizes.parse_budget)
    least, most = value(sizes.MIN_CPU, sizes.parse_cpu), value(sizes.MAX_CPU, sizes.parse_cpu)
    policy = value(sizes.RESIZE_POLICY, parsing.parse_choice(*sizes.POLICIES))
    if flaws:
        raise ParseError(*flaws)
    if least is not None and most is not None and least > most:
        name, other = (sizes.lookup(annotations, key)[0] for key in (sizes.MIN_CPU, sizes.MAX_CPU))
        raise unfit(f"{name}={annotations[name]!r}: above {other}", f"at most its {annotations[other]}")
    return Wishes(
        budget=DEFAULT_BUDGET if budget is None else float(budget),
        min_cpu_m=least,
        max_cpu_m=most,
        policy=cast("Policy | None", policy),
    )
