"""The actuator: a container of a running pod gets other amounts of CPU and memory, and the outcome is a value."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from coordinator.kube.clients import api
from coordinator.kube.resize import amounts, rules
from coordinator.kube.resize.order import Expect, Guard, Order, Sleep, Terms, unguarded
from coordinator.kube.resize.waiting import wait
from coordinator.kube.resize.writing import Writer
from coordinator.policy.outcome import Outcome
from coordinator.policy.subject import Policy
from sidecar import clock
from sidecar.parsing import ParseError

FIELD_MANAGER: Final = "equilibrium-coordinator"


async def apply_scaling(
    client: Any,
    pod: str,
    namespace: str,
    container: str,
    cpu: str | int | None,
    memory: str | int | None,
    policy: Policy,
    *,
    guard: Guard | None = None,
    expect: Expect | None = None,
    wait_s: float | None = None,
    dry_run: bool = False,
    allow_restart: bool = False,
    field_manager: str = FIELD_MANAGER,
    rng: random.Random | None = None,
    sleep: Sleep = asyncio.sleep,
    now: Callable[[], float] = clock.now,
) -> Outcome:
    """Resize in place by `pods/resize` (KEP-1287). Nothing of the API server is raised: it is the outcome.

    client      `sidecar.kube.client.Client`, or an ApiClient of kubernetes_asyncio
    cpu         `"500m"`, `"2"`, or millicores; None: leave it. Limits are rounded up to 10 m
    memory      `"256Mi"`, or bytes; None: leave it
    policy      which amounts are set: the container's limits, its requests, or both to the same
    guard       seconds for which we may still write, asked right before every request and the longest it may take;
                0 or less: `failed`, reason `lease-lost`
    expect      the pod the decision was made on: another is `superseded`, other amounts are a `conflict`
    wait_s      how long to wait for the kubelet; None: the outcome is what the server said
    dry_run     the server checks and stores nothing (`dryRun=All`); the patch is in the outcome
    allow_restart   also where the container's resizePolicy restarts it
    """
    try:
        change = amounts.change(cpu, memory, policy)
    except ParseError as error:
        return rules.refusal("infeasible", "quantity", str(error))
    order = Order(
        namespace=namespace,
        pod=pod,
        container=container,
        wanted=change.wanted(policy),
        expect=expect or Expect(),
        dry_run=dry_run,
        allow_restart=allow_restart,
        field_manager=field_manager,
    )
    terms = Terms(guard=guard or unguarded, rng=rng or random.Random(), sleep=sleep, now=now)  # noqa: S311 (jitter)
    outcome = await _carry_out(client, order, terms, wait_s)
    return replace(outcome, message="; ".join(filter(None, (change.note, outcome.message))))


async def revert(
    client: Any,
    pod: str,
    namespace: str,
    container: str,
    outcome: Outcome,
    *,
    uid: str | None = None,
    guard: Guard | None = None,
    wait_s: float | None = None,
    field_manager: str = FIELD_MANAGER,
    rng: random.Random | None = None,
    sleep: Sleep = asyncio.sleep,
    now: Callable[[], float] = clock.now,
) -> Outcome:
    """Take back what an outcome did, as long as nobody wrote since: a deferred one reserves what it does not have.

    An amount that was not there before stays, since the server lets none be removed.
    """
    if outcome.before is None or outcome.after is None:
        return rules.refusal("infeasible", "nothing-done", "that outcome changed nothing")
    order = Order(
        namespace=namespace,
        pod=pod,
        container=container,
        wanted=amounts.wanted_of(outcome.before),
        expect=Expect(uid=uid, amounts=outcome.after),
        allow_restart=True,
        field_manager=field_manager,
    )
    terms = Terms(guard=guard or unguarded, rng=rng or random.Random(), sleep=sleep, now=now)  # noqa: S311 (jitter)
    return await _carry_out(client, order, terms, wait_s)


async def _carry_out(client: Any, order: Order, terms: Terms, wait_s: float | None) -> Outcome:
    if order.unnamed is not None:
        return rules.refusal("infeasible", "name", f"{order.unnamed!r}: not a name")
    written = await Writer(client, order, terms).write()
    if wait_s is None or order.dry_run or written.outcome.kind != "applied" or written.pod is None:
        return written.outcome
    return await wait(api(client), order, written, terms, wait_s)
