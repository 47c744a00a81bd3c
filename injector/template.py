"""What the installation decides about every pod; annotations decide the rest (`mutation.plan` joins the two)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Of the sidecar, as Kubernetes quantities; each must be set, and no request may exceed its limit."""

    cpu_request: str = "50m"
    memory_request: str = "96Mi"
    cpu_limit: str = "500m"
    memory_limit: str = "192Mi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One per installation."""

    image: str = "equilibrium-sidecar:0.1.0"
    init_image: str = "equilibrium-init:0.1.0"
    pull_policy: str = ""
    """Always, IfNotPresent or Never; empty: Kubernetes' own default."""
    discovery: str = "dns"
    """EQUILIBRIUM_DISCOVERY of the sidecars; `coordinator:URL` and `kubernetes` also give them a token of their own."""
    advice: str = "auto"
    """EQUILIBRIUM_ADVICE of the sidecars: `auto`, `off` or a URL."""
    discovery_ca: str = ""
    """A ConfigMap of the pod's namespace, which need not exist: its `ca.crt` is believed by discovery (an https
    coordinator). Empty: the image's own authorities are."""
    native: bool = True
    """Sidecars are restartable init containers, unless a pod asks for an ordinary container.

    Needs Kubernetes 1.29; where pods are not intercepted 1.32, before which Services do not find their named ports.
    """
    resources: Resources = Resources()
    own_namespace: str = "equilibrium-system"
    mesh_key_secret: str = "equilibrium-mesh-key"  # noqa: S105  a name
    """A Secret of the pod's namespace, which need not exist; its key is `key`."""
    skip_subnets: tuple[str, ...] = ()
    """Networks whose traffic is not intercepted."""
