"""Watching a mesh that people play with: says when the list of pods changes and when a process ends."""

import time
from collections.abc import Callable
from pathlib import Path

import orjson

from loadtest.mesh.mesh import Mesh
from sidecar import clock

LOOK_S = 0.5


class Vigil:
    """One watch over a mesh; `say` gets every piece of news once."""

    def __init__(self, mesh: Mesh, say: Callable[[str], None]) -> None:
        self._mesh = mesh
        self._say = say
        self._path = mesh.discovery.path if mesh.gateway.admin else mesh.discovery.hosts
        self._listed = listed(self._path)
        self._buried: set[int] = set()

    def keep(self, seconds: float | None) -> None:
        """For so long, or until interrupted."""
        deadline = None if seconds is None else clock.now() + seconds
        while deadline is None or clock.now() < deadline:
            self.look()
            time.sleep(LOOK_S if deadline is None else max(0.0, min(LOOK_S, deadline - clock.now())))

    def look(self) -> None:
        """Say what is new."""
        now = listed(self._path)
        if now != self._listed:
            self._listed = now
            self._say(f"listed now: {now}")
        for child in (child for pod in self._mesh.pods() for child in pod.children):
            if child.pid not in self._buried and (ended := child.obituary()) is not None:
                self._buried.add(child.pid)
                self._say(ended)


def listed(path: Path) -> str:
    """How many pods each service has, in words; what is wrong when the file cannot be read."""
    try:
        content = orjson.loads(path.read_bytes())
        if "services" in content:
            content = {each["host"]: each["endpoints"] for each in content["services"]}
        return ", ".join(f"{name} {len(pods)}" for name, pods in content.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{path.name} cannot be read: {error!r}"
