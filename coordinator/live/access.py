"""Who may look: as at `/state`, and what a browser on this machine may be made to do by others is told apart."""

from aiohttp import web

from dashboards.live import access
from sidecar import clock, contract, parsing
from sidecar.parsing import ParseError
from sidecar.policy.auth import Verifier


class Access:
    """`verifier`: None where there is no mesh key."""

    def __init__(self, verifier: Verifier | None) -> None:
        self._verifier = verifier

    def refusal(self, request: web.Request, opened: bool) -> str:
        """Why not; empty: it may. `opened`: the page itself, which somebody may have followed a link to."""
        value = request.headers.get(contract.AUTH)
        if value is not None:
            return (
                "" if self._proven(request, value) else f"{contract.AUTH} is not good, or stale, or was used"
            )
        if not access.is_loopback(request.remote):
            return f"call from loopback (kubectl port-forward), or authenticate with {contract.AUTH}"
        return access.refusal(request.headers, opened=opened)

    def _proven(self, request: web.Request, value: str) -> bool:
        if self._verifier is None:
            return False
        try:
            workload = parsing.parse_workload(request.headers.get(contract.CALLER, ""))
        except ParseError:
            return False
        return self._verifier.verify(
            value.encode("utf-8", "replace"),
            method=request.method.encode(),
            path=request.raw_path.encode("utf-8", "surrogateescape"),
            body=b"",
            workload=workload,
            now_unix_s=clock.wall_s(),
        )
