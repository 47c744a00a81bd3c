"""The probes of the application's containers, and what came of asking: values. Pure.

Fields and defaults are Kubernetes' (core/v1 Probe). Ports are numbers, since names mean nothing outside the pod's spec;
there is no `host`, since such a probe never asked this pod and stays with the kubelet.
"""

from dataclasses import dataclass, field
from typing import Final

WHICH: Final = ("livez", "readyz", "startupz")
"""livenessProbe, readinessProbe, startupProbe."""


@dataclass(frozen=True, slots=True)
class HttpGet:
    """`GET` of a path; 200 to 399 is success."""

    port: int
    path: str = "/"
    scheme: str = "http"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """They may hold credentials."""


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """A connection that opens."""

    port: int


@dataclass(frozen=True, slots=True)
class Grpc:
    """`grpc.health.v1.Health/Check`, in plain text; an empty service is the server as a whole."""

    port: int
    service: str = ""


Action = HttpGet | TcpSocket | Grpc


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of one container."""

    container: str
    which: str
    """One of `WHICH`."""
    action: Action
    timeout_s: float = 1.0

    @property
    def name(self) -> str:
        """As in the path it is asked by."""
        return f"{self.container}/{self.which}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the application's answer means to the kubelet, and in words."""

    ok: bool
    said: str
