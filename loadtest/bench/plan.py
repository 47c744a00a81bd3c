"""The sizes of the parts: the whole run in about 25 minutes, the quick one in less than 4. Pure.

Bodies of 1 MB are asked for 50 times a second, not 1,000: a gigabyte a second would saturate the machine and
measure a queue.
"""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from loadtest.bench import arms, careful, faults, run, scale, tail

PARTS = ("cost", "bodies", "tail", "scale")
FEATURES_S = 10.0
BODY_ARMS = ("direct", "equilibrium", "envoy", "haproxy", "nginx")
MEGABYTE_RATE = 50.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; a part that was not asked for is None, or empty."""

    cost: run.Settings | None
    bodies: tuple[run.Settings, ...]
    tail: tail.Settings | None
    scale: scale.Settings | None

    def duration_s(self) -> float:
        """About how long it takes."""
        parts = [part for part in (self.cost, *self.bodies, self.tail, self.scale) if part is not None]
        return sum(part.duration_s() for part in parts) + (FEATURES_S if self.cost else 0.0)

    def arms(self) -> list[arms.Arm]:
        """Everybody who takes part, once."""
        parts = [part for part in (self.cost, *self.bodies, self.tail, self.scale) if part is not None]
        return list({arm.name: arm for part in parts for arm in part.arms}.values())


def whole(present: Sequence[arms.Arm]) -> Plan:
    """All parts in full."""
    cost = run.Settings(tuple(present))
    return Plan(
        cost=cost,
        bodies=_bodies(cost, _only(present, BODY_ARMS), repetitions=3, seconds=2.0),
        tail=tail.Settings(careful.of(present)),
        scale=scale.Settings(_only(present, scale.NAMES)),
    )


def quick(present: Sequence[arms.Arm]) -> Plan:
    """All parts, each with less of everything: to see that it runs, and the large differences."""
    cost = run.Settings(tuple(present), repetitions=2, seconds=1.0, memory_requests=6000)
    rivals = _only(present, ("equilibrium", "envoy"))
    return Plan(
        cost=cost,
        bodies=_bodies(cost, rivals, repetitions=1, seconds=1.0),
        tail=tail.Settings(
            _only(careful.of(rivals), ("equilibrium", "envoy-tuned")),
            played=faults.named(faults.QUICK),
            warmup_s=2.0,
            fault_s=4.0,
            heal_s=3.0,
        ),
        scale=scale.Settings(rivals, repetitions=1, values=scale.QUICK),
    )


def only(plan: Plan, parts: Collection[str]) -> Plan:
    """These parts of it, and none that has nobody to measure."""
    return Plan(
        cost=plan.cost if "cost" in parts else None,
        bodies=tuple(each for each in plan.bodies if each.arms) if "bodies" in parts else (),
        tail=plan.tail if "tail" in parts and plan.tail and plan.tail.arms else None,
        scale=plan.scale if "scale" in parts and plan.scale and plan.scale.arms else None,
    )


def _only(present: Sequence[arms.Arm], names: Collection[str]) -> tuple[arms.Arm, ...]:
    return tuple(arm for arm in present if arm.name in names)


def _bodies(
    cost: run.Settings, compared: tuple[arms.Arm, ...], *, repetitions: int, seconds: float
) -> tuple[run.Settings, ...]:
    """10 kB, 1 MB, and a connection per request."""
    base = dataclasses.replace(cost, arms=compared, repetitions=repetitions, seconds=seconds, memory=False)
    return (
        dataclasses.replace(base, path="/bytes/10000"),
        dataclasses.replace(base, path="/bytes/1000000", rate=MEGABYTE_RATE),
        dataclasses.replace(base, one_shot=True),
    )
