"""Where a patched pod has got to: what the kubelet says, against what was asked (reference §3.5, KEP-1287).

Amounts are compared one by one, as numbers, and only those that were changed: the kubelet reports CPU limits as the
kernel keeps them, in steps of 10 millicores, and shares below 2 millicores as 2. What conditions say of an older
generation says nothing of this one.
"""

from dataclasses import replace
from typing import Final

from coordinator.kube.resize import pods
from coordinator.kube.resize.amounts import Key, Wanted, stepped, wanted_of
from coordinator.policy.outcome import Outcome
from coordinator.policy.subject import Amounts
from sidecar.kube.bodies import Object

LEAST_SHARES_M: Final = 2
"""`MinShares`: a smaller CPU request is enforced, and reported, as this."""
UNDERWAY: Final = "in-progress"


def judge(
    pod: Object, container: str, outcome: Outcome, *, uid: str | None = None, restarts: int | None = None
) -> Outcome:
    """What became of an `outcome` of kind applied or deferred, by the pod as it is now; others are returned as is.

    `uid` and `restarts`: of the pod before the patch, where the caller knows them. Not done yet is `applied`, reason
    `in-progress`, and not `confirmed`.
    """
    if outcome.kind not in ("applied", "deferred") or outcome.after is None:
        return outcome
    if (lost := _lost(pod, container, outcome.after, uid)) is not None:
        return replace(outcome, kind="superseded", reason=lost[0], message=lost[1], confirmed=False)
    restarted = restarts is not None and pods.restarts(pod, container) != restarts
    outcome = replace(outcome, restarted=outcome.restarted or restarted)
    if (said := _condition(pod, outcome)) is not None:
        return said
    if not _observed(pod, outcome) or not _enforced(pod, container, outcome):
        return replace(
            outcome, kind="applied", reason=UNDERWAY, message="the kubelet is not done", confirmed=False
        )
    message = f"container {container} was restarted on the way" if outcome.restarted else ""
    reason = "restarted" if outcome.restarted else ""
    return replace(outcome, kind="applied", reason=reason, message=message, confirmed=not outcome.restarted)


def settled(outcome: Outcome) -> bool:
    """Whether waiting longer could change nothing: done, refused for good, or somebody else's."""
    return outcome.kind not in ("applied", "deferred") or (
        outcome.kind == "applied" and outcome.reason != UNDERWAY
    )


def _lost(pod: Object, container: str, after: Amounts, uid: str | None) -> tuple[str, str] | None:
    meta = pods.metadata(pod)
    if uid is not None and meta.get("uid") != uid:
        return "replaced", f"pod {meta.get('name')} is another one now"
    if word := pods.leaving(pod):
        return word, f"pod {meta.get('name')} is {word}"
    place = pods.find(pod, container)
    if place is None:
        return "replaced", f"pod {meta.get('name')} has no container {container} any more"
    if place.amounts != after:
        return "overwritten", f"somebody else resized {container}: {place.amounts}"
    return None


def _condition(pod: Object, outcome: Outcome) -> Outcome | None:
    """What the kubelet says it can not do (now): conditions are absent when all is well."""
    pending = pods.condition(pod, pods.PENDING)
    if pending and _current(pending, outcome):
        message = str(pending.get("message") or "")
        if pending.get("reason") == "Infeasible":
            return replace(outcome, kind="infeasible", reason="kubelet", message=message, confirmed=False)
        return replace(outcome, kind="deferred", reason="no-room", message=message, confirmed=False)
    progress = pods.condition(pod, pods.IN_PROGRESS)
    if progress.get("reason") == "Error" and _current(progress, outcome):
        message = str(progress.get("message") or "")
        return replace(outcome, kind="infeasible", reason="error", message=message, confirmed=False)
    return None


def _current(condition: Object, outcome: Outcome) -> bool:
    at = pods.observed(condition)
    return at is None or outcome.generation is None or at >= outcome.generation


def _observed(pod: Object, outcome: Outcome) -> bool:
    """The kubelet has seen this generation, and neither waits nor works. Servers before 1.34 do not say the first."""
    at = pods.observed(pods.table(pod.get("status")))
    seen = at is None or outcome.generation is None or at >= outcome.generation
    return seen and not pods.condition(pod, pods.PENDING) and not pods.condition(pod, pods.IN_PROGRESS)


def _enforced(pod: Object, container: str, outcome: Outcome) -> bool:
    after, actual = wanted_of(outcome.after or Amounts()), wanted_of(pods.actual(pod, container))
    before = wanted_of(outcome.before or Amounts())
    touched: Wanted = {key: value for key, value in after.items() if before.get(key) != value}
    return all(_same(key, value, actual.get(key)) for key, value in (touched or after).items())


def _same(key: Key, wanted: int, actual: int | None) -> bool:
    if actual is None or key[1] == "memory":
        return wanted == actual
    if key[0] == "limits":
        return stepped(wanted) == stepped(actual)
    return max(wanted, LEAST_SHARES_M) == max(actual, LEAST_SHARES_M)
