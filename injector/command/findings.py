"""What `check` found: each thing good, bad or worth knowing, with what to do next; and the exit status. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from injector.command import reachability, subject
from injector.command.observation import Observed, service, words
from injector.command.subject import Subject
from injector.mutation import decision, opt_in, plan, workload
from injector.mutation.decision import Decision
from injector.mutation.foresight import Foresight
from injector.mutation.opt_in import OptIn
from injector.template import Template
from sidecar import contract
from sidecar.kube.client import ApiError

Json = dict[str, Any]

AS_EXPECTED: Final = 0
TROUBLE: Final = 1
NOT_INJECTED: Final = 3
"""Though somebody asked."""
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_EXPECTED: Final = frozenset(("not-opted-in", "opted-out", "already-injected"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    good: bool | None
    """None: neither, but worth knowing."""
    said: str
    next: str = ""
    """What to do about it."""


class Report:
    """The findings about one subject, in the order in which they matter, and what they come to."""

    def __init__(self, seen: Observed) -> None:
        self._seen = seen
        labels = seen.labels if isinstance(seen.labels, dict) else {}
        self._flags = frozenset(_flags(labels))
        # As its pods will be once the injector has copied what the workload says.
        path = seen.subject.template
        self._copy = workload.copy(seen.object, path) if path else None
        self._pod = subject.as_pod(self._copy.workload if self._copy else seen.object, path)
        self._decided = self._decide()
        self.asked = self._asks(self._pod)
        self._made_without = self._asking_maker() if self.asked.answer == "absent" else None
        if self._made_without:
            self.asked = OptIn("in", self.asked.mistakes)
        self.injected, self._healthy = self._state()

    @property
    def status(self) -> int:
        """Of the program."""
        if self.asked.answer == "in" and not self.injected:
            return NOT_INJECTED
        return AS_EXPECTED if self._healthy and not self.asked.mistakes else TROUBLE

    def findings(self) -> Iterator[Finding]:
        """All of them."""
        yield from self._request()
        yield from self._obstacles()
        yield from map(_finding, reachability.webhooks(self._seen, self._pod))
        yield from map(_finding, reachability.rehearsal(self._seen.rehearsal))
        yield from self._pods()
        events = self._seen.events
        for text in events[:3] if isinstance(events, list) else ():
            yield Finding(None, f"event: {text}")

    def _asks(self, pod: Json) -> OptIn:
        metadata = pod.get("metadata") or {}
        return opt_in.of_pod(
            metadata.get("annotations") or {},
            metadata.get("labels") or {},
            namespace_in=decision.NAMESPACE in self._flags,
        )

    def _asking_maker(self) -> Subject | None:
        """What made a pod, where that asks although the pod itself does not."""
        for maker, obj in reversed(self._seen.makers):
            copied = workload.copy(obj, maker.template).workload
            if self._asks(subject.as_pod(copied, maker.template)).answer == "in":
                return maker
        return None

    # -- who asks for it

    def _request(self) -> Iterator[Finding]:
        what, inside = str(self._seen.subject), f"-n {self._seen.namespace}"
        for mistake in self.asked.mistakes:
            yield Finding(False, mistake, f"correct it on {what}")
        if self.asked.mistakes:
            return
        if self._made_without:
            todo = f"equilibrium-inject check {self._made_without} {inside}"
            yield Finding(False, f"{self._made_without} asks, but {what} was made without that", todo)
        elif self.asked.answer == "out":
            yield Finding(None, f"{what} says no: {contract.INJECT}=false")
        elif self.asked.answer == "absent":
            said = f"nobody asks for a sidecar: neither {what} nor its namespace"
            yield Finding(None, said, self._how_to_ask())
        elif self._copy is not None and self._copy.outcome == "copied" and self._decided.plan is not None:
            said = f"{what} asks, but its pod template was never told: the injector did not hear of it"
            yield Finding(False, said, f"kubectl {inside} annotate {what} {contract.INJECT}=true --overwrite")
        elif opt_in.explicit(*_stated(self._pod)).answer == "absent":
            yield Finding(True, f"namespace {self._seen.namespace} asks (label {contract.INJECT}=enabled)")
        else:
            yield Finding(True, f"{what} asks")

    def _how_to_ask(self) -> str:
        kind, name = self._seen.subject.kind, self._seen.subject
        target = next((maker for maker, _ in reversed(self._seen.makers)), name)
        if kind == "Pod" and target is name:
            return f'pods are injected when they are made: make it again with annotation {contract.INJECT}: "true"'
        return f"kubectl -n {self._seen.namespace} annotate {target} {contract.INJECT}=true"

    # -- what stands in the way

    def _obstacles(self) -> Iterator[Finding]:
        decided = self._decided
        if decided.verdict == "refuse" and not self.asked.mistakes:
            yield Finding(False, f"refused: {decided.message.strip()}", "correct the annotation")
        elif decided.verdict == "skip" and decided.reason not in _EXPECTED:
            yield Finding(False, f"cannot be injected ({decided.reason}): {decided.message}")
        if isinstance(self._seen.labels, ApiError):
            yield Finding(None, f"namespace: {words(self._seen.labels)}")
        elif plan.RESTRICTED in self._flags and self.asked.answer == "in":
            level = self._seen.labels[_ENFORCE]
            yield Finding(None, f"the namespace enforces Pod Security {level}: no interception by iptables")

    def _decide(self) -> Decision:
        behind = service(self._seen.configuration)
        template = Template(own_namespace=behind[0]) if behind else Template()
        if path := self._seen.subject.template:
            return Foresight(path, self._seen.namespace, self._flags, template).decide(self._seen.object)
        return decision.decide(self._pod, self._seen.namespace, self._flags, template)

    # -- what there is

    def _state(self) -> tuple[bool, bool]:
        """Whether the newest pod (else the one of the dry run) is injected, and its sidecar well."""
        pods = self._seen.pods
        newest = pods[0] if isinstance(pods, list) and pods else self._seen.rehearsal
        if not isinstance(newest, dict) or not subject.is_injected(newest):
            return False, True
        return True, not any(subject.ailments(newest))

    def _pods(self) -> Iterator[Finding]:
        pods = self._seen.pods
        if isinstance(pods, ApiError):
            yield Finding(None, f"pods: {words(pods)}")
            return
        without = [each["metadata"].get("name") for each in pods if not subject.is_injected(each)]
        if not pods:
            yield Finding(None, "it has no pods now")
        elif not without:
            yield Finding(
                True,
                f"{len(pods)} of {len(pods)} pods have the sidecar"
                if len(pods) > 1
                else "the pod has the sidecar",
            )
        elif self.asked.answer == "in":
            yield Finding(
                False, f"without a sidecar: {', '.join(map(str, without[:5]))}", self._how_to_replace()
            )
        for pod in pods[:1]:
            yield from (
                Finding(False, f"{pod['metadata'].get('name')}: {said}") for said in subject.ailments(pod)
            )

    def _how_to_replace(self) -> str:
        target = next((maker for maker, _ in reversed(self._seen.makers)), self._seen.subject)
        if target.kind in ("Deployment", "StatefulSet", "DaemonSet"):
            return f"pods are injected when they are made: kubectl -n {self._seen.namespace} rollout restart {target}"
        return "pods are injected when they are made: make it again"


def _finding(told: tuple[bool | None, str, str]) -> Finding:
    return Finding(*told)


def _flags(labels: dict[str, str]) -> Iterator[str]:
    if labels.get(contract.INJECT) == "enabled":
        yield decision.NAMESPACE
    if labels.get(_ENFORCE) in ("baseline", "restricted"):
        yield plan.RESTRICTED


def _stated(pod: Json) -> tuple[dict[str, str], dict[str, str]]:
    metadata = pod.get("metadata") or {}
    return metadata.get("annotations") or {}, metadata.get("labels") or {}
