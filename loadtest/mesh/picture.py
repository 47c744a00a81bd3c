"""What the sidecars of a mesh say in `/state`, as a frame of the live page. Pure."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboards.live import frame
from loadtest.mesh import addresses

State = Mapping[str, Any]
WINDOW_S: Final = 5.0
"""Over which requests are counted."""
_TONES: Final[Mapping[str, frame.Tone]] = {"ejected": "bad", "admitted": "good", "probing": "plain"}
_WORDS: Final = {"ejected": "is ejected", "admitted": "is readmitted", "probing": "is tried again"}

Say = Callable[[str, str, str, frame.Tone], None]
"""kind, text, who, tone"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What load generators saw of a service through the gateway in the last seconds."""

    p99_s: float | None = None
    mean_s: Mapping[str, float] = field(default_factory=dict)
    """By pod."""


@dataclass(slots=True)
class Counts:
    """Settled requests of one caller and service, by address, over the last `WINDOW_S`."""

    seen: deque[tuple[float, Mapping[str, int]]] = field(default_factory=deque)

    def add(self, at_s: float, settled: Mapping[str, Mapping[str, int]]) -> None:
        """Totals as of now."""
        self.seen.append((at_s, {address: sum(each.values()) for address, each in settled.items()}))
        while len(self.seen) > 2 and self.seen[1][0] <= at_s - WINDOW_S:
            self.seen.popleft()

    @property
    def ever(self) -> int:
        """Requests since the sidecar began."""
        return sum(self.seen[-1][1].values())

    def recent(self) -> tuple[float | None, Mapping[str, int]]:
        """Requests a second, and how many went where; None before there are two readings."""
        (from_s, before), (to_s, after) = self.seen[0], self.seen[-1]
        counted = {address: max(0, total - before.get(address, 0)) for address, total in after.items()}
        return (sum(counted.values()) / (to_s - from_s) if to_s > from_s else None), counted


class Picture:
    """Remembers what it takes to say rates and changes. `say` hears of every change of health."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._counts: dict[tuple[str, str], Counts] = {}
        self._health: dict[tuple[str, str], Mapping[str, str]] = {}

    def services(
        self, states: Mapping[str, State], at_s: float, measured: Mapping[str, Measured]
    ) -> dict[str, frame.Service]:
        """By service; `states` by pod. Who has never sent anything is left out."""
        rows: dict[str, dict[str, frame.Row]] = {}
        endpoints: dict[str, dict[str, str]] = {}
        for pod, state in states.items():
            for service, told in state["services"].items():
                counts = self._counts.setdefault((pod, service), Counts())
                counts.add(at_s, told["settled"])
                self._notice(pod, service, told)
                if counts.ever:
                    seen = measured.get(service) if pod.startswith(addresses.GATEWAY) else None
                    row = _row(told, counts, seen or Measured())
                    rows.setdefault(service, {})[pod] = row
                    endpoints.setdefault(service, {}).update(told["endpoints"])
        return {
            name: frame.Service(endpoints=endpoints[name], rows=each) for name, each in sorted(rows.items())
        }

    def _notice(self, pod: str, service: str, told: State) -> None:
        before, now = self._health.get((pod, service), {}), told["health"]
        self._health[pod, service] = now
        for address, health in now.items():
            if health in _WORDS and before.get(address, health) != health:
                name = told["endpoints"].get(address, address)
                self._say(health, f"{name} {_WORDS[health]}", pod, _TONES[health])


def standings(states: Mapping[str, State]) -> dict[str, frame.Standing]:
    """What pods think of their callers."""
    return {
        f"{pod} {caller}": frame.Standing(
            target=pod,
            caller=caller,
            score=said["reputation"],
            punished=said["punished"],
            level=said["level"] or None,
        )
        for pod, state in states.items()
        for caller, said in state["inbound"].get("callers", {}).items()
    }


def _row(told: State, counts: Counts, measured: Measured) -> frame.Row:
    rate, recent = counts.recent()
    advice = told.get("advice")
    action = (advice["action"] or None) if advice is not None else None
    return frame.Row(
        rate_per_s=rate,
        gap=told["gap"],
        nash=told["nash"],
        lyapunov=told.get("lyapunov"),
        potential=told.get("potential"),
        p99_s=measured.p99_s,
        obeys=advice["obeys"] if advice is not None and action else None,
        conditional_regret=advice["conditional_regret"] if advice is not None and action else None,
        why=advice["why"] if advice is not None else None,
        cells={
            address: _cell(told, address, name, recent, measured, action)
            for address, name in told["endpoints"].items()
        },
    )


def _cell(
    told: State,
    address: str,
    name: str,
    recent: Mapping[str, int],
    measured: Measured,
    action: Mapping[str, float] | None,
) -> frame.Cell:
    total = sum(recent.values())
    counted = recent.get(address, 0) / total if total else None
    return frame.Cell(
        share=told.get("shares", {}).get(address, counted),
        mix=told["mix"].get(address),
        regret=told.get("regrets", {}).get(address),
        cost_s=told.get("costs", {}).get(address),
        latency_s=measured.mean_s.get(name),
        load=told["in_flight"].get(address),
        health=told["health"].get(address),
        advised=action.get(address, 0.0) if action is not None else None,
    )
