"""What a pod's app answers and after how long, in health and otherwise; what its connections share."""

import http
import math
import random
from collections.abc import Callable
from typing import Protocol

import orjson

from loadtest import ailment

HEALTH = b"/health"
"""Asked for by active checks: not counted as a request, ill like the rest."""
MAX_CANNED = 64
MAX_BYTES = 100_000_000


class Served(Protocol):
    """A connection, as the drain sees it."""

    def close_if_idle(self) -> None:
        """Nobody asked anything more."""


class App:
    """What every connection of the process shares: the answers, the delay, what ails it, whether it drains."""

    def __init__(self, name: str, delay_ms: float, seed: int = 7, *, sigma: float | None = None) -> None:
        self.name = name
        self.delay_ms = delay_ms
        self.sigma = sigma
        """Of the delay's logarithm; None: the delay is exponential."""
        self.draining = False
        self.received = 0
        self.ill = ailment.HEALTHY
        self.held: list[Callable[[], None]] = []
        """Answers that wait for a hang to end."""
        self.connections: set[Served] = set()
        self._random = random.Random(seed)
        self._canned: dict[bytes, tuple[bytes, bytes]] = {}

    def tell(self, now: ailment.Ailment | None) -> int:
        """Fall ill, get well or (None) stay so; how many requests have come."""
        if now is not None:
            self.ill = ailment.HEALTHY if now == ailment.HEALTHY else now
        if not self.ill.hang:
            held, self.held = self.held, []
            for answer in held:
                answer()
        return self.received

    def fails(self) -> bool:
        """Whether this request is answered with the ailment's status, at once."""
        return self.ill.fail_share > 0 and self._random.random() < self.ill.fail_share

    def failure(self) -> bytes:
        """The whole response of a request that fails."""
        phrase = http.HTTPStatus(self.ill.status).phrase.encode()
        head = b"HTTP/1.1 %d %b\r\nContent-Length: 0\r\n" % (self.ill.status, phrase)
        return head + b"X-Pod: %b\r\n\r\n" % self.name.encode()

    def delay_s(self, path: bytes) -> float:
        """Service time in seconds: what it is in health, made longer by what ails it."""
        healthy_s = self._healthy_s(path)
        if self.ill is ailment.HEALTHY:
            return healthy_s
        return healthy_s * self.ill.times + self.ill.extra_ms / 1000

    def _healthy_s(self, path: bytes) -> float:
        """From the path, else lognormal or exponential with mean `delay_ms`, the latter at most 4 × that."""
        if path.startswith(b"/delay/"):
            return _number(path[7:], 60_000) / 1000
        if not self.delay_ms:
            return 0.0
        if self.sigma is not None:
            mu = math.log(self.delay_ms) - self.sigma**2 / 2
            return self._random.lognormvariate(mu, self.sigma) / 1000
        return min(self._random.expovariate(1 / self.delay_ms), 4 * self.delay_ms) / 1000

    def answer(self, path: bytes, *, head_only: bool) -> bytes:
        """The whole response, ready to write."""
        known = self._canned.get(path)
        if known is None:
            known = self._compose(path)
            if len(self._canned) < MAX_CANNED:
                self._canned[path] = known
        head, body = known
        close = b"Connection: close\r\n\r\n" if self.draining else b"\r\n"
        return head + close + (b"" if head_only else body)

    def _compose(self, path: bytes) -> tuple[bytes, bytes]:
        kind, body = b"application/json", small_json(self.name)
        if path.startswith(b"/bytes/"):
            kind, body = b"application/octet-stream", b"x" * _number(path[7:], MAX_BYTES)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nX-Pod: %b\r\n" % (
            kind,
            len(body),
            self.name.encode(),
        )
        return head, body


def small_json(pod: str) -> bytes:
    """≈ 200 bytes: what a small read of a real service returns."""
    return orjson.dumps(
        {
            "pod": pod,
            "stop": "Central Station",
            "lines": [{"line": "12", "due_s": 95}, {"line": "40", "due_s": 210}, {"line": "7", "due_s": 420}],
            "alerts": [],
            "note": "times are seconds from now, worst first",
        }
    )


def _number(text: bytes, most: int) -> int:
    digits = text.partition(b"?")[0].partition(b"/")[0]
    return min(int(digits), most) if digits.isdigit() else 0
