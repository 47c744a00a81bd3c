"""Mixed strategies: probability vectors, how they may move, how one is drawn from, when two are the same."""

from typing import Final

TINY: Final = 1e-12


def uniform(count: int) -> list[float]:
    """Everyone alike."""
    return [1.0 / count] * count if count else []


def normalised(weights: list[float]) -> list[float] | None:
    """`weights` ≥ 0 as probabilities; None when there is nothing to normalise."""
    total = sum(weights)
    return [weight / total for weight in weights] if total > TINY else None


def grown(target: list[float], before: list[float], factor: float) -> list[float]:
    """`target`, but no share beyond `factor` × what it was (or a 20th of a fair share): traffic follows proof."""
    if not target:
        return target
    least = 1.0 / (20.0 * len(target))
    capped = [min(t, max(factor * b, least)) for t, b in zip(target, before)]  # noqa: B905 (mypyc: plain zip is native)
    return normalised(capped) or before


def draw(weights: list[float], total: float, u: float) -> int:
    """The index that `u` in [0, 1) falls on, by weight; `total` = Σ weights > 0."""
    left = u * total
    last = 0
    for index, weight in enumerate(weights):
        if weight > 0.0:
            last = index
            left -= weight
            if left < 0.0:
                return index
    return last


def total_variation(p: list[float], q: list[float]) -> float:
    """½·Σ|p − q|: the share of traffic that would have to move."""
    return 0.5 * sum([abs(a - b) for a, b in zip(p, q)])  # noqa: B905
