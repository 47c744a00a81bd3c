"""Until the kubelet has done it, can not do it, or time is up: a watch on one pod, and a reading where that fails."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from coordinator.kube.clients import Api
from coordinator.kube.resize import pods
from coordinator.kube.resize.judging import UNDERWAY, judge, settled
from coordinator.kube.resize.order import Order, Terms
from coordinator.kube.resize.writing import REQUEST_S, Written
from coordinator.policy.outcome import Outcome
from sidecar.kube.bodies import Object
from sidecar.kube.errors import ApiError

FIRST_S: Final = 1.0
LONGEST_S: Final = 5.0
"""Between readings, where there is no watch."""
QUIET_S: Final = 10.0
"""A watch that says nothing for so long is not believed: the pod is read."""


async def wait(using: Api, order: Order, written: Written, terms: Terms, wait_s: float) -> Outcome:
    """What became of it within `wait_s`. Nothing is written."""
    waiting = _Waiting(using, order, written, terms.now)
    delay_s = FIRST_S
    deadline = terms.now() + wait_s
    try:
        while not settled(waiting.outcome) and (left_s := deadline - terms.now()) > 0:
            async with asyncio.timeout(left_s):
                await waiting.follow(left_s)
            if not settled(waiting.outcome) and (left_s := deadline - terms.now()) > 0:
                await terms.sleep(min(delay_s, left_s))
                delay_s = min(LONGEST_S, delay_s * 2)
    except TimeoutError:
        pass
    return _late(waiting.outcome, wait_s)


class _Waiting:
    """The outcome as it is known so far."""

    def __init__(self, using: Api, order: Order, written: Written, now: Callable[[], float]) -> None:
        self._api = using
        self._order = order
        self._uid = pods.metadata(written.pod or {}).get("uid")
        self._restarts = written.restarts
        self._pod = written.pod
        self._now = now
        self.outcome = written.outcome
        if written.pod is not None:
            self._see(_unsaid(written.pod) if written.answered else written.pod)

    async def follow(self, left_s: float) -> None:
        """One reading, unless it was just read, and one watch; returns when that ends or nothing more can come."""
        try:
            if self._pod is None:
                self._see(await self._api.request("GET", self._order.path, timeout_s=min(REQUEST_S, left_s)))
            if not settled(self.outcome):
                await self._watch(left_s)
        except ApiError as error:
            if error.status == 404:
                self._gone()
        self._pod = None

    async def _watch(self, left_s: float) -> None:
        version = str(pods.metadata(self._pod or {}).get("resourceVersion", ""))
        collection, _, name = self._order.path.rpartition("/")
        events = self._api.watch(
            collection,
            version,
            timeout_s=max(1, round(left_s)),
            idle_s=min(QUIET_S, left_s),
            fieldSelector=f"metadata.name={name}",
        )
        async with aclosing(events):
            async for kind, found in events:
                if kind == "DELETED":
                    self._gone()
                elif kind != "BOOKMARK":
                    self._see(found)
                if settled(self.outcome):
                    return

    def _see(self, pod: Object) -> None:
        self._pod = pod
        self.outcome = judge(pod, self._order.container, self.outcome, uid=self._uid, restarts=self._restarts)

    def _gone(self) -> None:
        said = f"pod {self._order.pod} is gone"
        self.outcome = replace(self.outcome, kind="superseded", reason="gone", message=said, confirmed=False)


def _unsaid(pod: Object) -> Object:
    """An answer to a patch without conditions that do not say of which generation they are: of the one before."""
    status = pods.table(pod.get("status"))
    dated = [each for each in pods.tables(status.get("conditions")) if pods.observed(each) is not None]
    return pod | {"status": status | {"conditions": dated}}


def _late(outcome: Outcome, wait_s: float) -> Outcome:
    if outcome.kind == "applied" and outcome.reason == UNDERWAY:
        said = f"the kubelet was not done within {wait_s:g} s"
        return replace(outcome, kind="deferred", reason="timeout", message=said)
    return outcome
