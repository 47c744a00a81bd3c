"""The epoch in force, its version, and who waits for the next."""

import asyncio
import random
import secrets
from typing import Final

from coordinator.policy.advice.epoch import Actions, Epoch
from sidecar import clock

LONGEST_WAIT_S: Final = 60.0
ANSWERS_PER_S: Final = 1000.0
"""Of those that wait, once there is an epoch: a thousand answers of 30 kB in one turn are a burst of memory."""


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
        self._apart_s = min(1.0, self.held / ANSWERS_PER_S)
        self._changed.set()
        self._changed = asyncio.Event()

    def knows(self, version: str) -> bool:
        """Whether an answer of that version was one of those that led to the present one."""
        return version.rpartition(".")[0] == self.version.rpartition(".")[0]

    def column(self, sidecar: str) -> dict[str, Actions]:
        """Its own, by service; empty without an epoch."""
        epoch = self.epoch
        return dict(epoch.column(sidecar)) if epoch is not None else {}

    async def beyond(self, version: str, wait_s: float) -> bool:
        """Wait until there is another version than this, or for so long; whether there is."""
        self.held += 1
        try:
            async with asyncio.timeout(min(wait_s, LONGEST_WAIT_S)):
                while self.version == version:
                    await self._changed.wait()
                    await asyncio.sleep(self._apart_s * self._rng.random())
        except TimeoutError:
            return self.version != version
        finally:
            self.held -= 1
        return True
