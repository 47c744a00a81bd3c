"""The sidecar's environment: what the injector knows about a pod, as `equilibrium-sidecar --help` lists it."""

from typing import Any, Final

import orjson

from injector.mutation import application, credentials
from injector.mutation.application import NamedPort
from injector.mutation.plan import Plan
from injector.template import Template
from sidecar import contract
from sidecar.kube import owners

Json = dict[str, Any]

_PASSED_ON: Final = {
    "strategy": "STRATEGY",
    "mode": "MODE",
    "memory-hook": "MEMORY_HOOK",
    "usage-url": "USAGE_URL",
    "opaque-ports": "OPAQUE_PORTS",
}
"""Settings the sidecar reads itself."""


def build(
    pod: Json,
    namespace: str,
    plan: Plan,
    template: Template,
    main: Json,
    moved: NamedPort | None,
    probes: dict[str, Json],
) -> list[Json]:
    """The container's `env`. `main`: the application's container; `probes`: what EQUILIBRIUM_APP_PROBES says."""
    port = moved.number if moved else application.first_port(main)
    values = {
        "WORKLOAD": owners.workload(pod.get("metadata") or {}, namespace),
        "CONTAINER": main["name"],
        "APP": f"127.0.0.1:{port}" if port else "",
        "DISCOVERY": template.discovery,
        "UNKNOWN": "" if plan.intercept else "passthrough",
        "APP_PROBES": orjson.dumps(probes).decode() if probes else "",
        "TOKEN": credentials.token_path(template),
        "CA": credentials.ca_path(template),
        "ADVICE": "" if template.advice == "auto" else template.advice,
    }
    values |= {variable: plan.values.get(name, "") for name, variable in _PASSED_ON.items()}
    given = [_variable(name, value=_literal(value)) for name, value in values.items() if value]
    key = {"name": template.mesh_key_secret, "key": "key", "optional": True}
    return [
        _variable("POD", valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}),
        _variable("NODE", valueFrom={"fieldRef": {"fieldPath": "spec.nodeName"}}),
        *given,
        _variable("MESH_KEY", valueFrom={"secretKeyRef": key}),
    ]


def _variable(name: str, **content: Any) -> Json:
    return {"name": contract.ENV_PREFIX + name, **content}


def _literal(text: str) -> str:
    """Kubernetes expands `$(NAME)` in values; doubled, the dollar stays one."""
    return text.replace("$(", "$$(")
