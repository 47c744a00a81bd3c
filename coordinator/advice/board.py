"""The epoch in force, its version, and who waits for the next."""

import asyncio
import random
import secrets
from typing import Final

from coordinator.policy.advice.epoch import Epoch
from sidecar import clock

LONGEST_WAIT_S: Final = 60.0
ANSWERS_PER_S: Final = 400.0
"""Of those that wait, once there is an epoch. Each is followed by the next report, and to read that is what a busy
coordinator can do so often: faster, reports of 25 kB pile up before those who read them."""
MOST_APART_S: Final = 3.0
SOONEST: Final = 0.75
"""Of what a question may wait, at random: those that were answered together must not all come back together."""


class Board:
    """A version is `LIFE.NUMBER`: a life of a process that leads, and its epoch. Number 0: nothing yet."""

    def __init__(self) -> None:
        self._life = secrets.token_hex(4)
        self._changed = asyncio.Event()
        self._epoch: Epoch | None = None
        self.version = f"{self._life}.0"
        self.held = 0
        """Questions and streams that wait."""
        self._apart_s = 0.0
        self._rng = random.Random()  # noqa: S311  jitter

    def __repr__(self) -> str:
        return f"Board({self.version}, {self.held} wait)"

    @property
    def epoch(self) -> Epoch | None:
        """The one in force; None before the first, and after it has expired."""
        if self._epoch is not None and clock.wall_s() >= self._epoch.expires_at:
            self._epoch = None
        return self._epoch

    def worked_out(self, epoch: Epoch) -> None:
        """By this process."""
        self.publish(f"{self._life}.{epoch.number}", epoch)

    def publish(self, version: str, epoch: Epoch) -> None:
        """In place of the last; whoever waits is told."""
        self.version, self._epoch = version, epoch
        self._apart_s = min(MOST_APART_S, self.held / ANSWERS_PER_S)
        self._changed.set()
        self._changed = asyncio.Event()

    def knows(self, version: str) -> bool:
        """Whether an answer of that version was one of those that led to the present one."""
        return version.rpartition(".")[0] == self.version.rpartition(".")[0]

    async def beyond(self, version: str, wait_s: float) -> bool:
        """Wait until there is another version than this, or for about so long; whether there is."""
        self.held += 1
        patience_s = min(wait_s, LONGEST_WAIT_S) * self._rng.uniform(SOONEST, 1.0)
        try:
            async with asyncio.timeout(patience_s):
                while self.version == version:
                    await self._changed.wait()
                    await asyncio.sleep(self._apart_s * self._rng.random())
        except TimeoutError:
            return self.version != version
        finally:
            self.held -= 1
        return True
