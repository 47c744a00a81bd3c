"""Who is on the other end of a connection: fixed at accept, proven at most once (wire.md, "Ports and identity")."""

import ipaddress

from sidecar import contract
from sidecar.policy.gate import Caller


class Peer:
    """`proof`: tls | token | address | none. Without proof the peer is the caller `unknown`."""

    __slots__ = ("_caller", "budget", "ip", "proof", "workload")

    def __init__(
        self,
        workload: str = contract.UNKNOWN_CALLER,
        proof: str = "none",
        budget: float = 1.0,
        ip: str = "",
    ) -> None:
        self.workload = workload
        self.proof = proof
        self.budget = budget
        self.ip = ip
        self._caller: Caller | None = None

    @property
    def known(self) -> bool:
        """Its signals count."""
        return self.proof != "none"

    def prove(self, workload: str | None) -> None:
        """It has shown, by a token, to be this workload; None: what it showed was forged."""
        self.workload = workload or contract.UNKNOWN_CALLER
        self.proof = "token" if workload else "none"
        self._caller = None

    def claims(self, workload: bytes | None) -> None:
        """What it says it is, without proof: worth knowing only because liars change it often."""
        self.caller().identity = workload.decode("latin-1") if workload else self.ip

    def caller(self) -> Caller:
        """The same, as the gate sees it."""
        caller = self._caller
        if caller is None:
            caller = Caller(self.workload, self.budget, prefix(self.ip), proven=self.known)
            caller.identity = self.workload if self.known else self.ip
            self._caller = caller
        return caller


def prefix(ip: str) -> str:
    """What one owner of addresses usually holds: /24 of IPv4, /48 of IPv6."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, bits), strict=False))
