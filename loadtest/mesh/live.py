"""The live page of a mesh on this machine: a thread that asks its sidecars while somebody watches, and only then."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Literal

import aiohttp
import orjson

from dashboards.live import frame
from dashboards.live.eventlog import EventLog
from dashboards.live.server import Server
from loadtest.mesh.mesh import Mesh
from loadtest.mesh.picture import Measured, Picture, standings
from sidecar import clock
from sidecar.game import nash

EVERY_S: Final = 0.5
TURNS: Final = 4
"""The gateway is asked each time, the others every so many times."""
TIMEOUT_S: Final = 1.0
START_S: Final = 10.0

_UNANSWERED: Final = (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError, KeyError)


class LivePage:
    """A context manager; `url` is where it is. What is set or said may come from any thread."""

    def __init__(self, kind: Literal["demo", "mesh"]) -> None:
        self.url = ""
        self.note = ""
        """What is going on, in words."""
        self.measured: Callable[[], Mapping[str, Measured]] = dict
        """What load generators saw, by service."""
        self._kind: Literal["demo", "mesh"] = kind
        self._mesh: Mesh | None = None
        self._states: dict[str, Any] = {}
        self._turn = 0
        self._log = EventLog()
        self._lock = threading.Lock()
        self._picture = Picture(self._changed)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._ready = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="live-page", daemon=True)

    def __enter__(self) -> "LivePage":
        self._thread.start()
        if not self._ready.wait(START_S):
            raise TimeoutError("the live page did not come up")
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def show(self, mesh: Mesh | None) -> None:
        """Which mesh; None: there is none just now."""
        self._mesh = mesh
        self._states = {}
        self._picture = Picture(self._changed)

    def say(self, kind: str, text: str, who: str = "", tone: frame.Tone = "plain") -> None:
        """Something happened."""
        with self._lock:
            self._log.add(clock.wall_s(), kind, text, who, tone)

    def _changed(self, kind: str, text: str, who: str, tone: frame.Tone) -> None:
        if self._kind == "mesh":  # the demo tells it itself
            self.say(kind, text, who, tone)

    # -- in the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            server = Server(lambda: self._frame(session), _unheard, every_s=EVERY_S)
            try:
                self.url = await server.start()
                self._ready.set()
                await self._over.wait()
            except OSError as error:
                self._error = error
                self._ready.set()
            finally:
                await server.close()

    async def _frame(self, session: aiohttp.ClientSession) -> frame.Frame:
        mesh, picture = self._mesh, self._picture
        missing = await self._ask(session, mesh) if mesh is not None else []
        states = dict(self._states)
        with self._lock:
            events = self._log.events
        return frame.Frame(
            at=clock.wall_s(),
            source=self._source(mesh, missing),
            services=picture.services(states, clock.now(), self.measured()),
            reputations=standings(states),
            events=events,
        )

    async def _ask(self, session: aiohttp.ClientSession, mesh: Mesh) -> list[str]:
        """Some of the sidecars; the names of those that did not answer."""
        self._turn += 1
        wanted = [
            (pod.name, pod.admin)
            for place, pod in enumerate(mesh.pods())
            if pod.admin is not None and (place == 0 or (self._turn + place) % TURNS == 0)
        ]
        said = await asyncio.gather(*(_state(session, admin) for _, admin in wanted))
        if mesh is self._mesh:
            self._states.update(
                {name: state for (name, _), state in zip(wanted, said, strict=True) if state is not None}
            )
        return [name for (name, _), state in zip(wanted, said, strict=True) if state is None]

    def _source(self, mesh: Mesh | None, missing: list[str]) -> frame.Source:
        problem = f"no answer from the sidecar of {', '.join(missing)}" if missing else None
        if mesh is not None and mesh.gateway.admin is None:
            problem = "this part runs without sidecars: there is nobody to ask"
        return frame.Source(
            kind=self._kind,
            name=f"UrbanMoveMS on this machine ({self._kind})",
            every_s=EVERY_S,
            note=self.note or None,
            problem=problem,
            tolerance=nash.TOLERANCE,
        )


async def _state(session: aiohttp.ClientSession, admin: str) -> Any:
    try:
        async with session.get(f"http://{admin}/state") as answer:
            return orjson.loads(await answer.read()) if answer.status == 200 else None
    except _UNANSWERED:
        return None


def _unheard(name: str, error: BaseException) -> None:
    """A frame that could not be made is made again; the demo's screen is not the place to say so."""
