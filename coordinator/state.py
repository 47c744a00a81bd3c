"""A cycle as others read it: JSON for /state and `--output json`, a table for people."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from coordinator.policy.grant import Grant, Held
from coordinator.policy.outcome import Outcome
from coordinator.policy.plan import Plan
from coordinator.policy.subject import Subject
from coordinator.record import Cycle

Json = dict[str, Any]

_HEADER: Final = ("NODE", "POD", "CONTAINER", "DEMAND", "FROM", "BID", "HAS", "GETS", "WHY")


@dataclass(frozen=True, slots=True)
class Decided:
    """By uid."""

    grants: dict[str, Grant]
    held: dict[str, Held]


def _decided(cycle: Cycle) -> Decided:
    held = cycle.plan.held if cycle.plan is not None else ()
    return Decided(
        {grant.subject.uid: grant for grant in _grants(cycle)}, {each.subject.uid: each for each in held}
    )


def of(cycle: Cycle) -> Json:
    """Plain values; what is missing was not come to."""
    plan, decided = cycle.plan, _decided(cycle)
    return {
        "cycle": cycle.number,
        "began": datetime.fromtimestamp(cycle.wall_s, UTC).isoformat(timespec="milliseconds"),
        "leading": cycle.leading,
        "dry_run": cycle.dry_run,
        "idle": cycle.idle,
        "seconds": {phase: round(seconds, 6) for phase, seconds in cycle.seconds.items()},
        "pods": [_pod(cycle, decided, subject) for subject in cycle.market],
        "skipped": [asdict(each) for each in (cycle.found.skipped if cycle.found is not None else ())],
        "stood_down": [
            {"pod": each.subject.key, "reason": each.reason, "detail": each.detail}
            for each in cycle.stood_down
        ],
        "nodes": {
            name: {
                "capacity_m": market.capacity_m,
                "price": market.price,
                "infeasible": market.infeasible,
                "idle": market.idle,
                "left_m": market.left_m,
            }
            for name, market in (plan.markets if plan is not None else {}).items()
        },
        "potential": plan.potential if plan is not None else None,
        "fairness": plan.fairness if plan is not None else None,
        "negotiated": [
            {"pod": grant.subject.key, "answer": consent.answer, "reason": consent.reason}
            for grant, consent in cycle.consents
        ],
        "outcomes": [_outcome(grant, outcome) for grant, outcome in cycle.outcomes],
        "judged": [_outcome(grant, outcome) for grant, outcome in cycle.judged],
        "failures": list(cycle.failures),
    }


def _pod(cycle: Cycle, decided: Decided, subject: Subject) -> Json:
    seen = cycle.observations.get(subject.uid)
    found: Json = {
        "pod": subject.key,
        "uid": subject.uid,
        "node": subject.node,
        "container": subject.container,
        "workload": subject.workload,
        "policy": subject.policy,
        "budget": subject.budget,
        "floor_m": subject.floor_m,
        "cap_m": subject.cap_m,
        "cpu_m": subject.cpu_m,
        "actual": asdict(subject.actual),
        "settled": subject.settled,
        "sidecar": subject.sidecar,
        "observation": asdict(seen) if seen is not None else None,
    }
    return found | (_decision(cycle.plan, decided, subject) if cycle.plan is not None else {})


def _decision(plan: Plan, decided: Decided, subject: Subject) -> Json:
    lines = plan.markets[subject.node].lines if subject.node in plan.markets else {}
    line, grant, held = lines.get(subject.key), decided.grants.get(subject.uid), decided.held.get(subject.uid)
    return {
        "bid": plan.bids.get(subject.uid),
        "market": asdict(line) if line is not None else None,
        "grant": grant and {"cpu_m": grant.cpu_m, "memory_bytes": grant.memory_bytes, "reason": grant.reason},
        "held": held and {"reason": held.reason, "detail": held.detail},
    }


def _grants(cycle: Cycle) -> Iterator[Grant]:
    if cycle.plan is not None:
        yield from cycle.plan.reverts
        yield from cycle.plan.grants


def _outcome(grant: Grant, outcome: Outcome) -> Json:
    return {
        "pod": grant.subject.key,
        "cpu_m": grant.cpu_m,
        "memory_bytes": grant.memory_bytes,
        "kind": outcome.kind,
        "reason": outcome.reason,
        "message": outcome.message,
        "confirmed": outcome.confirmed,
        "attempts": outcome.attempts,
    }


def table(cycle: Cycle) -> str:
    """Of one cycle, for a terminal."""
    rows = [_HEADER, *_rows(cycle)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
    if cycle.idle:
        lines.append(f"\nnothing was changed: {cycle.idle}")
    lines += [f"failed: {failure}" for failure in cycle.failures]
    return "\n".join(lines) + "\n"


def _rows(cycle: Cycle) -> Iterator[tuple[str, ...]]:
    decided = _decided(cycle)
    grants, held = decided.grants, decided.held
    became = {grant.subject.uid: outcome for grant, outcome in cycle.outcomes}
    vetoes = {grant.subject.uid: c.reason for grant, c in cycle.consents if c.answer == "vetoed"}
    for subject in cycle.market:
        uid, seen = subject.uid, cycle.observations.get(subject.uid)
        grant = grants.get(uid)
        why = grant.reason if grant is not None else "as it should be"
        if uid in held:
            why = f"{held[uid].reason}: {held[uid].detail}"
        if uid in vetoes:
            why = f"vetoed: {vetoes[uid]}"
        if uid in became:
            outcome = became[uid]
            why = (
                f"{outcome.kind}: {grant.reason if outcome.kind == 'applied' and grant else outcome.message}"
            )
        bid = cycle.plan.bids.get(uid) if cycle.plan is not None else None
        yield (
            subject.node,
            subject.key,
            subject.container,
            f"{seen.demand:.2f}" if seen is not None else "-",
            seen.source if seen is not None else "-",
            f"{bid:.2f}" if bid is not None else "-",
            f"{subject.cpu_m}m",
            f"{grant.cpu_m}m" if grant is not None and grant.cpu_m is not None else "=",
            why,
        )
    for each in cycle.stood_down:
        yield (*_left_alone(each.subject.key, each.subject.node), f"{each.reason}: {each.detail}")
    for skipped in cycle.found.skipped if cycle.found is not None else ():
        yield (*_left_alone(skipped.key, "-"), f"{skipped.reason}: {skipped.detail}")


def _left_alone(key: str, node: str) -> tuple[str, ...]:
    return node, key, "-", "-", "-", "-", "-", "="


def shown(cycle: Cycle, output: str) -> str:
    """As JSON, or as a table."""
    if output == "json":
        return orjson.dumps(of(cycle), option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
    return table(cycle)


def failed(cycle: Cycle) -> bool:
    """Whether a change that was sent did not take, or something broke. A pod's no is an answer, not a failure."""
    return bool(cycle.failures) or any(outcome.kind != "applied" for _, outcome in cycle.outcomes)
