"""From an order to one patch the server took: read, decide, send; again where that may help, never where it may not.

Every try begins with a reading, and what is sent `test`s what was read. So a patch whose answer was lost is found out
by the next reading: either it is there, and nothing is left to do, or it is not, and is sent again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from coordinator.kube.clients import Api, api
from coordinator.kube.resize import deciding, patch, pods, refusals, rules, support
from coordinator.kube.resize.amounts import after
from coordinator.kube.resize.order import Order, Terms
from coordinator.kube.resize.patch import Operation
from coordinator.kube.resize.pods import Place
from coordinator.kube.resize.rules import Case
from coordinator.policy.outcome import Outcome
from coordinator.policy.subject import Amounts
from sidecar.kube.backoff import LONGEST_S, Backoff
from sidecar.kube.bodies import Object
from sidecar.kube.errors import ApiError

TRIES: Final = 5
REQUEST_S: Final = 10.0
"""Of one request; less when the lease ends before."""
MOST_PATIENCE_S: Final = 10.0
"""Of a server's Retry-After."""
LEASE_LOST: Final = "lease-lost"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """`pod`: as the server answered, or as it was read where nothing was sent; None where nobody saw it."""

    outcome: Outcome
    pod: Object | None = None
    restarts: int = 0
    answered: bool = False
    """`pod` is the answer to the patch: no kubelet has seen what it asks for."""


class _LeaseLost(Exception):
    pass


class Writer:
    """Carries out one order."""

    def __init__(self, client: Any, order: Order, terms: Terms) -> None:
        self._client = client
        self._api: Api = api(client)
        self._order = order
        self._terms = terms
        self._backoff = Backoff(terms.rng)
        self._before: Amounts | None = None
        self._restarts = 0
        self._patch: tuple[Operation, ...] = ()
        self._sent = 0
        self._unanswered = False
        self._answer: Object | None = None

    async def write(self) -> Written:
        """To the end; the outcome is not yet what the kubelet made of it."""
        renewed = False
        for tried in range(1, TRIES + 1):
            try:
                return self._told(*await self._once())
            except _LeaseLost:
                return self._lost()
            except ApiError as error:
                step = refusals.then(error)
                if step == "end" or (step == "renew" and renewed) or tried == TRIES:
                    return self._told(refusals.outcome(error), None)
                renewed = renewed or step == "renew"
                if not await self._wait(error):
                    return self._lost()
        raise AssertionError("the last try returns")

    async def _once(self) -> tuple[Outcome, Object | None]:
        if not await self._supported():
            return rules.refusal("unsupported", "no-resize", "the server has no pods/resize"), None
        pod = await self._request("GET", self._order.path)
        self._pin(pod)
        place = pods.find(pod, self._order.container)
        refused = deciding.strange(self._order, pod) or rules.standing(pod, self._order.container, place)
        if refused is not None or place is None:
            return refused or Outcome(kind="infeasible"), pod
        return await self._resize(pod, place)

    def _pin(self, pod: Object) -> None:
        """The pod that was read first is the one: another of its name, later, is not."""
        if self._order.expect.uid is None:
            expect = replace(self._order.expect, uid=pods.metadata(pod).get("uid"))
            self._order = replace(self._order, expect=expect)

    async def _resize(self, pod: Object, place: Place) -> tuple[Outcome, Object]:
        if self._before is None:
            self._before, self._restarts = place.amounts, pods.restarts(pod, self._order.container)
        minor = await self._minor(place)
        case = Case(pod, place, self._order.wanted, self._order.allow_restart, minor)
        if not case.changed:
            reason = "" if self._sent else "unchanged"
            return Outcome(
                kind="applied",
                reason=reason,
                after=place.amounts,
                generation=pods.generation(pod),
                patch=self._patch,
            ), pod
        refused = deciding.overtaken(self._order, place) or rules.verdict(case)
        if refused is not None:
            return refused, pod
        self._patch = patch.build(pod, place, case.changed)
        answer = await self._send()
        return deciding.taken(self._order, answer, after(place.amounts, case.changed), self._patch), answer

    # -- asking

    async def _supported(self) -> bool:
        """A server that does not tell is asked by the patch itself."""
        left_s = self._left_s()
        try:
            return await support.supported(self._client, timeout_s=left_s)
        except ApiError as error:
            return _untold(error, True)

    async def _minor(self, place: Place) -> int | None:
        """Asked for only where a rule depends on it."""
        wanted, here = self._order.wanted.get(("limits", "memory")), place.amounts.memory_limit_bytes
        if wanted is None or here is None or wanted >= here:
            return None
        left_s = self._left_s()
        try:
            return await support.minor(self._client, self._api, left_s)
        except ApiError as error:
            return _untold(error, None)

    # -- sending

    async def _send(self) -> Object:
        query = {"fieldManager": self._order.field_manager, "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if self._order.dry_run else {}
        left_s = self._left_s()  # nothing is awaited between this and the request
        self._sent += 1
        self._unanswered = True
        path = f"{self._order.path}/resize"
        try:
            answer = await self._api.request(
                "PATCH",
                path,
                body=list(self._patch),
                content_type=patch.CONTENT_TYPE,
                query=query,
                timeout_s=left_s,
            )
        except ApiError as error:
            self._unanswered = error.status == 0 or error.status >= 500
            raise
        self._unanswered = False
        self._answer = answer
        return answer

    async def _request(self, method: str, path: str, query: Mapping[str, str] | None = None) -> Object:
        return await self._api.request(method, path, query=query, timeout_s=self._left_s())

    def _left_s(self) -> float:
        """For one request. Raises when there is no time left."""
        left_s = self._terms.guard()
        if left_s <= 0:
            raise _LeaseLost
        return min(REQUEST_S, left_s)

    async def _wait(self, error: ApiError) -> bool:
        """Whether there is time for another try."""
        asked_s = min(error.retry_after_s or 0.0, MOST_PATIENCE_S)
        delay_s = self._backoff.next_s(longest_s=LONGEST_S, least_s=asked_s)
        if delay_s >= self._terms.guard():
            return False
        await self._terms.sleep(delay_s)
        return True

    # -- telling

    def _lost(self) -> Written:
        said = "the lease ran out; "
        said += (
            "what was sent last had no answer and may be done"
            if self._unanswered
            else "nothing was sent after"
        )
        return self._told(Outcome(kind="failed", reason=LEASE_LOST, message=said), None)

    def _told(self, outcome: Outcome, pod: Object | None) -> Written:
        if outcome.kind == "failed" and self._unanswered and outcome.reason != LEASE_LOST:
            outcome = replace(outcome, message=f"{outcome.message}; what was sent may be done")
        done = replace(outcome, before=self._before, attempts=self._sent, patch=outcome.patch or self._patch)
        return Written(done, pod, self._restarts, answered=pod is not None and pod is self._answer)


def _untold(error: ApiError, instead: T) -> T:
    """What is taken for true where the server does not say; raised again where it may yet."""
    if refusals.then(error) == "end":
        return instead
    raise error
