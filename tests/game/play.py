"""Adversaries, and play against them: what the theorems of regret matching are tried on.

Regret is counted here from what was played and what it cost; no learner's own arithmetic is used.
"""

import random
from collections.abc import Callable
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sidecar.game import mix as mixes
from sidecar.game.regret import Learner

Vector = list[float]
Step = tuple[Vector, Vector]
"""What was played, what each action cost."""
Adversary = Callable[[random.Random, int, Vector], Vector]
"""Sees the randomness, the step (from 1) and the mix about to be played; answers with losses in [0, 1]."""
NAMES: Final = ("external", "predictive", "conditional")
ROUNDING: Final = 1e-6


def bounded(examples: int) -> settings:
    """So many examples, however slow the machine."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


losses_of_16: Final = st.integers(0, 16).map(lambda n: n / 16)


def vectors(count: int) -> st.SearchStrategy[Vector]:
    """Losses of `count` actions, on a grid coarse enough for ties."""
    return st.lists(losses_of_16, min_size=count, max_size=count)


def punish_the_favourite(_rng: random.Random, _t: int, played: Vector) -> Vector:
    """Whatever is played most costs everything, the rest nothing."""
    favourite = played.index(max(played))
    return [1.0 if k == favourite else 0.0 for k in range(len(played))]


def spare_the_neglected(_rng: random.Random, _t: int, played: Vector) -> Vector:
    """Only what is played least is free."""
    neglected = played.index(min(played))
    return [0.0 if k == neglected else 1.0 for k in range(len(played))]


def above_fair_share(_rng: random.Random, _t: int, played: Vector) -> Vector:
    """Everything played more than its fair share costs."""
    return [1.0 if share > 1.0 / len(played) else 0.0 for share in played]


def longest_step(_rng: random.Random, _t: int, played: Vector) -> Vector:
    """Knows the proof: moves the regret vector as far as it can. Σ(m − x)² is convex, so at a 0/1 vector."""
    order = sorted(range(len(played)), key=lambda k: played[k])
    cuts = [set(order[:n]) for n in range(1, len(played))] + [set(order[n:]) for n in range(1, len(played))]
    tries = [[1.0 if k in cut else 0.0 for k in range(len(played))] for cut in cuts]
    return max(tries, key=lambda x: sum(r * r for r in regret_of(played, x)))


def switching(rng: random.Random, t: int, played: Vector) -> Vector:
    """One action is best for a while, then another."""
    count = len(played)
    best = (t // (7 + count)) % count
    return [0.1 * rng.random() + (0.0 if k == best else 0.8) for k in range(count)]


def noise(rng: random.Random, _t: int, played: Vector) -> Vector:
    """Means nothing."""
    return [rng.random() for _ in played]


def alternating(_rng: random.Random, t: int, played: Vector) -> Vector:
    """Always the opposite of last time: what trust in the last losses deserves least."""
    return [float((k + t) % 2) for k in range(len(played))]


ADVERSARIES: Final[list[Adversary]] = [
    punish_the_favourite,
    spare_the_neglected,
    above_fair_share,
    longest_step,
    switching,
    noise,
    alternating,
]


def scripted(script: list[Vector]) -> Adversary:
    """Losses fixed in advance, over and over."""
    return lambda _rng, t, _played: script[(t - 1) % len(script)]


def predicting(learner: Learner, prediction: Vector, trust: float) -> Vector:
    """The mix a prediction leads to; the cheapest predicted action when there is no opinion, as the router does."""
    mix = mixes.normalised(learner.weights(prediction, trust))
    best = prediction.index(min(prediction))
    return mix or [float(k == best) for k in range(len(prediction))]


def regret_of(played: Vector, losses: Vector) -> Vector:
    """Per action, of one step."""
    mean = sum(p * x for p, x in zip(played, losses, strict=True))
    return [mean - x for x in losses]


def external_regret(steps: list[Step]) -> float:
    """Σ over time, for the best fixed action in hindsight."""
    each = [regret_of(played, losses) for played, losses in steps]
    return max(sum(r[k] for r in each) for k in range(len(each[0])))


def conditional_regret(steps: list[Step]) -> float:
    """The most that playing k wherever j was played would have saved."""
    actions = range(len(steps[0][0]))
    return max(sum(p[j] * (x[j] - x[k]) for p, x in steps) for j in actions for k in actions)


def against(
    learner: Learner, adversary: Adversary, length: int, seed: int, retain: float | None = None
) -> list[Step]:
    """Play the learner's own mix; `retain` None: ρ = 1 − 1/t."""
    rng, steps = random.Random(seed), list[Step]()
    for t in range(1, length + 1):
        played = list(learner.mix)
        losses = adversary(rng, t, played)
        learner.observe(losses, 1.0 - 1.0 / t if retain is None else retain)
        steps.append((played, losses))
    return steps


def predicted(
    learner: Learner,
    adversary: Adversary,
    length: int,
    seed: int,
    predict: Callable[[random.Random, int, Vector], Vector],
    trust: Callable[[int], float],
) -> list[Step]:
    """Play against predictions: `predict` sees the step and the losses of the last one."""
    rng, steps, last = random.Random(seed), list[Step](), [0.0] * len(learner.mix)
    for t in range(1, length + 1):
        played = predicting(learner, predict(rng, t, last), trust(t))
        losses = adversary(rng, t, played)
        learner.observe(losses, 1.0 - 1.0 / t, played=played)
        steps.append((played, losses))
        last = losses
    return steps
