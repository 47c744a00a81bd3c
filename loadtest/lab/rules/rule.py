"""What every routing rule is to the lab: it picks a pod for one sidecar's request and hears how that went.

Pods are small integers. One instance per sidecar; all randomness comes from the generator it is given, so that a
run is a fact. Rules never see the simulator: what they know is what a real balancer in their place would know.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple


class Load(NamedTuple):
    """What a pod says of itself, on a response or to a probe."""

    in_flight: int
    """Requests of all sidecars in it, queue included."""
    latency_s: float
    """Median of its recent completions at about this many in flight; 0: none yet."""


class Rule(ABC):
    """One sidecar's balancer for one service."""

    probes_per_request = 0.0
    """How many probes it wants sent per request; their answers come to `probed`."""
    exclude: frozenset[int] = frozenset()
    """Pods a retry has been to; a rule that cannot avoid them is asked again."""
    hears_loads = False
    """Whether pods must tell `Load` on every response: costs the simulator time, so only for those who listen."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    @abstractmethod
    def members(self, pods: Sequence[int], now: float) -> None:
        """Discovery: exactly these from now on. Called once before the first pick, again whenever it changes."""

    @abstractmethod
    def pick(self, request: int, now: float) -> int:
        """The pod for this request (a number no two open attempts of a sidecar share)."""

    @abstractmethod
    def settled(
        self, request: int, pod: int, now: float, took_s: float, *, ok: bool, load: Load | None
    ) -> None:
        """The attempt is over: first byte and end at once. `load` when `hears_loads` and the pod answered.

        A time-out is `ok=False` with what was waited. Pods that have left discovery still settle.
        """

    def abandoned(self, request: int, pod: int, now: float) -> None:  # noqa: B027 (most need not care)
        """Nobody waits any more (a hedge won): no verdict; in-flight counts must go down all the same."""

    def probe_targets(self, now: float) -> Sequence[int]:
        """Pods to probe now; asked after each pick while `probes_per_request` > 0."""
        return ()

    def probed(self, pod: int, now: float, load: Load) -> None:  # noqa: B027
        """A probe's answer."""

    def board(self, loads: Sequence[float], now: float) -> None:  # noqa: B027
        """In arms with a shared board: in-flight requests of every pod as of some time ago, by pod number."""
