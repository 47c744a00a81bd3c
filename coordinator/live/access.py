"""Who may look: as at `/state`, and what a browser on this machine may be made to do by others is told apart."""

from aiohttp import web

from coordinator.callers import proof
from dashboards.live import access
from sidecar import clock, contract
from sidecar.policy.auth import Verifier


class Access:
    """`verifier`: None where there is no mesh key."""

    def __init__(self, verifier: Verifier | None) -> None:
        self._verifier = verifier

    def refusal(self, request: web.Request, opened: bool) -> str:
        """Why not; empty: it may. `opened`: the page itself, which somebody may have followed a link to."""
        if contract.AUTH in request.headers:
            good = proof.signer(self._verifier, request, b"", clock.wall_s())
            return "" if good else f"{contract.AUTH} is not good, or stale, or was used"
        if not proof.is_here(request):
            how = "call from loopback (kubectl port-forward) and through no proxy"
            return f"{how}, or authenticate with {contract.AUTH}"
        return access.refusal(request.headers, opened=opened)
