"""Where arms stand: addresses, cores, the upstreams behind them; each arm is up for its turn only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loadtest import processes, procfs
from loadtest.bench import arms, configs, upstreams

PROXY_HOST = 250
PROXY_PORT = 15401
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """An arm that is up: where to send, and its process where there is one."""

    arm: arms.Arm
    target: str
    child: processes.Child | None

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        return procfs.cpu_s(self.child.pid) if self.child else 0.0

    def rss_mib(self) -> float | None:
        """Resident now."""
        return procfs.rss_bytes(self.child.pid) / MIB if self.child else None


class Stage:
    """Cores and addresses of one run: the proxy alone on the first core, everything else on the second."""

    def __init__(self, children: processes.Children, upstream: str, path: str) -> None:
        self._children = children
        self._upstream = upstream
        self._path = path
        self.net = processes.loopback_net()
        self.proxy_core, self.load_core = cores(sorted(os.sched_getaffinity(0)))

    def pinning(self) -> str:
        """Who runs where, for the reader of a table."""
        if self.proxy_core is None:
            return "One core for everything: nothing was pinned."
        return (
            f"Proxy alone on core {self.proxy_core}; wrk, generator and upstreams on core {self.load_core}."
        )

    @contextmanager
    def upstreams(self, count: int, *, one_process: bool = False) -> Iterator[tuple[str, ...]]:
        """So many endpoints, up."""
        endpoints = upstreams.addresses(self.net, count)
        with upstreams.standing(
            self._children,
            self._upstream,
            endpoints,
            core=self.load_core,
            path=self._path,
            one_process=one_process,
        ):
            yield endpoints

    @contextmanager
    def standing(self, arm: arms.Arm, endpoints: tuple[str, ...], *, services: int = 1) -> Iterator[Standing]:
        """The arm in front of these endpoints, answering."""
        if arm.launch is None:
            yield Standing(arm, endpoints[0], None)
            return
        listen = f"{self.net}.{PROXY_HOST}:{PROXY_PORT}"
        child = start(self._children, arm, listen, endpoints, core=self.proxy_core, services=services)
        try:
            processes.await_http(listen, child, host=configs.AUTHORITY, path=self._path)
            yield Standing(arm, listen, child)
            if (ended := child.obituary()) is not None:
                raise processes.StartError(f"{ended}; its figures would be wrong:\n{child.last_words()}")
        finally:
            child.end()


def cores(available: list[int]) -> tuple[int | None, int | None]:
    """(proxy's, load's); no pinning where there is only one."""
    return (available[0], available[1]) if len(available) > 1 else (None, None)


def start(
    children: processes.Children,
    arm: arms.Arm,
    listen: str,
    endpoints: tuple[str, ...],
    *,
    core: int | None = None,
    services: int = 1,
) -> processes.Child:
    """Write an arm's files and start it."""
    if arm.launch is None:
        raise ValueError(f"the arm {arm.name!r} has no proxy to start")
    directory = children.directory / arm.name
    directory.mkdir(exist_ok=True)
    launch = arm.launch(configs.Site(listen, endpoints, directory, services))
    for file, text in launch.files.items():
        (directory / file).write_text(text)
    return children.start(arm.name, launch.argv, core=core, env=launch.env)
