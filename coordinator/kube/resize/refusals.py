"""What an error of the API server means: an end of some kind, or another try and how.

again    429, 5xx, no answer, an answer nobody can read: the same once more, after a wait
reread   409, a failed `test` (422 without a cause), 410: read the pod again, then decide again
renew    401: once more, with the token as it is by then
end      everything else: asking again would get the same answer
"""

import re
from typing import Final, Literal

from coordinator.policy.outcome import Kind, Outcome
from sidecar.kube.errors import NO_CREDENTIALS, ApiError

Then = Literal["again", "reread", "renew", "end"]

_NO_PROOF: Final = (401,)
_BY_TEXT: Final[tuple[tuple[int, str, Kind, str], ...]] = (
    (403, r"cannot (patch|get) resource", "forbidden", "rbac"),
    (403, r"didn't have enough allocatable", "infeasible", "node-capacity"),
    (403, r"only supported on linux nodes", "unsupported", "windows"),
    (403, r"requires features", "unsupported", "node-features"),
    (403, r"node \S+ not found", "forbidden", "node-not-found"),
    (403, r"exceeded quota|failed quota", "forbidden", "quota"),
    (403, r"(maximum|minimum) (cpu|memory) usage per|max limit to request ratio", "forbidden", "limit-range"),
    (422, r"without support for resize", "unsupported", "old-kubelet"),
    (422, r"static pods cannot", "unsupported", "static-pod"),
    (422, r"windows pods cannot", "unsupported", "windows"),
    (422, r"QOS Class may not change", "infeasible", "qos-class"),
    (422, r"must be less than or equal to \w+ limit", "infeasible", "request-above-limit"),
    (422, r"memory limits cannot be decreased", "infeasible", "memory-decrease"),
    (422, r"quantities must match", "infeasible", "quantity"),
    (422, r"must be greater than or equal to 0", "infeasible", "quantity"),
    (422, r"containers may not be", "infeasible", "unknown-container"),
    (422, r"cannot be removed", "infeasible", "removed"),
)
"""(status, what the server says, kind, reason), by the words of reference §3.3; the first that fits."""
_OTHERS: Final[dict[int, tuple[Kind, str]]] = {
    400: ("infeasible", "bad-request"),
    401: ("forbidden", "unauthorized"),
    403: ("forbidden", "admission"),
    405: ("unsupported", "no-resize"),
    406: ("unsupported", "media-type"),
    409: ("conflict", "changed"),
    410: ("conflict", "expired"),
    413: ("infeasible", "bad-request"),
    415: ("unsupported", "media-type"),
    422: ("infeasible", "invalid"),
}


def then(error: ApiError) -> Then:
    """What there is to do about it."""
    if error.status in (409, 410) or test_failed(error):
        return "reread"
    if error.status in _NO_PROOF:
        return "renew"
    # 0: no answer at all, or none anybody can read; without credentials none is to be had by asking again
    silent = error.status == 0 and error.reason != NO_CREDENTIALS
    return "again" if silent or error.status == 429 or error.status >= 500 else "end"


def outcome(error: ApiError) -> Outcome:
    """Of an error that ends it, or that came once too often."""
    kind, reason = _named(error)
    return Outcome(kind=kind, reason=reason, message=error.message)


def test_failed(error: ApiError) -> bool:
    """A JSON patch did not apply: a 422 that names nothing."""
    return error.status == 422 and not error.details.get("causes") and not error.details.get("name")


def _named(error: ApiError) -> tuple[Kind, str]:
    if error.status == 404:
        return _missing(error)
    if test_failed(error):
        return "conflict", "changed"
    for status, words, kind, reason in _BY_TEXT:
        if status == error.status and re.search(words, error.message):
            return kind, reason
    if error.status in _OTHERS:
        return _OTHERS[error.status]
    return "failed", str(error.status) if error.status else error.reason.lower()


def _missing(error: ApiError) -> tuple[Kind, str]:
    """A pod that is gone has a name; a server without the feature knows no such path, and names nothing."""
    return ("superseded", "gone") if error.details.get("name") else ("unsupported", "no-resize")
