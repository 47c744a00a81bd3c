"""The store of one coordinator: what it knows, it knows alone."""

from collections.abc import Mapping

from coordinator.store.interface import Standing, Stored


class Memory:
    """Keeps nothing: the coordinator's own memory is all there is, and there is nobody to share it with."""

    shared = False

    def __repr__(self) -> str:
        return "Memory()"

    async def put_reports(self, bodies: Mapping[str, bytes], ttl_s: float) -> None:
        """Nobody else reads them."""

    async def reports(self) -> Mapping[str, bytes]:
        """None but one's own."""
        return {}

    async def put_epoch(self, stored: Stored, ttl_s: float) -> None:
        """Nobody else serves it."""

    async def version(self) -> str:
        """None but one's own."""
        return ""

    async def epoch(self) -> Stored | None:
        """None but one's own."""
        return None

    async def gossip(
        self, standings: Mapping[tuple[str, str], Standing]
    ) -> Mapping[tuple[str, str], Standing]:
        """What was told."""
        return standings

    async def close(self) -> None:
        """Nothing to be closed."""
