"""Tokens of pods, as the kubelet asks for them and mounts them, and TokenReviews of them (authentication.k8s.io/v1).

Bound to a pod (KEP-1205): such a token ends with its pod, whatever it says of its own end.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sidecar import clock
from tests.support.kube.resources import by_kind
from tests.support.kube.store import Store

Object = dict[str, Any]

ISSUER = "https://kubernetes.default.svc.cluster.local"
INVALID = "invalid bearer token"
EXTRA = "authentication.kubernetes.io/"


@dataclass(frozen=True)
class Token:
    """What one says; `uid`: of the pod it is bound to, "" for none."""

    namespace: str
    account: str
    pod: str
    uid: str
    node: str
    audiences: tuple[str, ...]
    ends_at: float


class Tokens:
    """Those that were handed out. `wall_s`: seconds since the epoch."""

    def __init__(self, store: Store, wall_s: Callable[[], float] = clock.wall_s):
        self._store = store
        self._wall_s = wall_s
        self._issued: dict[str, Token] = {}

    def issue(
        self, namespace: str, pod: str, *, audience: str, account: str = "default", expires_s: float = 3600.0
    ) -> str:
        """A token for a pod that there is, or with pod "" of the account alone."""
        found: Object = (self._store.get((by_kind("Pod"), namespace, pod)) if pod else None) or {}
        uid = str((found.get("metadata") or {}).get("uid", ""))
        node = str((found.get("spec") or {}).get("nodeName", ""))
        ends_at = self._wall_s() + expires_s
        said = Token(namespace, account, pod, uid, node, (audience,), ends_at)
        claims = {"iss": ISSUER, "sub": f"system:serviceaccount:{namespace}:{account}", "aud": [audience]}
        parts = ({"alg": "RS256"}, claims | {"exp": int(ends_at), "jti": secrets.token_hex(8)})
        text = ".".join([*map(_part, parts), secrets.token_urlsafe(32)])
        self._issued[text] = said
        return text

    def reviewed(self, review: Object) -> Object:
        """A TokenReview with its status."""
        spec = review.get("spec") or {}
        status = self._status(str(spec.get("token") or ""), tuple(spec.get("audiences") or (ISSUER,)))
        return review | {"metadata": {"creationTimestamp": None}, "status": status}

    def _status(self, text: str, wanted: tuple[str, ...]) -> Object:
        token = self._issued.get(text)
        if token is None or token.ends_at <= self._wall_s() or not self._bound(token):
            return {"user": {}, "error": f"[{INVALID}, Token has been invalidated]"}
        audiences = [each for each in wanted if each in token.audiences]
        if not audiences:
            why = (
                f"token audiences {list(token.audiences)} is invalid for the target audiences {list(wanted)}"
            )
            return {"user": {}, "error": f"[{INVALID}, {why}]"}
        return {"authenticated": True, "user": _user(token), "audiences": audiences}

    def _bound(self, token: Token) -> bool:
        if not token.pod:
            return True
        found = self._store.get((by_kind("Pod"), token.namespace, token.pod))
        return found is not None and found["metadata"]["uid"] == token.uid


def _user(token: Token) -> Object:
    extra = {f"{EXTRA}credential-id": [f"JTI={token.ends_at}"]}
    if token.pod:
        extra |= {f"{EXTRA}pod-name": [token.pod], f"{EXTRA}pod-uid": [token.uid]}
        extra |= {f"{EXTRA}node-name": [token.node]} if token.node else {}
    return {
        "username": f"system:serviceaccount:{token.namespace}:{token.account}",
        "uid": "2b0e3f6a-0000-4000-8000-000000000000",
        "groups": [
            "system:serviceaccounts",
            f"system:serviceaccounts:{token.namespace}",
            "system:authenticated",
        ],
        "extra": extra,
    }


def _part(content: Object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
