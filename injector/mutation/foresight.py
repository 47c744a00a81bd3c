"""What will be decided about the pods of a workload, while whoever writes it is still there to be told.

Warnings and refusals of pods reach only their controller; those of a workload are printed by kubectl.
"""

from dataclasses import dataclass
from typing import Any

from injector.mutation import decision, mutate, workload
from injector.mutation.decision import Decision
from injector.template import Template

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Foresight:
    """For workloads of one kind and namespace."""

    path: tuple[str, ...]
    """To the pod template (`workload.TEMPLATES`)."""
    namespace: str
    flags: frozenset[str]
    template: Template

    def decide(self, obj: Json) -> Decision:
        """As its pods will be, once its annotations are copied; its own mistakes come first."""
        if mistakes := workload.mistakes(obj):
            return Decision("refuse", message=decision.said(mistakes))
        return decision.decide(self._pod(obj), self.namespace, self.flags, self.template)

    def warnings(self, obj: Json, decided: Decision) -> tuple[str, ...]:
        """What its pods will be told; or why they are not injected although somebody asked."""
        if decided.plan is not None:
            return mutate.inject(self._pod(obj), self.namespace, decided.plan, self.template).warnings
        return (f"its pods are not injected: {decided.message}",) if decided.message else ()

    @staticmethod
    def is_worth_a_rollout(decided: Decision) -> bool:
        """Its pods will differ: they get a sidecar, or are kept from getting one."""
        return decided.verdict == "inject" or decided.reason == "opted-out"

    def _pod(self, obj: Json) -> Json:
        return workload.as_pod(workload.copy(obj, self.path).workload, self.path)
