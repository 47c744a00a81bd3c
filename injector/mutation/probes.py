"""The kubelet's probes, sent to the sidecar, which asks the application what the kubelet would have asked.

Left where they were, a TCP probe would always succeed (the sidecar accepts) and an HTTP probe could be queued or shed
like any request. The timing stays; only whom the kubelet asks changes. `exec` runs inside the container and is left
alone; so is a probe with a `host`, which is not about this pod.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sidecar import contract

Json = dict[str, Any]

FIELDS: Final = {"livenessProbe": "livez", "readinessProbe": "readyz", "startupProbe": "startupz"}
HANDLERS: Final = ("httpGet", "tcpSocket", "grpc")
_DEFAULT_TIMEOUT_S: Final = 1


@dataclass(slots=True)
class Rewriting:
    """What became of the probes of a pod, container by container."""

    originals: dict[str, Json] = field(default_factory=dict)
    """`CONTAINER/livez` → what the sidecar shall ask (EQUILIBRIUM_APP_PROBES); ports are numbers."""
    handlers: dict[str, Json] = field(default_factory=dict)
    """`CONTAINER/livez` → the handler as it was, to be put back."""

    def rewrite(self, container: Json) -> Json:
        """The container with its probes rewritten; the same object when there is nothing to rewrite."""
        changed: Json = {}
        for name, word in FIELDS.items():
            probe: Json = container.get(name) or {}
            original = _original(container, probe)
            if original is None:
                continue
            key = f"{container['name']}/{word}"
            self.originals[key] = original | {
                "timeoutSeconds": probe.get("timeoutSeconds") or _DEFAULT_TIMEOUT_S
            }
            self.handlers[key] = handler(probe)
            ours = {"path": contract.APP_HEALTH + key, "port": contract.ADMIN_PORT, "scheme": "HTTP"}
            changed[name] = without_handler(probe) | {"httpGet": ours}
        return container | changed if changed else container


def handler(probe: Json) -> Json:
    """The part of a probe that says whom to ask."""
    return {name: probe[name] for name in HANDLERS if probe.get(name) is not None}


def without_handler(probe: Json) -> Json:
    """The rest of it."""
    return {key: value for key, value in probe.items() if key not in HANDLERS}


def _original(container: Json, probe: Json) -> Json | None:
    """None when it is to be left alone."""
    if len(found := handler(probe)) != 1:
        return None
    ((kind, action),) = found.items()
    port = _number(container, action.get("port"))
    if action.get("host") or port is None or port == contract.ADMIN_PORT:
        return None
    if kind == "tcpSocket":
        return {kind: {"port": port}}
    if kind == "grpc":
        return {kind: {"port": port, "service": action.get("service") or ""}}
    return {
        kind: {
            "path": action.get("path") or "/",
            "port": port,
            "scheme": action.get("scheme") or "HTTP",
            "httpHeaders": action.get("httpHeaders") or [],
        }
    }


def _number(container: Json, port: object) -> int | None:
    """A port by its name among the container's own, as the kubelet looks it up; None where there is none."""
    if isinstance(port, int):
        return port
    named = (each for each in container.get("ports") or () if each.get("name") == port)
    return next((each.get("containerPort") for each in named), None)
