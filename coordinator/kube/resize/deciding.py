"""Whether the pod is still the one a decision was made on, and whether the answer is what was asked for."""

from collections.abc import Sequence
from dataclasses import replace

from coordinator.kube.resize import pods, rules
from coordinator.kube.resize.amounts import words
from coordinator.kube.resize.order import Order
from coordinator.kube.resize.patch import Operation
from coordinator.kube.resize.pods import Place
from coordinator.policy.outcome import Outcome
from coordinator.policy.subject import Amounts
from sidecar.kube.bodies import Object


def strange(order: Order, pod: Object) -> Outcome | None:
    """Another pod has the name now."""
    uid = pods.metadata(pod).get("uid")
    if order.expect.uid in (None, uid):
        return None
    said = f"pod {order.pod} is another one now: uid {uid}, expected {order.expect.uid}"
    return rules.refusal("superseded", "replaced", said)


def overtaken(order: Order, place: Place) -> Outcome | None:
    """Somebody else wrote since the decision was made."""
    expected = order.expect.amounts
    if expected is None or place.amounts == expected:
        return None
    said = f"decided on {words(expected)}, but it has {words(place.amounts)}"
    return rules.refusal("conflict", "changed", said)


def taken(order: Order, answer: Object, asked: Amounts, patch: Sequence[Operation]) -> Outcome:
    """What the server says it now is, which a webhook may have had a hand in."""
    place = pods.find(answer, order.container)
    found = place.amounts if place is not None else Amounts()
    done = Outcome(kind="applied", after=found, generation=pods.generation(answer), patch=tuple(patch))
    if found != asked:
        said = f"asked for {words(asked)}, and the server made it {words(found)}"
        return replace(done, kind="superseded", reason="mutated", message=said)
    return replace(done, reason="dry-run") if order.dry_run else done
