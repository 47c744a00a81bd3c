"""Who sends a request: by its bearer token, by the mesh key, or from loopback, as `/state` has it."""

from collections.abc import Callable

import orjson
from aiohttp import web

from coordinator.callers import proof
from coordinator.callers.tokens import Tokens
from coordinator.callers.who import Refused, Who
from sidecar import clock, contract
from sidecar.kube.client import Client
from sidecar.kube.errors import ApiError
from sidecar.policy.auth import Verifier

__all__ = ["Identify", "Refused", "Who", "refusal"]

_HOW = (
    f"allowed: Authorization: Bearer TOKEN (audience {contract.TOKEN_AUDIENCE}), {contract.AUTH} by the mesh key with "
    f"{contract.CALLER}, or a plain call from loopback"
)


class Identify:
    """One for the whole program: what it learns of a token counts for every room. `key`: the mesh's, if any."""

    def __init__(
        self,
        client: Client,
        key: bytes | None,
        *,
        failed: Callable[[ApiError], None] = lambda _: None,
        wall_s: Callable[[], float] = clock.wall_s,
    ) -> None:
        self.tokens = Tokens(client, failed=failed, wall_s=wall_s)
        self._verifier = Verifier(key) if key is not None else None
        self._wall_s = wall_s

    def __repr__(self) -> str:
        return f"Identify({self.tokens}, key={self._verifier is not None})"

    async def who(self, request: web.Request, body: bytes) -> Who:
        """Raise `Refused`. `body`: what was read of the request, which the key's signature is about.

        Either credential will do: the token is tried first, since it proves more.
        """
        token, signature = _bearer(request), request.headers.get(contract.AUTH)
        if token is None and signature is None:
            return _local(request)
        refused = Refused(
            401, f"{contract.AUTH} is not good, or stale by more than 30 s, or was used; {_HOW}"
        )
        if token is not None:
            try:
                return await self.tokens.who(token)
            except Refused as error:
                refused = error
        by_key = self._by_key(request, body) if signature is not None else None
        if by_key is None:
            raise refused
        return by_key

    def _by_key(self, request: web.Request, body: bytes) -> Who | None:
        workload = proof.signer(self._verifier, request, body, self._wall_s())
        return Who(workload.partition("/")[0], workload, "", "key") if workload else None


def refusal(refused: Refused) -> web.Response:
    """As an answer: JSON as `/state` refuses, `Retry-After` where it says when."""
    words = {400: "malformed", 401: "unauthorized", 403: "forbidden", 410: "gone", 413: "too-large"}
    error = words.get(refused.status, "unavailable")
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(refused.retry_after_s)))
    return web.Response(
        body=orjson.dumps({"error": error, "detail": refused.detail}),
        status=refused.status,
        headers=headers,
        content_type="application/json",
    )


def _bearer(request: web.Request) -> str | None:
    """None where there is no Authorization at all; "" for one of another scheme."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _local(request: web.Request) -> Who:
    """Only from this host, from no page in a browser, and for nobody else: who a proxy on this host speaks for is not
    known."""
    if not proof.is_local(request):
        raise Refused(401, f"who asks? {_HOW}")
    return Who("", "", "", "loopback")
