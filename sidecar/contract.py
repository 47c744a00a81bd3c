"""Names other programs may know: ports, headers, annotations, environment variables, reasons.

The one module of the sidecar that the injector and the coordinator share with it. Spelled as users know them.
"""

from typing import Final

OUTBOUND_PORT: Final = 15401
INBOUND_PORT: Final = 15406
ADMIN_PORT: Final = 15490
COORDINATOR_PORT: Final = 15480
INJECTOR_PORT: Final = 15443
PROXY_UID: Final = 1773

ENV_PREFIX: Final = "EQUILIBRIUM_"

# Annotations and labels, on a pod template or on the workload itself.
ANNOTATION_PREFIX: Final = "equilibrium.io/"
INJECT: Final = "equilibrium.io/inject"
"""Annotation "true" or "false", a label of the same values; `enabled` as a label of a namespace."""
INJECT_FROM: Final = "equilibrium.io/inject-from"
STATUS: Final = "equilibrium.io/status"
INJECTED: Final = "equilibrium.io/injected"
"""A label, so that selectors can find injected pods."""

# What is put into a pod.
SIDECAR_CONTAINER: Final = "equilibrium-sidecar"
INIT_CONTAINER: Final = "equilibrium-init"
TOKEN_AUDIENCE: Final = "equilibrium.io"  # noqa: S105  (a name)
TOKEN_PATH: Final = "/var/run/secrets/equilibrium.io/token"  # noqa: S105  (a path)
APP_HEALTH: Final = "/app-health/"
"""On the admin port: `/app-health/CONTAINER/{livez,readyz,startupz}` asks what the kubelet would have asked."""

# Headers of the mesh. Requests carry them between sidecars; none crosses the mesh's edge.
SIGNAL_PREFIX: Final = "x-gt-"
BID: Final = "X-GT-Bid"
REGRET: Final = "X-GT-Regret"
CONGESTION: Final = "X-GT-Congestion"
REPUTATION: Final = "X-GT-Reputation"
RECOMMENDATION: Final = "X-GT-Recommendation"
PUNISHMENT: Final = "X-GT-Punishment"
CALLER: Final = "X-GT-Caller"
DEADLINE_MS: Final = "X-GT-Deadline-Ms"
ATTEMPT: Final = "X-GT-Attempt"
REASON: Final = "X-GT-Reason"
AUTH: Final = "X-GT-Auth"

# Who a connection's other end is, and how we know (weakest last).
PROOFS: Final = ("tls", "token", "address", "none")
UNKNOWN_CALLER: Final = "unknown"

# Words of X-GT-Reason: each is explained in docs/errors.md.
MALFORMED: Final = "malformed"
TOO_LARGE: Final = "too-large"
UNSUPPORTED: Final = "unsupported"
UNKNOWN_SERVICE: Final = "unknown-service"
NO_ENDPOINT: Final = "no-endpoint"
OVERFLOW: Final = "overflow"
CONNECT_FAILED: Final = "connect"
UPSTREAM_RESET: Final = "reset"
UPSTREAM_FRAMING: Final = "framing"
TIMEOUT: Final = "timeout"
DEADLINE: Final = "deadline"
LOOP: Final = "loop"
DRAINING: Final = "draining"
APP_UNREACHABLE: Final = "app-unreachable"
SHED: Final = "shed"
PUNISHED: Final = "punished"
DEFENCE: Final = "defence"
