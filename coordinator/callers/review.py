"""One TokenReview: what it asks, and what its answer means (authentication.k8s.io/v1). Pure but for the request."""

from typing import Any, Final

from coordinator.callers.who import Refused, Who, of_account
from sidecar import contract
from sidecar.kube.client import Client, Object

PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
POD: Final = "authentication.kubernetes.io/pod-name"
TIMEOUT_S: Final = 5.0

_NOT_GOOD: Final = (
    f"its token is not good: expired, of another cluster, of a pod that is gone, or not for {contract.TOKEN_AUDIENCE}; "
    f"allowed: a serviceAccountToken volume with audience {contract.TOKEN_AUDIENCE}, read anew for each question"
)


async def review(client: Client, token: str) -> Who | Refused:
    """What the API server says of a token. Raises `ApiError` when it says nothing."""
    spec = {"token": token, "audiences": [contract.TOKEN_AUDIENCE]}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    return verdict(await client.request("POST", PATH, body=body, timeout_s=TIMEOUT_S))


def verdict(answer: Object) -> Who | Refused:
    """A server that knows nothing of audiences leaves them out, and has then judged by its own: not ours."""
    status = _mapping(answer.get("status"))
    if status.get("authenticated") is not True or contract.TOKEN_AUDIENCE not in (
        status.get("audiences") or ()
    ):
        return Refused(401, _NOT_GOOD)
    user = _mapping(status.get("user"))
    pods: list[object] = _mapping(user.get("extra")).get(POD) or []
    who = of_account(str(user.get("username") or ""), str(pods[0]) if len(pods) == 1 else "")
    return who or Refused(403, f"{user.get('username')!r} is no service account; allowed: the token of a pod")


def _mapping(found: Any) -> Object:
    return found if isinstance(found, dict) else {}
