"""A mesh's applications on a node that throttles: each pod's in control groups of its own, sized through the API."""

from collections.abc import Sequence

from loadtest.mesh import addresses
from loadtest.mesh.node import Node, Wanted
from loadtest.mesh.pod import Pod

RESERVE = 0.05
"""What a coordinator leaves to the system."""
STEP_M = 10
LEAST_M = 20
MIB = 1 << 20
MEMORY_BYTES = 256 * MIB
BUDGETS = {"ticket-service": 3}
"""Of pods of a service; 1 where nothing is said."""


class Lodging:
    """Equal limits for all to begin with, as somebody might have guessed them. Sidecars live outside the groups.

    So does the gateway: clients come to it directly, so its sidecar sees none of its load and could not say its demand.
    """

    def __init__(self, node: Node, pods: int) -> None:
        self.node = node
        self.limit_m = max(LEAST_M, int(node.room.cpu_m * (1 - RESERVE) / pods) // STEP_M * STEP_M)
        self._lodged: set[str] = set()

    def __repr__(self) -> str:
        return f"Lodging({self.node!r}, {self.limit_m}m each)"

    def wrap(self, pod: Pod, argv: Sequence[str]) -> list[str]:
        """The command inside the pod's groups; limits hold from `started` on. Raises Missing."""
        if pod.service == addresses.GATEWAY:
            return list(argv)
        wanted = Wanted(
            name=pod.name,
            namespace=addresses.NAMESPACE,
            workload=pod.service,
            ip=pod.ip,
            request_m=LEAST_M,
            limit_m=self.limit_m,
            memory_limit_bytes=MEMORY_BYTES,
            sidecar=pod.admin is not None,
            annotations=annotations(pod.service, self.limit_m),
        )
        enclosure = self.node.admit(wanted)
        self._lodged.add(pod.name)
        return enclosure.wrap(argv)

    def started(self, pod: Pod) -> None:
        """Its processes serve."""
        if pod.name in self._lodged:
            self.node.started(addresses.NAMESPACE, pod.name)

    def left(self, pod: Pod) -> None:
        """Its processes have ended. Safe to repeat."""
        if pod.name in self._lodged:
            self._lodged.discard(pod.name)
            self.node.remove(addresses.NAMESPACE, pod.name)


def annotations(service: str, limit_m: int) -> dict[str, str]:
    """It takes part in the market, and keeps half of what it begins with whatever happens."""
    least_m = max(LEAST_M, limit_m // 2 // STEP_M * STEP_M)
    return {
        "equilibrium.io/resize": "true",
        "equilibrium.io/budget": str(BUDGETS.get(service, 1)),
        "equilibrium.io/min-cpu": f"{least_m}m",
    }
