"""What every source of endpoints looks like to the program that owns it."""

from collections.abc import Callable
from typing import Protocol

from sidecar.errors import DiscoveryError
from sidecar.policy.endpoints import Publish

OnError = Callable[[DiscoveryError], None]
"""Told of everything that went wrong, once per mishap; given to a source when it is made."""


class Source(Protocol):
    """Publishes endpoints for as long as it runs. What it published stays in force when it fails."""

    @property
    def on_demand(self) -> bool:
        """Whether it must be asked (`seek`) before it says anything about a service."""

    @property
    def by_address(self) -> bool:
        """Whether `seek` may be given a cluster IP, to be answered as the service it belongs to."""

    async def run(self, publish: Publish) -> None:
        """Publish changes until cancelled. May be run again after a failure, and goes on where it was."""

    def seek(self, host: str, port: int | None) -> None:
        """Start watching this service; port None: the request named none.

        Quick, and without effect when repeated but for the answer, which is given again. A service nobody seeks
        for some minutes is forgotten. The answer arrives through `publish`, never from within this call:
        endpoints, `()` when nobody can serve it now, or None when nobody knows the name. Sources that are not
        on demand ignore it.
        """
