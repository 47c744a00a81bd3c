"""What kind of caller is this? A Bayesian game: its type (cooperative, greedy, hostile) is hidden.

Cooperative callers stay within their share; greedy ones take more but are who they say; hostile ones rotate
identities and paths and have the application work for nothing. Each window of traffic is evidence; between windows
the type may switch, so belief fades back to the prior (hidden Markov model: Rabiner 1989).

An observable is a fraction x in [0, 1] and weighs `a^x·(1 − a)^(1 − x)` for a type of which a is typical: Bernoulli's
likelihood at 0 and 1, in between its geometric interpolation, so that evidence is monotone. Observables are taken as
independent given the type (naive Bayes): belief is then too sure of itself, never of the wrong thing.
"""

import math
from typing import ClassVar, Final

COOPERATIVE: Final = 0
GREEDY: Final = 1
HOSTILE: Final = 2
TYPES: Final = ("cooperative", "greedy", "hostile")
PRIOR: Final[tuple[float, ...]] = (0.94, 0.05, 0.01)
LEAST: Final = 1e-4
"""No type is ever less probable than about this: a flooder that reforms is believed within a few windows."""

# How typical each observable is: of the cooperative, the greedy, the hostile.
OVER_SHARE: Final[tuple[float, ...]] = (0.05, 0.8, 0.6)
STORM: Final[tuple[float, ...]] = (0.01, 0.3, 0.4)
CHURN: Final[tuple[float, ...]] = (0.03, 0.03, 0.5)
PATH_ENTROPY: Final[tuple[float, ...]] = (0.4, 0.4, 0.6)  # ids in paths: many honest clients never ask twice
WASTE: Final[tuple[float, ...]] = (0.05, 0.05, 0.5)


class CallerPosterior:
    """P(type | windows seen), with a hazard of switching: it forgets."""

    HAZARD_PER_S: ClassVar[float] = 0.05

    def __init__(self) -> None:
        self.probability: list[float] = list(PRIOR)  # of TYPES; they add up to 1

    def __repr__(self) -> str:
        told = ", ".join([f"{name} {p:.3f}" for name, p in zip(TYPES, self.probability)])  # noqa: B905
        return f"<CallerPosterior {told}>"

    @property
    def hostile(self) -> float:
        """Probability of an adversary."""
        return self.probability[HOSTILE]

    def observe(
        self,
        *,
        over_share: float | None = None,
        storm: float | None = None,
        churn: float | None = None,
        path_entropy: float | None = None,
        waste: float | None = None,
    ) -> None:
        """One window. Fractions in [0, 1], clipped; None: not known, says nothing.

        `over_share` how surely it is above its share, `storm` of retries, `churn` requests of identities never seen
        before, `path_entropy` bits per request of its paths over the most possible, `waste` work for nothing.
        """
        logs = [0.0, 0.0, 0.0]
        _weigh(logs, over_share, OVER_SHARE)
        _weigh(logs, storm, STORM)
        _weigh(logs, churn, CHURN)
        _weigh(logs, path_entropy, PATH_ENTROPY)
        _weigh(logs, waste, WASTE)
        weights = [p * math.exp(log) for p, log in zip(self.probability, logs)]  # noqa: B905
        least = LEAST * sum(weights)
        weights = [max(least, weight) for weight in weights]
        total = sum(weights)
        self.probability = [weight / total for weight in weights]

    def fade(self, elapsed_s: float) -> None:
        """The type may have changed meanwhile."""
        keep = math.exp(-self.HAZARD_PER_S * max(0.0, elapsed_s))
        self.probability = [
            prior + keep * (p - prior)
            for prior, p in zip(PRIOR, self.probability)  # noqa: B905
        ]


def _weigh(logs: list[float], seen: float | None, typical: tuple[float, ...]) -> None:
    """Add the log likelihoods of one observable."""
    if seen is None or math.isnan(seen):
        return
    x = min(1.0, max(0.0, seen))
    for kind, a in enumerate(typical):
        logs[kind] += x * math.log(a) + (1.0 - x) * math.log(1.0 - a)
