"""One arm's pod in the scenario memory, and who watches it.

The application is started again when the kernel has killed it, as kubelet would: at once, then after 10 s, 20 s, 40 s.
"""

from dataclasses import dataclass, field

from loadtest import poller, processes
from loadtest.scenarios import exposition, house
from loadtest.scenarios.arms import Arm
from loadtest.scenarios.cgroups import Group
from loadtest.scenarios.hoarder import Appetite
from loadtest.scenarios.pod import Pod
from sidecar import clock

WATCH_S = 0.05
SCRAPE_EVERY = 5
"""Of the watcher's looks, those that ask the sidecar too."""
BACK_OFF_S = (0.0, 10.0, 20.0, 40.0)
USED, SCALE = "app_memory", "equilibrium_degradation_scale"
"""Metrics of the readings: used part of the limit as we see it; the sidecar's own."""

Values = dict[tuple[str, exposition.Labels], float]


@dataclass(frozen=True, slots=True)
class Death:
    """The application ended: when, seconds from the beginning of play, and its exit status (−9: SIGKILL)."""

    at_s: float
    status: int


@dataclass(slots=True)
class Tenant:
    """A pod while it runs, each container in a memory group of its own."""

    arm: Arm
    ip: str
    appetite: Appetite
    group: Group
    """The application's."""
    children: processes.Children
    app: processes.Child
    sidecar: Pod
    deaths: list[Death] = field(default_factory=list)
    again_s: float | None = None
    """When kubelet starts the application again; None while it runs."""

    def look(self, now_s: float) -> None:
        """Notice a death; start again when the time has come. From the thread that started everything."""
        if self.again_s is None and not self.app.running:
            self.deaths.append(Death(now_s, self.app.process.returncode))
            self.again_s = now_s + BACK_OFF_S[min(len(self.deaths), len(BACK_OFF_S)) - 1]
        if self.again_s is not None and now_s >= self.again_s:
            self.again_s = None
            self.app = house.start_app(self.children, self.ip, appetite=self.appetite, group=self.group)


class Watcher(poller.Poller):
    """Used memory twenty times a second, the sidecar's metrics four times."""

    def __init__(self, tenant: Tenant, start_s: float) -> None:
        super().__init__(f"watcher-{tenant.arm.name}", WATCH_S)
        self.readings: list[exposition.Reading] = []
        self.peak_bytes = 0
        self._tenant = tenant
        self._start_s = start_s
        self._looks = 0

    def poll(self) -> None:
        """One look; a sidecar that does not answer takes the look at the memory with it."""
        group, at_s = self._tenant.group, clock.now() - self._start_s
        used_bytes = group.used_bytes()
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        self._looks += 1
        values: Values = {(USED, ()): used_bytes / group.limit_bytes}
        if self._looks % SCRAPE_EVERY == 0:
            values |= self._ask(at_s)
        self.readings.append(exposition.Reading(at_s, values))

    def _ask(self, at_s: float) -> Values:
        text = self._tenant.sidecar.metrics()
        return {**exposition.read(at_s, text).values, **scale(text)}


def scale(text: str) -> Values:
    """The governor's scale in the text of `/metrics`; empty when it says none."""
    for line in text.splitlines():
        if line.startswith(f"{SCALE} "):
            return {(SCALE, ()): float(line.split()[1])}
    return {}
