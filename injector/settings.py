"""The injector's environment, read: `variables` has the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from injector.template import Resources, Template
from injector.variables import PREFIX, TABLE
from sidecar.policy.quantities import parse_quantity

Address = tuple[str, int]
"""IP, port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment, parsed; `TABLE` says what each means. None and "" where it says nothing."""

    listen: Address
    metrics: Address
    namespace: str
    service: str
    webhook: str
    secret: str
    certificates: str | None
    """A directory; None: our own."""
    names: tuple[str, ...]
    leaf: float
    api: str
    """`in-cluster`, `none`, or a URL."""
    api_token_file: str | None
    api_ca_file: str | None
    sidecar_image: str
    init_image: str
    pull_policy: str
    discovery: str
    advice: str
    discovery_ca: str
    native: bool
    resources: dict[str, str]
    skip_subnets: tuple[str, ...]
    mesh_key_secret: str
    linger_s: float
    drain_s: float

    @property
    def all_names(self) -> tuple[str, ...]:
        """What the own certificate is made out to; an API server asks for the first."""
        service = f"{self.service}.{self.namespace}.svc"
        return service, f"{service}.cluster.local", *self.names

    @property
    def template(self) -> Template:
        """What injected pods get."""
        return Template(
            image=self.sidecar_image,
            init_image=self.init_image,
            pull_policy=self.pull_policy,
            discovery=self.discovery,
            advice=self.advice,
            discovery_ca=self.discovery_ca,
            native=self.native,
            resources=Resources(**self.resources),
            own_namespace=self.namespace,
            mesh_key_secret=self.mesh_key_secret,
            skip_subnets=self.skip_subnets,
        )


def from_env(environ: Mapping[str, str]) -> Settings:
    """Raise ConfigError with every mistake."""
    return Settings(**TABLE.read(environ, _contradictions))


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """Values that are right one by one and wrong together."""
    mistakes = []
    if values["api"] == "none" and values["certificates"] is None:
        mistakes.append(
            f"{PREFIX}API='none': the own certificate is kept in a Secret, which needs the API server; allowed: "
            f"in-cluster, a URL, or none with {PREFIX}CERTIFICATES=DIR"
        )
    if values["discovery_ca"] and "https:" not in (values["discovery"][12:18], values["advice"][:6]):
        mistakes.append(
            f"{PREFIX}DISCOVERY_CA: nobody is asked over https; allowed: with "
            f"{PREFIX}DISCOVERY=coordinator:https://HOST:PORT"
        )
    resources = Resources(**values["resources"])
    for kind in ("cpu", "memory"):
        request, limit = (getattr(resources, f"{kind}_{word}") for word in ("request", "limit"))
        if parse_quantity(request, 1000) > parse_quantity(limit, 1000):
            mistakes.append(
                f"{PREFIX}RESOURCES: {kind}-request={request} is above {kind}-limit={limit}; allowed: a request up "
                "to the limit"
            )
    return mistakes
