"""What a service must offer to become a pod."""

from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from loadtest.urbanmove.replies import Refused


class Role(Protocol):
    """What a service adds to a server."""

    transparent: bool
    """It relays: bodies as they come, and a request is dropped when its caller leaves."""

    def routes(self) -> Iterable[web.RouteDef]:
        """Its routes, the more specific ones first."""

    def admit(self, request: web.Request) -> None:
        """Refused when the request may not go further; runs before routing errors are answered."""

    def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """The error in this service's own shape."""

    async def start(self) -> None:
        """Open what it needs."""

    async def stop(self) -> None:
        """Close it."""
