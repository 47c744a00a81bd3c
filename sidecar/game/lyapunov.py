"""The distance that Blackwell's proof drives down; rising while costs do not is the alarm for flapping."""


def distance(regrets: list[float]) -> float:
    """`V = ½·Σ R_k²`: half the squared distance of the regret vector to the approachable (negative) orthant."""
    return 0.5 * sum([regret * regret for regret in regrets if regret > 0.0])
