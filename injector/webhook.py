"""The mutating webhook without its server: the body of a request in, the answer out. Pure, and never raises.

Whatever goes wrong in here is our fault and not the pod's: it is let in as it is, with a warning.
"""

from dataclasses import dataclass
from typing import Any

from injector import review
from injector.mutation import decision, mutate, notes, patch, rollout, workload
from injector.mutation.foresight import Foresight
from injector.review import Malformed, Request
from injector.template import Template
from sidecar.kube.notes import Note

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server sends back, and what it counts and tells."""

    status: int
    """200; 400 for a body that is no AdmissionReview v1."""
    body: bytes
    """The AdmissionReview; with 400 an error in words."""
    outcome: str
    """injected, skipped, denied, copied, removed, unchanged, malformed or failed."""
    reason: str = ""
    """One of the words of docs/injection.md for what was skipped."""
    kind: str = ""
    namespace: str = ""
    event: Note | None = None
    error: str = ""
    """What went wrong in here, for the log, when the outcome is `failed`."""


def answer(body: bytes, flags: frozenset[str], template: Template) -> Answer:
    """`flags`: the segments of the path behind `/mutate`, `decision.NAMESPACE` and `plan.RESTRICTED`."""
    try:
        request = review.parse(body)
    except Malformed as error:
        return Answer(400, f"{error}\n".encode(errors="replace"), "malformed")
    try:
        return _answer(request, flags, template)
    except Exception as error:  # noqa: BLE001  a defect of ours must not keep a pod from starting
        warning = f"not injected, because of a defect in the injector: {error!r}"
        said = f"{type(error).__name__}: {error}"
        return _allowed(request, "failed", warnings=(warning,), error=said)


def _answer(request: Request, flags: frozenset[str], template: Template) -> Answer:
    if request.object is None or request.subresource:
        return _allowed(request, "unchanged")
    if (request.group, request.kind) == ("", "Pod") and request.operation == "CREATE":
        return _pod(request, request.object, flags, template)
    path = workload.TEMPLATES.get((request.group, request.kind))
    if path and request.operation in ("CREATE", "UPDATE"):
        return _workload(request, request.object, path, flags, template)
    return _allowed(request, "unchanged")


def _pod(request: Request, pod: Json, flags: frozenset[str], template: Template) -> Answer:
    namespace = _namespace(request, pod)
    decided = decision.decide(pod, namespace, flags, template)
    if decided.verdict == "refuse":
        event = notes.about_pod(pod, namespace, "InjectionDenied", decided.message)
        return _denied(request, decided.message, event)
    if decided.plan is None:
        if not decided.message:
            return _allowed(request, "skipped", reason=decided.reason)
        warning = f"not injected ({decided.reason}): {decided.message}"
        event = notes.about_pod(pod, namespace, "InjectionSkipped", warning)
        return _allowed(request, "skipped", reason=decided.reason, warnings=(warning,), event=event)
    injection = mutate.inject(pod, namespace, decided.plan, template)
    event = notes.about_pod(pod, namespace, "Injected", "; ".join(("sidecar injected", *injection.warnings)))
    changes = patch.difference(pod, injection.pod)
    return _allowed(request, "injected", changes, warnings=injection.warnings, event=event)


def _workload(
    request: Request, obj: Json, path: tuple[str, ...], flags: frozenset[str], template: Template
) -> Answer:
    """Mistakes that were there before do not stop whoever changes something else; they are not copied either."""
    if workload.is_managed(obj):
        return _allowed(request, "unchanged")
    namespace = _namespace(request, obj)
    copy = workload.copy(obj, path)
    if request.kind == "Job" and request.operation == "UPDATE":
        late = (rollout.IMMUTABLE,) if copy.outcome != "unchanged" else ()
        return _allowed(request, "unchanged", warnings=late)
    sight = Foresight(path, namespace, flags, template)
    decided = sight.decide(obj)
    if decided.verdict == "refuse" and not (request.old and sight.decide(request.old) == decided):
        return _denied(request, decided.message, notes.about_workload(obj, namespace, decided.message))
    warnings = (*copy.warnings, *workload.strangers(obj), *sight.warnings(obj, decided))
    if copy.outcome == "copied" and not sight.is_worth_a_rollout(decided):
        return _allowed(request, "unchanged", reason=decided.reason, warnings=warnings)
    if copy.outcome != "unchanged" and request.operation == "UPDATE":
        warnings = (rollout.what_follows(obj, request.kind, copy.outcome), *warnings)
    return _allowed(request, copy.outcome, patch.difference(obj, copy.workload), warnings=warnings)


def _namespace(request: Request, obj: Json) -> str:
    return request.namespace or (obj.get("metadata") or {}).get("namespace") or "default"


def _allowed(
    request: Request,
    outcome: str,
    changes: list[Json] | None = None,
    *,
    reason: str = "",
    warnings: tuple[str, ...] = (),
    event: Note | None = None,
    error: str = "",
) -> Answer:
    body = review.allow(request.uid, changes or [], warnings)
    event = None if request.dry_run else event
    return Answer(200, body, outcome, reason, request.kind, request.namespace, event, error)


def _denied(request: Request, message: str, event: Note | None) -> Answer:
    body = review.deny(request.uid, f"equilibrium: {message}")
    event = None if request.dry_run else event
    return Answer(200, body, "denied", "", request.kind, request.namespace, event)
