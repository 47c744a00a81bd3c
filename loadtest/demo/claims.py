"""What Equilibrium claims, each with how it is measured and the bar it must reach; and the ruling on each. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.demo import chapters, measures
from loadtest.demo.recording import Recording

Verdict = Literal["holds", "fails", "too few"]
Unit = Literal["%", "s", "×", "/s"]

ENOUGH_REQUESTS = 1000
ENOUGH_READINGS = 100


@dataclass(frozen=True, slots=True)
class Claim:
    """One promise: `measure` must stay on the right side of `bar` over at least `needs` samples."""

    key: str
    what: str
    how: str
    relation: Literal["<", "≤"]
    bar: float
    unit: Unit
    measure: measures.Measure
    needs: int = ENOUGH_REQUESTS

    def reached(self, value: float) -> bool:
        """Whether the figure is good enough."""
        return value < self.bar or (self.relation == "≤" and value == self.bar)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A claim and what became of it; `excused` when a shortened run gave it too few samples."""

    claim: Claim
    measured: measures.Measured
    verdict: Verdict
    excused: bool

    @property
    def ok(self) -> bool:
        """Whether this lets the demo exit 0."""
        return self.verdict == "holds" or self.excused

    @property
    def value_text(self) -> str:
        """The figure as a reader sees it."""
        return figure(self.measured.value, self.claim.unit)

    @property
    def bar_text(self) -> str:
        """The bar as a reader sees it."""
        return f"{self.claim.relation} {figure(self.claim.bar, self.claim.unit, exact=True)}"


def figure(value: float | None, unit: Unit, *, exact: bool = False) -> str:
    """A figure with its unit; `exact` drops decimals that say nothing."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "never"
    if unit == "%":
        return f"{value * 100:g} %" if exact else f"{value * 100:.2f} %"
    digits = "g" if exact else {"s": ".1f", "×": ".2f", "/s": ".3f"}[unit]
    return f"{value:{digits}}{'' if unit in ('×', '/s') else ' '}{unit}"


def table(faults: Sequence[chapters.Fault]) -> list[Claim]:
    """The claims a run with these faults can be held to."""
    found = [claim for fault in faults for claim in (*_during(fault), _back(fault))]
    return [*found, *_always(faults)]


def _during(fault: chapters.Fault) -> list[Claim]:
    makers = {"slow": _slow, "random": _random, "failing": _failing, "hanging": _hanging}
    return makers[fault.key](fault)


def _slow(fault: chapters.Fault) -> list[Claim]:
    return [
        Claim(
            "slow-share",
            f"{fault.title}: its share of the requests",
            "answers by that pod / all answers, from 2 s after the fault to its end",
            "<",
            0.03,
            "%",
            measures.share_of_bad_pod(fault),
        ),
        Claim(
            "slow-tail",
            f"{fault.title}: requests slower than 2× the healthy p99",
            "against the p99 of the steady chapter, from 2 s after the fault to its end",
            "<",
            0.02,
            "%",
            measures.slow_tail(fault),
        ),
    ]


def _random(fault: chapters.Fault) -> list[Claim]:
    return [
        Claim(
            "random-share",
            f"{fault.title}: its share of the requests",
            "answers by that pod / all answers, from 2 s after the fault to its end",
            "<",
            0.08,
            "%",
            measures.share_of_bad_pod(fault),
        ),
        Claim(
            "random-p99",
            f"{fault.title}: p99 against healthy",
            "p99 from 2 s after the fault to its end / p99 of the steady chapter",
            "≤",
            1.5,
            "×",
            measures.p99_ratio(fault),
        ),
    ]


def _failing(fault: chapters.Fault) -> list[Claim]:
    return [
        Claim(
            "failing-errors",
            f"{fault.title}: requests that fail, retries included",
            "clients that got no 200 / all requests, from 2 s after the fault to its end",
            "<",
            0.001,
            "%",
            measures.errors(fault),
        )
    ]


def _hanging(fault: chapters.Fault) -> list[Claim]:
    return [
        Claim(
            "hanging-slow-or-lost",
            f"{fault.title}: requests slower than 1 s or lost",
            "from 2 s after the fault to its end",
            "<",
            0.01,
            "%",
            measures.slow_or_lost(fault),
        )
    ]


def _back(fault: chapters.Fault) -> Claim:
    return Claim(
        f"{fault.key}-back",
        f"healed ({fault.title}): seconds until its share is 15 % again",
        "end of the first 5 s in which it gave 15 % of the answers",
        "≤",
        measures.BACK_S,
        "s",
        measures.back_after_s(fault),
    )


def _always(faults: Sequence[chapters.Fault]) -> list[Claim]:
    return [
        Claim(
            "highest-share",
            "a healed pod's largest share: no stampede",
            "in any 5 s of any recovery",
            "≤",
            0.60,
            "%",
            measures.highest_share(faults),
        ),
        Claim(
            "nash-again",
            "Nash = 1 again after each fault and each recovery",
            "polled from the gateway's sidecar, held for 1 s; the slowest change",
            "≤",
            15.0,
            "s",
            measures.nash_again_s(faults),
            needs=2 * len(faults),
        ),
        Claim(
            "steady-variation",
            "steady: how fast the realised shares move",
            "total variation between successive 5 s windows / 5 s; the worst service",
            "<",
            0.05,
            "/s",
            measures.steady_variation,
        ),
        Claim(
            "prediction-error",
            "predicted against observed cost",
            "|predicted − observed| / observed, median over endpoints and polls",
            "≤",
            0.25,
            "%",
            measures.prediction_error,
            needs=ENOUGH_READINGS,
        ),
    ]


def rule(claims: Sequence[Claim], recording: Recording, *, scale: float = 1.0) -> list[Ruling]:
    """What became of each claim; a run shortened to `scale` needs so much fewer samples, and is excused."""
    return [_ruling(claim, claim.measure(recording), scale) for claim in claims]


def _ruling(claim: Claim, measured: measures.Measured, scale: float) -> Ruling:
    if measured.value is None or measured.samples < claim.needs * min(scale, 1.0):
        return Ruling(claim, measured, "too few", excused=scale < 1.0)
    return Ruling(claim, measured, "holds" if claim.reached(measured.value) else "fails", excused=False)
