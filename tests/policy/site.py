"""An application that serves so much a second, its honest callers, and whoever attacks: second by second, seeded."""

import random
from dataclasses import dataclass, field

from sidecar.policy.defence import Defence, DefenceConfig

BAD_PREFIX = "203.0.113.0/24"
COST_S = 0.01


@dataclass(slots=True)
class Request:
    """One inbound request of an unproven caller, unless said otherwise."""

    identity: str
    prefix: str
    path: bytes
    honest: bool = True
    cost_s: float = COST_S
    good: bool = True
    proven: bool = False
    answer: str = ""
    served: bool = False


@dataclass(slots=True)
class Tally:
    """What became of the requests of a stretch of time."""

    requests: list[Request] = field(default_factory=list)

    def share(self, *, honest: bool, prefix: str | None = None) -> float:
        """Of these requests, the share that was served."""
        asked = [r for r in self.requests if r.honest is honest and prefix in (None, r.prefix)]
        return sum(r.served for r in asked) / len(asked)

    def admitted(self, *, honest: bool) -> float:
        """Of these requests, the share that the defence admitted."""
        asked = [r for r in self.requests if r.honest is honest]
        return sum(r.answer == "admit" for r in asked) / len(asked)

    def touched_elsewhere(self) -> int:
        """Requests not admitted that came from other prefixes than the adversary's, or from proven callers."""
        return sum(r.answer != "admit" for r in self.requests if r.proven or r.prefix != BAD_PREFIX)


class Site:
    """`capacity_s` busy seconds a second behind a defence; what is admitted beyond that is shed, whosever it is."""

    def __init__(self, config: DefenceConfig | None = None, capacity_s: float = 1.0, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.defence = Defence(config, random.Random(seed + 1))
        self.capacity_s = capacity_s
        self.now = 1000.0
        self.count = 0
        self._waiting: list[Request] = []

    def number(self) -> int:
        """Never the same twice."""
        self.count += 1
        return self.count

    def second(self, requests: list[Request], *, congested: bool | None = None) -> None:
        """They arrive in any order; then the defence ticks."""
        self.rng.shuffle(requests)
        admitted, self._waiting = self._waiting, []
        self.defence.delayed(-len(admitted))
        for index, request in enumerate(requests):
            now = self.now + index / len(requests)
            request.answer = self.defence.judge(
                request.identity, request.prefix, request.path, now, proven=request.proven
            )
            if request.answer == "admit":
                admitted.append(request)
            elif request.answer == "delay":
                assert self.defence.delayed(1), "there must be room for what is to be delayed"
                self._waiting.append(request)
        self.now += 1.0
        overload = self._serve(admitted)
        self.defence.tick(self.now, congested=overload if congested is None else congested)

    def _serve(self, admitted: list[Request]) -> bool:
        left_s = self.capacity_s
        self.rng.shuffle(admitted)
        for request in admitted:
            if left_s < request.cost_s:
                return True
            left_s -= request.cost_s
            request.served = True
            self.defence.settled(request.prefix, request.cost_s, good=request.good)
        return False


def honest(site: Site, per_s: int = 40, prefixes: int = 20) -> list[Request]:
    """A second of many small callers: a few addresses per prefix, paths with ids in them."""
    rng = site.rng
    return [
        Request(f"10.0.{p}.{rng.randrange(5)}", f"10.0.{p}.0/24", b"/api/items/%d" % rng.randrange(1000))
        for p in (rng.randrange(prefixes) for _ in range(per_s))
    ]


def attack(
    site: Site, per_s: int = 300, *, identities: bool = True, paths: bool = True, good: bool = True
) -> list[Request]:
    """A second of an adversary at three times the capacity, from one prefix; what it rotates is the caller's choice."""
    return [
        Request(
            f"bot-{site.number()}" if identities else "bot",
            BAD_PREFIX,
            b"/api/items/%d" % site.number() if paths else b"/api/items",
            honest=False,
            good=good,
        )
        for _ in range(per_s)
    ]
