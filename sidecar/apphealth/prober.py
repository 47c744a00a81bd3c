"""Asks the application what the kubelet would have asked, and remembers how it went.

One probe at a time of each kind, whoever asks: the path is open to all and goes round the application's door, so a
crowd there must cost the application no more than the kubelet does. Those who come meanwhile share the answer.
"""

import asyncio
import logging
import math
import os
from collections import Counter
from collections.abc import Iterable
from typing import Final

from sidecar import clock, parsing
from sidecar.apphealth import grpchealth, httpget, tcpsocket
from sidecar.apphealth.probes import Grpc, HttpGet, Probe, Verdict

HEAD_START_S: Final = 0.05
"""We give up so long before the kubelet does: what it hears then is an answer, and not its own time-out."""

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
ABANDONED: Final = "abandoned"
"""Whoever asked hung up."""

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
        asked = clock.now()
        async with turn.lock:
            if turn.host != host or turn.ended < asked:
                turn.verdict = await self._run(turn.probe, host, agent)
                turn.host, turn.ended = host, clock.now()
                turn.tell()
            return turn.verdict

    async def _run(self, probe: Probe, host: str, agent: str) -> Verdict:
        outcome = ABANDONED
        try:
            verdict = await _answer(probe, host, agent)
            outcome = SUCCEEDED if verdict.ok else FAILED
            return verdict
        finally:
            self.outcomes[probe.container, probe.which, outcome] += 1


class _Turn:
    """One probe: whose turn it is, and what came of the last."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.lock = asyncio.Lock()
        self.host = ""
        self.ended = -math.inf
        self.verdict = Verdict(True, "not asked yet")
        self._told = True

    def tell(self) -> None:
        """When it turns: of a failed probe the kubelet shows people no more than our status."""
        if self.verdict.ok != self._told:
            self._told = self.verdict.ok
            log.log(logging.INFO if self._told else logging.WARNING, "probe %s", self.verdict.said)


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
