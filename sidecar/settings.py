"""What the environment says: one table of variables, from which both reading and `--help` are made.

The mapping is given, never looked up, and all mistakes are reported at once. Values of variables we do not
know are not repeated in messages: one of them may be a mesh key under a mistyped name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sidecar import contract, parsing
from sidecar.errors import ConfigError
from sidecar.hooks import Hook
from sidecar.parsing import ParseError
from sidecar.proxy.limits import Limits, Timeouts
from sidecar.variables import VARIABLES, Discovery

Address = tuple[str, int]
"""IP, port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment, parsed; `VARIABLES` says what each means. None and "" where it says nothing."""

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
    dns: tuple[Address, ...]
    unknown: Literal["refuse", "passthrough"]
    mesh_key: str | None = field(repr=False)
    metrics: Literal["full", "service"]
    memory_limit: int | None
    timeouts: Timeouts
    limits: Limits
    concurrency: int
    limiter: Literal["gradient", "aimd", "fixed"]
    probe_paths: tuple[str, ...]
    memory_hook: Hook | None
    usage_url: str | None
    flight: str | None
    drain_s: float
    access_log: str | None
    access_log_sample: float
    hedge: bool

    @property
    def mesh_key_bytes(self) -> bytes | None:
        """The key as HMAC takes it."""
        return None if self.mesh_key is None else self.mesh_key.encode()


def from_env(environ: Mapping[str, str]) -> Settings:
    """Raise ConfigError with every mistake. A variable that is set to nothing counts as unset."""
    mistakes = _strangers(environ)
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        text = environ.get(variable.name, "") or variable.default
        try:
            values[variable.field] = variable.parse(text) if text else variable.unset
        except ParseError as error:
            shown = "(hidden)" if variable.secret else repr(text)
            mistakes += [f"{variable.name}={shown}: {flaw}" for flaw in error.flaws]
    if mistakes:
        raise ConfigError(mistakes)
    return Settings(**values)


def help_text() -> str:
    """Every variable with its default, what it takes and what it does."""
    lines = ["equilibrium-sidecar is configured by its environment only:", ""]
    for variable in VARIABLES:
        lines.append(f"{variable.name} (default: {variable.default or 'unset'})")
        lines.append(f"    {variable.meaning}")
        lines.append(f"    {variable.takes}")
    return "\n".join(lines)


# What Kubernetes sets in every container for Services of the namespace, one of which may be called equilibrium-…
_SERVICE = re.compile(r"EQUILIBRIUM_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\w+)")
_SERVICE_PORT = re.compile(r"EQUILIBRIUM_(\w+_)?PORT")


def _strangers(environ: Mapping[str, str]) -> list[str]:
    known = [variable.name for variable in VARIABLES]
    strange = sorted(name for name in environ if name.startswith(contract.ENV_PREFIX) and name not in known)
    return [
        f"{name}: no such variable{parsing.suggestion(name, known)}; allowed: those of --help"
        for name in strange
        if not _SERVICE.fullmatch(name)
        # `EQUILIBRIUM_ADMIN_PORT=15490` is a person's mistake; Kubernetes' own says tcp://10.0.0.1:15490.
        and not (_SERVICE_PORT.fullmatch(name) and "://" in environ[name])
    ]
