"""Asks the application what the kubelet would have asked, and remembers how it went.

One probe at a time of each kind and address, whoever asks: the path is open to all and goes round the application's
door. Those who come meanwhile share the answer, and nobody who hangs up takes it away from the others: the kubelet
waits for one probe, however many strangers ask.
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterable
from typing import Final

from sidecar import parsing
from sidecar.apphealth import grpchealth, httpget, tcpsocket
from sidecar.apphealth.probes import Grpc, HttpGet, Probe, Verdict

HEAD_START_S: Final = 0.05
"""We give up so long before the kubelet does: what it hears then is an answer, and not its own time-out."""

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"

log = logging.getLogger("equilibrium")


class AppHealth:
    """The probes of one pod, by the name they are asked by."""

    def __init__(self, probes: Iterable[Probe]) -> None:
        self._turns = {probe.name: _Turn(probe) for probe in probes}
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        """(container, which, outcome) → how often the application was asked."""

    def __repr__(self) -> str:
        return f"AppHealth({self.names})"

    @property
    def names(self) -> str:
        """Of the probes there are."""
        return ", ".join(self._turns) or "none"

    async def ask(self, name: str, host: str, agent: str) -> Verdict | None:
        """Of the pod's own address `host`, as `agent`; None where the pod has no such probe."""
        turn = self._turns.get(name)
        if turn is None:
            return None
        running = turn.running.get(host)
        if running is None:
            loop = asyncio.get_running_loop()
            running = turn.running[host] = loop.create_task(self._run(turn, host, agent))
            running.add_done_callback(lambda _: turn.running.pop(host, None))
        return await asyncio.shield(running)

    async def _run(self, turn: "_Turn", host: str, agent: str) -> Verdict:
        verdict = await _answer(turn.probe, host, agent)
        outcome = SUCCEEDED if verdict.ok else FAILED
        self.outcomes[turn.probe.container, turn.probe.which, outcome] += 1
        turn.tell(verdict)
        return verdict

    async def close(self) -> None:
        """Shutdown: those under way are asked no longer."""
        running = [task for turn in self._turns.values() for task in turn.running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Turn:
    """One probe: what is under way, by the address asked, and what came of the last."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.running: dict[str, asyncio.Task[Verdict]] = {}
        self._told = True

    def tell(self, verdict: Verdict) -> None:
        """When it turns: of a failed probe the kubelet shows people no more than our status."""
        if verdict.ok != self._told:
            self._told = verdict.ok
            log.log(logging.INFO if self._told else logging.WARNING, "probe %s", verdict.said)


async def _answer(probe: Probe, host: str, agent: str) -> Verdict:
    try:
        async with asyncio.timeout(probe.timeout_s - HEAD_START_S):
            verdict = await _put(probe, host, agent)
    except TimeoutError:
        verdict = Verdict(False, f"no answer within {probe.timeout_s:g} s")
    except OSError as error:
        verdict = Verdict(False, _reason(error))
    return Verdict(verdict.ok, f"{probe.name}: {_asked(probe, host)}: {verdict.said}")


def _reason(error: OSError) -> str:
    """The kernel's words, or OpenSSL's; asyncio words a refused connection in its own way."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__


async def _put(probe: Probe, host: str, agent: str) -> Verdict:
    """The question, by its kind."""
    if isinstance(probe.action, HttpGet):
        return await httpget.ask(probe.action, host, agent)
    if isinstance(probe.action, Grpc):
        return await grpchealth.ask(probe.action, host, agent)
    return await tcpsocket.ask(probe.action, host)


def _asked(probe: Probe, host: str) -> str:
    """In words; no query string, which may hold a secret."""
    action, at = probe.action, parsing.format_host_port(host, probe.action.port)
    if isinstance(action, HttpGet):
        return f"GET {action.scheme}://{at}{action.path.partition('?')[0]}"
    if isinstance(action, Grpc):
        return f"gRPC health of {action.service!r} at {at}" if action.service else f"gRPC health at {at}"
    return f"TCP {at}"
