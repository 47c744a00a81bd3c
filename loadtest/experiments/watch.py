"""What pods have, use and want while an arm is played: looked at several times a second, in a thread of its own."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from loadtest import poller
from loadtest.experiments.town import Pod, Town
from loadtest.mesh import AnswerError, admin
from loadtest.mesh.node import Throttling
from sidecar import clock

EVERY_S = 0.25


class Look(NamedTuple):
    """One pod at one instant, seconds from the beginning of play. Counters are the kernel's, since the pod began."""

    at_s: float
    pod: str
    service: str
    limit_m: int
    cpu_s: float
    throttling: Throttling
    demand: float | None
    """As its sidecar says; None when it did not answer."""


class Watcher(poller.Poller):
    """Of all pods that are ready."""

    def __init__(self, town: Town, start_s: float) -> None:
        super().__init__("watcher", EVERY_S)
        self.looks: list[Look] = []
        self._town = town
        self._start_s = start_s

    def poll(self) -> None:
        """One look at everybody."""
        for pod in [each for each in list(self._town.pods) if each.ready]:
            try:
                self.looks.append(look(pod, clock.now() - self._start_s))
            except FileNotFoundError:
                continue  # it has just ended


def look(pod: Pod, at_s: float) -> Look:
    """One pod, now. OSError when its groups have gone."""
    enclosure = pod.enclosure
    limit_m, cpu_s, throttling = enclosure.cpu_m() or 0, enclosure.cpu_s(), enclosure.throttling()
    return Look(at_s, pod.name, pod.service.name, limit_m, cpu_s, throttling, demand(pod.admin))


def demand(address: str) -> float | None:
    """What the sidecar says its pod wants; None without an answer."""
    try:
        told = orjson.loads(admin.ask(address, "GET", "/demand"))
        return float(told["demand"])
    except (OSError, AnswerError, ValueError, KeyError, TypeError):
        return None


def of(looks: Sequence[Look], service: str, from_s: float, to_s: float) -> list[Look]:
    """Those of a service in [from_s, to_s)."""
    return [each for each in looks if each.service == service and from_s <= each.at_s < to_s]


def summed(looks: Sequence[Look], pick: Callable[[Look], float]) -> list[tuple[float, float]]:
    """The service's total over its pods, round by round: pods of one round are seen within a quarter of a period."""
    found: list[tuple[float, float, set[str]]] = []
    for each in looks:
        if found and each.pod not in found[-1][2] and each.at_s - found[-1][0] < EVERY_S:
            at_s, total, seen = found[-1]
            found[-1] = (at_s, total + pick(each), seen | {each.pod})
        else:
            found.append((each.at_s, pick(each), {each.pod}))
    return [(at_s, total) for at_s, total, _ in found]


def limits(looks: Sequence[Look]) -> list[tuple[float, float]]:
    """Millicores a service may use, over time."""
    return summed(looks, lambda each: each.limit_m)
