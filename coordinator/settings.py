"""The coordinator's settings, read: `variables` has the rows, `options` the flags."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from coordinator.policy.config import Config
from coordinator.policy.pods import Rules
from coordinator.policy.subject import Policy
from coordinator.variables import PREFIX, TABLE

_PATCHES_S = 10.0
"""For patches, with what they wait between attempts."""
Address = tuple[str, int]
"""IP, port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment, parsed; `TABLE` says what each means. None and "" where it says nothing."""

    listen: Address
    api: str
    """`in-cluster`, or a URL."""
    api_token_file: str | None
    api_ca_file: str | None
    namespaces: tuple[str, ...]
    cycle: float
    allocator: Literal["market", "regret"]
    policy: Policy
    no_sidecar: Literal["default-demand", "leave"]
    memory: Literal["off", "grow", "decay"]
    reserve: float
    prometheus: str | None
    prometheus_token_file: str | None
    prometheus_window: float
    demand_timeout: float
    negotiate_timeout: float
    stale: float
    namespace: str
    lease: str
    lease_duration: float
    identity: str
    drain_s: float
    feed: Literal["on", "off"]
    advice: Literal["on", "off"]
    epoch: float
    epoch_work: float
    live: Literal["on", "off"]
    store: str = field(repr=False)
    mesh_key: str | None = field(repr=False)

    @property
    def name(self) -> str:
        """Who this process is, for the Lease and in Events."""
        return self.identity or socket.gethostname()

    @property
    def workload(self) -> str:
        """As whom it speaks to sidecars (`X-GT-Caller`)."""
        return f"{self.namespace}/equilibrium-coordinator"

    @property
    def key(self) -> bytes | None:
        """The mesh's."""
        return self.mesh_key.encode() if self.mesh_key else None

    @property
    def rules(self) -> Rules:
        """For reading pods."""
        return Rules(policy=self.policy, leave_without_sidecar=self.no_sidecar == "leave")

    @property
    def config(self) -> Config:
        """For deciding. A cycle may last as long as all are waited for: that is no clock that jumped."""
        waits_s = 2 * (self.demand_timeout + self.negotiate_timeout) + _PATCHES_S
        return Config(
            allocator=self.allocator,
            cycle_s=self.cycle,
            memory=self.memory,
            clock_cycles=max(Config().clock_cycles, 1 + waits_s / self.cycle),
        )


def from_env(environ: Mapping[str, str]) -> Settings:
    """Raise ConfigError with every mistake."""
    return Settings(**TABLE.read(environ, _contradictions))


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Values that are right one by one and wrong together."""
    if values["prometheus"] is None and values["prometheus_token_file"] is not None:
        return [
            f"{PREFIX}PROMETHEUS_TOKEN_FILE: there is no {PREFIX}PROMETHEUS to show it to; allowed: both or neither"
        ]
    return []
