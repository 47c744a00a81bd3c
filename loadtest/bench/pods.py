"""Real upstream processes that can be made ill, killed and started again, one address each."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from loadtest import ailment, processes
from loadtest.bench import configs, upstreams

DOOR_PORT = 8081


class Pod:
    """One upstream; what it is named is what its answers say."""

    def __init__(
        self, children: processes.Children, name: str, address: str, delay_ms: float, core: int | None
    ) -> None:
        self.name = name
        self.address = address
        self._children = children
        self._delay_ms = delay_ms
        self._core = core
        self._door = f"{address.rpartition(':')[0]}:{DOOR_PORT}"
        self.child = self._start()

    def await_ready(self) -> None:
        """Return when it answers."""
        processes.await_http(self.address, self.child, host=configs.AUTHORITY, path=configs.HEALTH)

    def fall_ill(self, what: ailment.Ailment) -> None:
        """From now on."""
        ailment.tell(self._door, what)

    def heal(self) -> None:
        """Whatever it had."""
        ailment.tell(self._door, ailment.HEALTHY)

    def received(self) -> int:
        """Requests since the process started, checks left out."""
        return ailment.tell(self._door, None)

    def restart(self) -> None:
        """SIGKILL, and the same pod again; returns when that answers."""
        self.child.kill()
        self.child = self._start()
        self.await_ready()

    def _start(self) -> processes.Child:
        listen = ["--listen", self.address, "--door", self._door, "--drain-s", "0"]
        what = ["--name", self.name, "--delay-ms", str(self._delay_ms)]
        argv = [sys.executable, "-m", "loadtest.upstream", *listen, *what]
        return self._children.start(self.name, argv, core=self._core)


@contextmanager
def standing(
    children: processes.Children, net: str, count: int, *, delay_ms: float, core: int | None
) -> Iterator[Sequence[Pod]]:
    """So many pods, answering."""
    addresses = upstreams.addresses(net, count)
    pods = [Pod(children, f"pod-{n}", address, delay_ms, core) for n, address in enumerate(addresses)]
    try:
        for pod in pods:
            pod.await_ready()
        yield pods
    finally:
        for pod in pods:
            pod.child.end()
