"""Less work while memory is short: normal → degraded → recovering → normal.

    pressure at or above 70 %   degraded     the scale halves; again after 30 s, if it is still that high
    pressure at or above 90 %   degraded     the scale halves every control step: 0.5, 0.25, 0.125, down to 0.1
    in between                               what was decided holds (hysteresis)
    pressure below 55 %         recovering   + 0.05 every control step; normal again at 1
    unknown                                  what was decided holds: no evidence is no reason, either way

The scale multiplies what is accepted and what the sidecar itself publishes. Sensing is frequent (50 ms) so that the
first contraction comes at once; decisions are rare (a control step, 3 s), since memory takes as long to follow.
"""

import math
from dataclasses import dataclass
from typing import Final

from sidecar.policy.overload.aimd import Aimd

NORMAL: Final = "normal"
DEGRADED: Final = "degraded"
RECOVERING: Final = "recovering"

MEM_PRESSURE: Final = "MEM_PRESSURE"
DEGRADED_MODE: Final = "DEGRADED_MODE"
SCALE_DOWN: Final = "SCALE_DOWN"
SCALE_UP: Final = "SCALE_UP"

_SLACK_S: Final = 1e-6
"""Sums of 50 ms are not exact: a step that is due is not put off by a rounding error."""


@dataclass(frozen=True, slots=True)
class GovernorConfig:
    """Thresholds are shares of the memory limit. `ValueError` when they are out of order."""

    low: float = 0.55
    high: float = 0.70
    critical: float = 0.90
    factor: float = 0.5
    step: float = 0.05
    least: float = 0.1
    step_s: float = 3.0
    """Control step: no two changes of the scale are closer."""
    cooldown_s: float = 30.0
    """Between contractions below `critical`."""

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high < self.critical:
            raise ValueError(
                f"low={self.low}, high={self.high}, critical={self.critical}: must rise, from above 0"
            )
        if self.step_s <= 0.0 or self.cooldown_s < 0.0:
            raise ValueError(f"step_s={self.step_s}, cooldown_s={self.cooldown_s}: above 0, and not negative")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened, for whoever tells others: an event's kind and its plain details."""

    kind: str
    detail: dict[str, float | str]


class Governor:
    """Decides the scale from the memory pressure it is shown."""

    __slots__ = (
        "_acted_at",
        "_aimd",
        "_config",
        "_contracted_at",
        "_level",
        "pressure",
        "state",
        "transitions",
        "unknown",
    )

    def __init__(self, config: GovernorConfig | None = None) -> None:
        self._config = config or GovernorConfig()
        self._aimd = Aimd(self._config.factor, self._config.step, self._config.least)
        self._acted_at = self._contracted_at = -math.inf
        self._level = 0  # thresholds passed since pressure was last low
        self.pressure: float | None = None
        """As sensed last."""
        self.state: str = NORMAL
        self.transitions: dict[str, int] = {NORMAL: 0, DEGRADED: 0, RECOVERING: 0}
        """How often each state was entered."""
        self.unknown = 0
        """How often the pressure was not known."""

    def __repr__(self) -> str:
        return f"Governor({self.state}, scale={self.scale}, pressure={self.pressure})"

    @property
    def scale(self) -> float:
        """Share of the usual work to accept, in [least, 1]."""
        return self._aimd.scale

    def sense(self, pressure: float | None, now: float) -> list[Change]:
        """Show it the pressure (use ÷ limit; None: unknown), about every 50 ms. What changed."""
        if pressure is None or not 0.0 <= pressure < math.inf:
            self.pressure = None
            self.unknown += 1
            return []
        self.pressure = pressure
        changes = self._notice(pressure)
        if now - self._acted_at >= self._config.step_s - _SLACK_S:
            self._decide(pressure, now, changes)
        return changes

    def snapshot(self) -> dict[str, object]:
        """Plain values for people and metrics."""
        return {
            "scale": self.scale,
            "state": self.state,
            "pressure": self.pressure,
            "transitions": dict(self.transitions),
            "unknown": self.unknown,
        }

    def _notice(self, pressure: float) -> list[Change]:
        """A threshold passed on the way up, told once until pressure has been low again."""
        config = self._config
        level = 2 if pressure >= config.critical else 1 if pressure >= config.high else 0
        if level > self._level:
            self._level = level
            threshold = config.critical if level == 2 else config.high
            return [Change(MEM_PRESSURE, {"pressure": pressure, "threshold": threshold})]
        if pressure < config.low:
            self._level = 0
        return []

    def _decide(self, pressure: float, now: float, changes: list[Change]) -> None:
        config = self._config
        if pressure >= config.high:
            cooled = now - self._contracted_at >= config.cooldown_s - _SLACK_S
            if cooled or pressure >= config.critical:
                self._contract(pressure, now, changes)
        elif pressure < config.low and self.state != NORMAL:
            self._grow(pressure, now, changes)

    def _contract(self, pressure: float, now: float, changes: list[Change]) -> None:
        before = self.scale
        self._acted_at = self._contracted_at = now
        if self._aimd.contract():
            changes.append(Change(SCALE_DOWN, {"from": before, "to": self.scale, "pressure": pressure}))
        self._enter(DEGRADED, changes)

    def _grow(self, pressure: float, now: float, changes: list[Change]) -> None:
        before = self.scale
        self._acted_at = now
        if self._aimd.grow():
            changes.append(Change(SCALE_UP, {"from": before, "to": self.scale, "pressure": pressure}))
        self._enter(NORMAL if self.scale >= 1.0 else RECOVERING, changes)

    def _enter(self, state: str, changes: list[Change]) -> None:
        if state != self.state:
            changes.append(Change(DEGRADED_MODE, {"from": self.state, "to": state}))
            self.state = state
            self.transitions[state] += 1
