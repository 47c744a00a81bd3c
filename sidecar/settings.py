"""The sidecar's environment, read: `variables` has the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sidecar.apphealth.probes import Probe
from sidecar.hooks import Hook
from sidecar.proxy.limits import Limits, Timeouts
from sidecar.values import Discovery
from sidecar.variables import TABLE

Address = tuple[str, int]
"""IP, port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment, parsed; `TABLE` says what each means. None and "" where it says nothing."""

    outbound: Address
    inbound: Address
    admin: Address
    app: Address
    source: str | None
    workload: str
    pod: str
    container: str
    node: str
    zone: str
    strategy: Literal["balanced", "aggressive-learning", "conservative", "none"]
    mode: Literal["active", "observe"]
    discovery: Discovery
    advice: str
    token: str | None
    ca: str | None
    dns: tuple[Address, ...]
    unknown: Literal["refuse", "passthrough"]
    mesh_key: str | None = field(repr=False)
    metrics: Literal["full", "service"]
    memory_limit: int | None
    timeouts: Timeouts
    limits: Limits
    opaque_ports: frozenset[int]
    concurrency: int
    limiter: Literal["gradient", "aimd", "fixed"]
    probe_paths: tuple[str, ...]
    app_probes: tuple[Probe, ...]
    memory_hook: Hook | None
    usage_url: str | None
    flight: str | None
    drain_s: float
    access_log: str | None
    access_log_sample: float
    hedge: bool

    @property
    def advice_url(self) -> str | None:
        """The coordinator to ask for advice; None: nobody. Who does not learn has nothing to be advised on."""
        if self.advice == "off" or self.strategy == "none":
            return None
        if self.advice != "auto":
            return self.advice
        return self.discovery.argument if self.discovery.kind == "coordinator" else None

    @property
    def mesh_key_bytes(self) -> bytes | None:
        """The key as HMAC takes it."""
        return None if self.mesh_key is None else self.mesh_key.encode()


def from_env(environ: Mapping[str, str]) -> Settings:
    """Raise ConfigError with every mistake."""
    return Settings(**TABLE.read(environ))
