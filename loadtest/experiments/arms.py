"""Who decides what pods get: nobody, a horizontal autoscaler, the market."""

from dataclasses import dataclass
from typing import Literal

from loadtest.bench import document

Kind = Literal["static", "horizontal", "market"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to run the same services on the same node."""

    kind: Kind
    title: str


STATIC = Arm("static", "static limits")
HORIZONTAL = Arm("horizontal", "HPA-like")
MARKET = Arm("market", document.OURS)
