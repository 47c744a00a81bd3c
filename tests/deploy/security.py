"""The Pod Security Standard "restricted", as a list of what a pod does against it.

From the controls of kubernetes.io/docs/concepts/security/pod-security-standards, by whose names each is called.
"""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)
HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")


def violations(spec: Object) -> list[str]:
    """What a PodSpec does that "restricted" forbids; empty: it may run."""
    return [*_pod(spec), *(flaw for each in _containers(spec) for flaw in _container(each, spec))]


def _containers(spec: Object) -> Iterator[Object]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind) or ()


def _pod(spec: Object) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"host namespaces: {name}"
    for volume in spec.get("volumes") or ():
        if forbidden := set(volume) - {"name"} - VOLUMES:
            yield f"volume types: {volume['name']}: {', '.join(sorted(forbidden))}"
    if (spec.get("securityContext") or {}).get("sysctls"):
        yield "sysctls"


def _container(container: Object, spec: Object) -> Iterator[str]:
    pod, own = spec.get("securityContext") or {}, container.get("securityContext") or {}
    name, merged = container["name"], {**pod, **own}
    if own.get("privileged"):
        yield f"privileged containers: {name}"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"privilege escalation: {name}"
    if merged.get("runAsNonRoot") is not True:
        yield f"running as non-root: {name}"
    if merged.get("runAsUser") == 0:
        yield f"running as non-root user: {name}"
    if (merged.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"seccomp: {name}"
    yield from _capabilities(name, own.get("capabilities") or {})
    if any("hostPort" in port for port in container.get("ports") or ()):
        yield f"host ports: {name}"
    for probe in HANDLERS:
        for action in ("httpGet", "tcpSocket"):
            if "host" in ((container.get(probe) or {}).get(action) or {}):
                yield f"host probes: {name}: {probe}"


def _capabilities(name: str, capabilities: Object) -> Iterator[str]:
    if "ALL" not in capabilities.get("drop", ()):
        yield f"capabilities: {name} does not drop ALL"
    if added := set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield f"capabilities: {name} adds {', '.join(sorted(added))}"
