"""The containers we add, as Kubernetes has them."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from injector.mutation import credentials
from injector.mutation.plan import Plan
from injector.template import Template
from sidecar import contract

Json = dict[str, Any]

ADMIN_PORT_NAME: Final = "eq-admin"
_PRE_STOP_S: Final = 5
"""An ordinary container gets SIGTERM together with the application, whose last requests still need it."""
_GRACE_S: Final = 30
"""Kubernetes' default."""
_LOCK: Final = "/dev/shm/equilibrium-xtables.lock"  # noqa: S108  the container's own; its root is read-only

# Pod Security "restricted", to the letter.
_UNPRIVILEGED: Final[Json] = {
    "runAsUser": contract.PROXY_UID,
    "runAsGroup": contract.PROXY_UID,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_NET_ADMIN: Final[Json] = _UNPRIVILEGED | {
    "runAsUser": 0,
    "runAsGroup": 0,
    "runAsNonRoot": False,
    "privileged": False,
    "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
}


def sidecar(plan: Plan, template: Template, env: list[Json], inbound_name: str, grace_s: int | None) -> Json:
    """`inbound_name`: of a port of the application that Services shall find here; `grace_s`: the pod's, if set."""
    inbound: Json = {"containerPort": contract.INBOUND_PORT, "protocol": "TCP"}
    admin = {"name": ADMIN_PORT_NAME, "containerPort": contract.ADMIN_PORT, "protocol": "TCP"}
    container = _common(contract.SIDECAR_CONTAINER, plan.image, plan, template) | {
        "env": env,
        "ports": [{"name": inbound_name} | inbound if inbound_name else inbound, admin],
        "startupProbe": _probe("/readyz", periodSeconds=1, failureThreshold=120),
        # A minute without an answer is a hang. Less would restart proxies for being busy, which helps nobody.
        "livenessProbe": _probe("/livez", periodSeconds=10, timeoutSeconds=5, failureThreshold=6),
        "securityContext": deepcopy(_UNPRIVILEGED),
    }
    if credentials.volume(template):
        container["volumeMounts"] = [credentials.mount(template)]
    if plan.native:
        container["restartPolicy"] = "Always"
    elif (seconds := min(_PRE_STOP_S, _GRACE_S if grace_s is None else grace_s)) > 0:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": seconds}}}
    return container


def _probe(path: str, **timing: int) -> Json:
    return {"httpGet": {"path": path, "port": contract.ADMIN_PORT, "scheme": "HTTP"}} | timing


def _common(name: str, image: str, plan: Plan, template: Template) -> Json:
    container: Json = {
        "name": name,
        "image": image,
        "resources": deepcopy(plan.resources),  # nothing shared: YAML would show it by anchors
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if template.pull_policy:
        container["imagePullPolicy"] = template.pull_policy
    return container


def init(plan: Plan, template: Template) -> Json:
    """Lays the rules that send the pod's traffic through the sidecar, then ends.

    Its resources are the sidecar's: it ends before that begins, so the pod never reserves more for it.
    """
    arguments: Mapping[str, str] = {
        "--outbound-port": str(contract.OUTBOUND_PORT),
        "--inbound-port": str(contract.INBOUND_PORT),
        "--proxy-uid": str(contract.PROXY_UID),
        "--skip-inbound-ports": plan.values.get("skip-inbound-ports", ""),
        "--skip-outbound-ports": plan.values.get("skip-outbound-ports", ""),
        "--skip-subnets": ",".join(template.skip_subnets),
    }
    return _common(contract.INIT_CONTAINER, template.init_image, plan, template) | {
        "args": [text for option, value in arguments.items() if value for text in (option, value)],
        "env": [{"name": "XTABLES_LOCKFILE", "value": _LOCK}],
        "securityContext": deepcopy(_NET_ADMIN),
    }
