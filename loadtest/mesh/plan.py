"""What a mesh is to be: how many pods, which strategy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loadtest.mesh import addresses
from loadtest.mesh.lodging import Lodging


def _silent(text: str) -> None:
    """Nobody wants to hear it."""


@dataclass(frozen=True, slots=True)
class MeshPlan:
    """How to build a mesh. ValueError for replicas that have no addresses."""

    strategy: str | None = "balanced"
    """EQUILIBRIUM_STRATEGY of every sidecar; None: no sidecars, connections are spread as kube-proxy does."""
    replicas: int = 3
    """Pods of each of the four services."""
    env: Mapping[str, str] = field(default_factory=dict)
    """More variables for every sidecar, by their full names; they win over ours."""
    pay_s: float = 2.0
    """How long a payment takes, in seconds."""
    lodging: Lodging | None = None
    """Where applications live under limits of their own; None: on this machine, without any."""
    on_progress: Callable[[str], None] = _silent
    """Told what happens, in words."""

    def __post_init__(self) -> None:
        if not 1 <= self.replicas <= addresses.MOST_PODS:
            raise ValueError(f"replicas={self.replicas}: allowed: 1 to {addresses.MOST_PODS}")
