"""Asking the pods' sidecars, all of them at once: how much they want, and whether a proposal is well.

A sidecar that hangs, lies or is another pod's costs its own answer and nobody else's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

import aiohttp
import orjson

from coordinator.policy import answers
from coordinator.policy.answers import Demand
from coordinator.policy.grant import Consent, Grant
from coordinator.policy.observation import Observation
from coordinator.policy.subject import Subject
from coordinator.telemetry import fetch
from coordinator.telemetry.fetch import Silence
from sidecar.kube.meshkey import Signer

AT_ONCE: Final = 128
ROUNDS: Final = 2
"""A phase takes no longer than so many timeouts, however many sidecars hang."""
DEMAND_S: Final = 2.0
NEGOTIATE_S: Final = 8.0
"""A memory hook has 5 s, and reading its effect is on top of that (docs/memory-hooks.md)."""
MOST_BYTES: Final = 64 * 1024
STATE_BYTES: Final = 1024 * 1024
"""Of `/state`, which names every endpoint the pod sends to."""

STATE: Final = "/state"
NEGOTIATE: Final = "/negotiate"

Q = TypeVar("Q")
A = TypeVar("A")


class Sidecars:
    """`key`: the mesh key, without which only sidecars on loopback negotiate; `workload`: who we say we are.

    `memory`: ask each one's `/state`, too, for what its application uses.
    """

    def __init__(
        self,
        key: bytes | None,
        workload: str,
        *,
        demand_s: float = DEMAND_S,
        negotiate_s: float = NEGOTIATE_S,
        at_once: int = AT_ONCE,
        memory: bool = False,
    ) -> None:
        self._sign = Signer(key, workload) if key is not None else None
        self._demand_s = demand_s
        self._negotiate_s = negotiate_s
        self._at_once = at_once
        self._memory = memory
        self._pool: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def demands(self, subjects: Iterable[Subject]) -> dict[str, Demand | Silence]:
        """By uid, of those that have a sidecar."""
        asked = [subject for subject in subjects if subject.sidecar is not None]
        late: Demand | Silence = Silence(
            "timeout", "too many sidecars are silent; this one was not waited for"
        )
        said = await self._all(asked, self._demand, late, ROUNDS * self._demand_s)
        return {subject.uid: answer for subject, answer in zip(asked, said, strict=True)}

    async def negotiate(
        self, grants: Iterable[Grant], observations: Mapping[str, Observation]
    ) -> list[tuple[Grant, Consent]]:
        """Each with its sidecar's answer, in the order given; `unasked` where there is no sidecar."""

        async def ask(grant: Grant) -> Consent:
            seen = observations.get(grant.subject.uid)
            return await self._negotiate(grant, seen.usage_bytes if seen is not None else None)

        asked = list(grants)
        late = answers.vetoed(
            answers.UNHEARD, "no answer is a no; too many sidecars are silent, it was not waited for"
        )
        return list(zip(asked, await self._all(asked, ask, late, ROUNDS * self._negotiate_s), strict=True))

    async def _all(
        self, questions: list[Q], ask: Callable[[Q], Awaitable[A]], late: A, within_s: float
    ) -> list[A]:
        """So many at a time; who has not been heard when time is up gets `late`."""
        turns = asyncio.Semaphore(self._at_once)

        async def in_turn(question: Q) -> A:
            async with turns:
                return await ask(question)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(question)) for question in questions]
            if tasks:
                _, pending = await asyncio.wait(tasks, timeout=within_s)
                for task in pending:
                    task.cancel()
        return [late if task.cancelled() else task.result() for task in tasks]

    async def _demand(self, subject: Subject) -> Demand | Silence:
        url = f"http://{subject.sidecar}/demand"
        try:
            status, body = await fetch.answer(
                self._session(), "GET", url, timeout_s=self._demand_s, most_bytes=MOST_BYTES
            )
            if status != answers.OK:
                return Silence(f"status-{status}", f"{url} answered {status}")
            wants = answers.demand(fetch.parse(body, url), subject.namespace, subject.name)
        except Silence as silence:
            return silence
        except ValueError as error:
            return Silence("garbage", f"{url}: {error}")
        return replace(wants, usage_bytes=await self._use(subject)) if self._memory else wants

    async def _use(self, subject: Subject) -> int | None:
        """Of memory, bytes. That nobody says so costs the pod what depends on it, and not its demand."""
        url = f"http://{subject.sidecar}{STATE}"
        try:
            status, body = await fetch.answer(
                self._session(),
                "GET",
                url,
                timeout_s=self._demand_s / 2,  # both fit into what the step may take
                most_bytes=STATE_BYTES,
                headers=self._proof("GET", STATE, b""),
            )
            return answers.memory(fetch.parse(body, url)) if status == answers.OK else None
        except Silence:
            return None

    async def _negotiate(self, grant: Grant, usage_bytes: int | None) -> Consent:
        sidecar = grant.subject.sidecar
        if sidecar is None:
            return Consent("unasked")
        body = orjson.dumps(answers.proposal(grant, usage_bytes))
        url = f"http://{sidecar}{NEGOTIATE}"
        try:
            status, said = await fetch.answer(
                self._session(),
                "POST",
                url,
                timeout_s=self._negotiate_s,
                most_bytes=MOST_BYTES,
                data=body,
                headers={"Content-Type": "application/json", **self._proof("POST", NEGOTIATE, body)},
            )
            return answers.consent(status, _tolerant(status, said, url))
        except Silence as silence:
            return answers.vetoed(silence.word, f"no answer is a no; {silence.text}")

    def _proof(self, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """The headers that say who asks (docs/admin.md)."""
        return self._sign(method, path, body) if self._sign is not None else {}

    def _session(self) -> aiohttp.ClientSession:
        if self._pool is None:
            self._pool = fetch.session(self._at_once)
        return self._pool


def _tolerant(status: int, body: bytes, url: str) -> dict[str, object]:
    """A refusal needs no JSON to be one."""
    try:
        return fetch.parse(body, url)
    except Silence:
        if status == answers.OK:
            raise
        return {}
