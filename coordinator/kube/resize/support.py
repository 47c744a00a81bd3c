"""Whether a cluster can resize pods in place, and whether we may (reference §3.6)."""

import re
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from coordinator.kube.clients import Api, api, origin
from coordinator.kube.resize import pods

RESOURCE: Final = "pods/resize"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass
class _Known:
    """Of one server. Only a yes is remembered: a no ends with the next upgrade, which nobody announces."""

    resize: bool = False
    minor: int | None = None


_KNOWN: Final[WeakKeyDictionary[Any, _Known]] = WeakKeyDictionary()


async def supported(client: Any, *, timeout_s: float = 10.0) -> bool:
    """Whether the server has `pods/resize` (1.33 on, or 1.32 with the gate). Raises `ApiError`.

    Every authenticated user may read what this reads. A yes is remembered for as long as the client lives.
    """
    known = _known(client)
    if not known.resize:
        found = await api(client).request("GET", "/api/v1", timeout_s=timeout_s)
        known.resize = any(
            each.get("name") == RESOURCE and "patch" in (each.get("verbs") or ())
            for each in pods.tables(found.get("resources"))
        )
    return known.resize


async def permitted(client: Any, namespace: str | None = None, *, name: str = "") -> bool:
    """Whether we may patch `pods/resize` of a namespace (None: of all), by asking the server. Raises `ApiError`."""
    attributes = {"verb": "patch", "group": "", "version": "v1", "resource": "pods", "subresource": "resize"}
    attributes |= {"namespace": namespace or "", "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    answer = await api(client).request("POST", _REVIEWS, body=review)
    return pods.table(answer.get("status")).get("allowed") is True


async def minor(client: Any, using: Api, timeout_s: float) -> int | None:
    """Of the server's version 1.x; None where it says something else. Raises `ApiError`."""
    known = _known(client)
    if known.minor is None:
        found = await using.request("GET", "/version", timeout_s=timeout_s)
        digits = re.match(r"\d+", str(found.get("minor", "")))
        known.minor = int(digits[0]) if digits and str(found.get("major")) == "1" else None
    return known.minor


def _known(client: Any) -> _Known:
    """What is remembered of a client; of one that cannot be referred to weakly, nothing."""
    try:
        return _KNOWN.setdefault(origin(client), _Known())
    except TypeError:
        return _Known()
