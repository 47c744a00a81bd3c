"""Calculate: the market's solution (Solve), and what guardrails leave of it (Guardrail)."""

import asyncio
from collections.abc import Callable
from functools import partial

from coordinator import journal
from coordinator.kube.inventory import Inventory
from coordinator.loop.act import shown
from coordinator.loop.timing import timed
from coordinator.policy.controller import Controller
from coordinator.policy.plan import Plan
from coordinator.record import Cycle
from sidecar import clock


class Calculate:
    """Asks the controller; `slow`: in a thread, because it thinks for so long that a Lease would not be renewed."""

    def __init__(
        self,
        controller: Controller,
        inventory: Inventory,
        *,
        slow: bool = False,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._slow = slow
        self._controller = controller
        self._inventory = inventory
        self._now = now

    async def run(self, cycle: Cycle) -> None:
        """Fill in `cycle.plan`."""
        found = cycle.found
        if found is None:
            return
        with timed(cycle, "calculate", self._now), timed(cycle, "solve", self._now):
            think = partial(
                self._controller.plan,
                self._inventory.nodes(cycle.market),
                cycle.market,
                cycle.observations,
                found.bounds,
                now=self._now(),
            )
            plan = cycle.plan = await asyncio.to_thread(think) if self._slow else think()
        with timed(cycle, "calculate", self._now), timed(cycle, "guardrail", self._now):
            _solved(cycle, plan)
            _guarded(cycle, plan)
        moved_m = sum(abs(grant.delta_m) for grant in plan.grants)
        journal.say(
            "calculate",
            cycle.number,
            f"{moved_m}m would change hands" if plan.grants else "everybody keeps what it has",
            f"fairness {plan.fairness:.3f}",
        )


def _solved(cycle: Cycle, plan: Plan) -> None:
    flags = {
        word: sorted(name for name, market in plan.markets.items() if getattr(market, word))
        for word in ("infeasible", "idle")
    }
    journal.say(
        "solve",
        cycle.number,
        f"{len(plan.markets)} markets cleared",
        "; ".join(
            f"{word}: {', '.join(names[: journal.MOST_NAMED])}" for word, names in flags.items() if names
        ),
        prices={
            name: round(market.price, 9) for name, market in list(plan.markets.items())[: journal.MOST_NAMED]
        },
        potential=plan.potential,
        fairness=plan.fairness,
    )


def _guarded(cycle: Cycle, plan: Plan) -> None:
    named = plan.grants[: journal.MOST_NAMED]
    journal.say(
        "guardrail",
        cycle.number,
        f"{len(plan.grants)} grants, {len(plan.reverts)} to be taken back, {len(plan.held)} held",
        "; ".join(f"{grant.subject.key} {shown(grant)}: {grant.reason}" for grant in named),
        held=journal.tally(held.reason for held in plan.held),
    )
