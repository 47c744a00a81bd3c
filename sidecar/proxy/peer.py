"""Who is on the other end of a connection: fixed at accept, proven at most once (wire.md, "Ports and identity")."""

from dataclasses import dataclass

from sidecar import contract


@dataclass(slots=True)
class Peer:
    """`proof`: tls | token | address | none. Without proof the peer is the caller `unknown`."""

    workload: str = contract.UNKNOWN_CALLER
    proof: str = "none"
    budget: float = 1.0
    ip: str = ""

    @property
    def known(self) -> bool:
        """Its signals count."""
        return self.proof != "none"
