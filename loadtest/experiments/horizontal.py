"""A horizontal autoscaler at work: counts, decides once a period, starts and ends real pods on the same node."""

from collections.abc import Sequence

from loadtest import processes
from loadtest.experiments.autoscaling import Autoscaler, Behaviour
from loadtest.experiments.town import PORT, Pod, Service, Town
from loadtest.mesh import admin
from sidecar import clock


class Horizontal:
    """Call `tick` often. A pod that finds no room on the node stays unstarted, as it would stay Pending."""

    def __init__(self, town: Town, services: Sequence[Service], behaviour: Behaviour) -> None:
        self._town = town
        self._services = services
        self._behaviour = behaviour
        self._scalers = {service.name: Autoscaler(behaviour) for service in services}
        self._before: dict[str, tuple[float, float]] = {}
        self._due_s = clock.now()
        self._pending: list[tuple[float, Service]] = []
        self.pending_most = 0
        """Pods that found no room, at most at one time."""

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._open_ready()
        for due_s, service in [each for each in self._pending if each[0] <= now]:
            self._pending.remove((due_s, service))
            self._town.launch(service)
        if now < self._due_s:
            return
        self._due_s += self._behaviour.cycle_s
        crowded = 0
        for service in self._services:
            crowded += self._scale(service, now)
        self.pending_most = max(self.pending_most, crowded)

    def _scale(self, service: Service, now: float) -> int:
        """Start or end what is to be; how many found no room."""
        ready = self._town.of(service.name)
        utilisation = self._utilisation(ready, now)
        if utilisation is None:
            return 0
        coming = [each for _, each in self._pending if each.name == service.name]
        there = [pod for pod in self._town.pods if pod.service.name == service.name]
        have = len(there) + len(coming)
        wanted = self._scalers[service.name].wanted(len(ready), utilisation, now)
        for _ in range(have - wanted):
            self._town.close(self._town.of(service.name)[-1])
        more = max(0, wanted - have)
        fitting = min(more, self._room(service))
        self._pending += [(now + self._behaviour.start_s, service)] * fitting
        return more - fitting

    def _utilisation(self, ready: Sequence[Pod], now: float) -> float | None:
        """Mean over the pods, of their limits, since the last period; None when nobody was there before."""
        found = []
        for pod in ready:
            cpu_s = pod.enclosure.cpu_s()
            before = self._before.get(pod.name)
            self._before[pod.name] = (now, cpu_s)
            if before is not None and now > before[0]:
                found.append((cpu_s - before[1]) / (now - before[0]) * 1000 / pod.service.limit_m)
        return sum(found) / len(found) if found else None

    def _room(self, service: Service) -> int:
        """How many more the scheduler would find room for: requests are the limits here."""
        taken = [pod.service for pod in self._town.pods] + [each for _, each in self._pending]
        return max(0, self._town.node.room.cpu_m - sum(each.limit_m for each in taken)) // service.limit_m

    def _open_ready(self) -> None:
        for pod in [each for each in self._town.pods if not each.ready]:
            if _answers(f"{pod.ip}:{PORT}", pod.service.health) and _answers(pod.admin, "/readyz"):
                self._town.open(pod)
            elif not pod.app.running:
                raise processes.StartError(f"{pod.name} ended:\n{pod.app.last_words()}")


def _answers(address: str, path: str) -> bool:
    try:
        admin.ask(address, "GET", path)
    except (OSError, admin.AnswerError):
        return False
    return True
