"""Real coordinators, each behind a network of its own, in a cluster that gives them something to write all the time.

What they do is seen by the server: every change it took, from whom, when, and who held the Lease then.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sidecar import clock
from tests.coordinator.lease.relay import Relay, relay
from tests.coordinator.loop.world import World, pod
from tests.support.kube import ApiServer, ResizingKubelet, until
from tests.support.kube.access import Grant
from tests.support.kube.matching import User
from tests.support.kube.resources import by_kind

ROOT = Path(__file__).parents[3]
LEASE_S = int(os.environ.get("EQUILIBRIUM_TEST_LEASE_S", "4"))
"""15 measures what users get; 4 is for the suite: a fifth of it is how long a busy machine may hold a process up."""
CYCLE_S = LEASE_S / 8
STILL_S = LEASE_S * 0.1
HOME, NAME = "equilibrium-system", "equilibrium-coordinator"
FREE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": NAME, "namespace": HOME},
    "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
}
"""As a clean stop leaves it: the first does not have to wait."""
READY = re.compile(r"equilibrium-coordinator ready at=(\S+)")


@dataclass(frozen=True, slots=True)
class Change:
    """A PATCH of pods/resize: when it came, from whom, what it got, and who held the Lease when it came."""

    at: float
    user: str
    status: int
    holder: str
    lease_age_s: float
    """Since the server last took a renewal."""
    late: bool
    """The server stood still right before, so this says nothing about when it was sent."""


class Observed(ApiServer):
    """The double, which remembers who changed what."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []
        self.renewed_at = clock.now()
        self.seen: dict[str, int] = {}
        """Requests by user."""
        self.stood_until = 0.0
        """When this server itself stood still last: what it reads then may have been sent long before."""

    def holder(self) -> str:
        found = self.store.get((by_kind("Lease"), HOME, NAME)) or {}
        return str((found.get("spec") or {}).get("holderIdentity") or "").partition("_")[0]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        grant = self.access.authenticate(request.headers.get("Authorization", ""))
        at, who = clock.now(), grant.user.name
        late = at - self.stood_until < STILL_S
        self.seen[who] = self.seen.get(who, 0) + 1
        holder, age_s = self.holder(), at - self.renewed_at
        answer = await super()._handle(request)
        if request.method == "PATCH" and request.path.endswith("/resize"):
            self.changes.append(Change(at, who, answer.status, holder, age_s, late))
        if request.method in ("PUT", "POST") and "/leases" in request.path and answer.status < 300:
            self.renewed_at = clock.now()
        return answer

    async def beat(self) -> None:
        """Notice when this process got no processor for longer than a holder's margin allows."""
        while True:
            before = clock.now()
            await asyncio.sleep(STILL_S / 10)
            if clock.now() - before > STILL_S:
                self.stood_until = clock.now()

    def changed_by(self) -> list[str]:
        """Who changed pods, in order, each turn once."""
        turns: list[str] = []
        for change in self.changes:
            if change.status < 300 and turns[-1:] != [change.user]:
                turns.append(change.user)
        return turns


class Process:
    """One coordinator, by the name that stands in the Lease and in the server's log."""

    def __init__(self, name: str, network: Relay, port: int, token: Path, ca: Path) -> None:
        self.name = name
        self.network = network
        self._log = token.with_suffix(".log")
        own = {
            "API": f"https://127.0.0.1:{port}",
            "API_TOKEN_FILE": str(token),
            "API_CA_FILE": str(ca),
            "LISTEN": "127.0.0.1:0",
            "CYCLE": f"{CYCLE_S * 1000:.0f}ms",
            "LEASE_DURATION": f"{LEASE_S}s",
            "IDENTITY": name,
            "STALE": "1h",
        }
        self._environ = {
            "PATH": os.environ["PATH"],
            **{f"EQUILIBRIUM_COORDINATOR_{key}": text for key, text in own.items()},
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("wb") as sink:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "coordinator", cwd=ROOT, env=self._environ, stderr=sink
            )

    async def ready(self) -> None:
        await until(lambda: bool(READY.search(self.log())))

    def log(self) -> str:
        return self._log.read_text()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        return await self.process.wait()


@dataclass(slots=True)
class Fleet:
    """What a test holds."""

    api: Observed
    world: World
    processes: dict[str, Process]

    async def acts(self, *, but: str = "", within_s: float = 20.0) -> tuple[Process, float]:
        """Who changes something from now on, other than `but`, and how long that took."""
        since, started = len(self.api.changes), clock.now()

        def actors() -> Iterator[str]:
            return (
                change.user
                for change in self.api.changes[since:]
                if change.user != but and change.status < 300
            )

        await until(lambda: any(actors()), within_s=within_s)
        return self.processes[next(actors())], clock.now() - started


async def _sway(world: World) -> None:
    """Demand that moves from one pod to the other and back, so that there is always something to change."""
    wants = 0.1
    while True:
        wants = 1.0 - wants
        for number, sidecar in enumerate(world.sidecars.values()):
            sidecar.wants = wants if number else 1.0 - wants
        await asyncio.sleep(CYCLE_S * 2)


@asynccontextmanager
async def fleet(folder: Path, *names: str) -> AsyncIterator[Fleet]:
    """These, started together; killed at the end."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Observed())
        kubelet = await stack.enter_async_context(ResizingKubelet(api, node_cpu="2"))
        for name in ("shop", HOME):
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        await api.create(FREE)
        world = World(api, kubelet, stack)
        for name in ("one", "two"):
            await world.add(pod(name))
        for task in (_sway(world), api.beat()):
            stack.callback(asyncio.get_running_loop().create_task(task).cancel)
        made = Fleet(api, world, {})
        for name in names:
            network, port = await stack.enter_async_context(relay(int(api.url.rpartition(":")[2])))
            token = folder / name
            token.write_text(api.access.issue(Grant(User(name), master=True)))
            process = Process(name, network, port, token, api.ca_file)
            made.processes[name] = process
            await process.start()
            stack.push_async_callback(process.end)
        yield made
