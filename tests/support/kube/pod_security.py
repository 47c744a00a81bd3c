"""Pod Security admission: what a namespace labelled `pod-security.kubernetes.io/enforce` does not let in.

The checks of `k8s.io/pod-security-admission/policy` that a sidecar can run into, in the server's words.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.support.kube.pod_defaults import containers

Object = dict[str, Any]
Check = Callable[[Object], str]

LABEL = "pod-security.kubernetes.io/enforce"
DEFAULT_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
VOLUMES = (
    *(
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ),
    "image",
)
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def violations(spec: Object, level: str) -> list[str]:
    """What of a pod is not allowed at `baseline` or `restricted`; at `privileged` everything is."""
    checks = {"baseline": BASELINE, "restricted": RESTRICTED}.get(level, ())
    return [said for check in checks if (said := check(spec))]


def refusal(found: Sequence[str], level: str) -> str:
    return f'violates PodSecurity "{level}:latest": {", ".join(found)}'


def _security(container: Object) -> Object:
    return container.get("securityContext") or {}


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _those(names: Sequence[str]) -> str:
    return f"container{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _named(spec: Object, bad: Callable[[Object], bool]) -> list[str]:
    return [container["name"] for container in containers(spec) if bad(container)]


def _host_namespaces(spec: Object) -> str:
    used = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return f"host namespaces ({', '.join(used)})" if used else ""


def _privileged(spec: Object) -> str:
    bad = _named(spec, lambda each: bool(_security(each).get("privileged")))
    return f"privileged ({_those(bad)} must not set securityContext.privileged=true)" if bad else ""


def _added(spec: Object, allowed: Sequence[str]) -> Iterator[str]:
    bad, forbidden = [], set()
    for container in containers(spec):
        more = set((_security(container).get("capabilities") or {}).get("add") or []) - set(allowed)
        if more:
            bad.append(container["name"])
            forbidden |= more
    if bad:
        yield f"{_those(bad)} must not include {_quoted(sorted(forbidden))} in securityContext.capabilities.add"


def _default_capabilities(spec: Object) -> str:
    found = list(_added(spec, DEFAULT_CAPABILITIES))
    return f"non-default capabilities ({found[0]})" if found else ""


def _capabilities(spec: Object) -> str:
    found = []
    keeping = _named(
        spec, lambda each: "ALL" not in ((_security(each).get("capabilities") or {}).get("drop") or [])
    )
    if keeping:
        found.append(f'{_those(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    found += _added(spec, ["NET_BIND_SERVICE"])
    return f"unrestricted capabilities ({'; '.join(found)})" if found else ""


def _host_ports(spec: Object) -> str:
    bad, ports = [], set()
    for container in containers(spec):
        used = {port["hostPort"] for port in container.get("ports") or [] if port.get("hostPort")}
        if used:
            bad.append(container["name"])
            ports |= used
    many = "s" if len(ports) > 1 else ""
    use = "use" if len(bad) > 1 else "uses"
    listed = ", ".join(map(str, sorted(ports)))
    return f"hostPort ({_those(bad)} {use} hostPort{many} {listed})" if bad else ""


def _probe_hosts(spec: Object) -> str:
    def bad(container: Object) -> bool:
        probes = [container.get(name) or {} for name in PROBES]
        return any(
            (probe.get(kind) or {}).get("host") for probe in probes for kind in ("httpGet", "tcpSocket")
        )

    found = _named(spec, bad)
    return f"probe or lifecycle host ({_those(found)} must not set host in probes)" if found else ""


def _escalation(spec: Object) -> str:
    bad = _named(spec, lambda each: _security(each).get("allowPrivilegeEscalation") is not False)
    must = "must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({_those(bad)} {must})" if bad else ""


def _non_root(spec: Object) -> str:
    pod = _security(spec).get("runAsNonRoot")
    bad = _named(spec, lambda each: _security(each).get("runAsNonRoot", pod) is not True)
    must = "must set securityContext.runAsNonRoot=true"
    return f"runAsNonRoot != true (pod or {_those(bad)} {must})" if bad else ""


def _root(spec: Object) -> str:
    bad = _named(spec, lambda each: _security(each).get("runAsUser") == 0)
    return f"runAsUser=0 ({_those(bad)} must not set runAsUser=0)" if bad else ""


def _seccomp(spec: Object) -> str:
    pod = (_security(spec).get("seccompProfile") or {}).get("type")
    kinds = ("RuntimeDefault", "Localhost")
    bad = _named(
        spec, lambda each: (_security(each).get("seccompProfile") or {"type": pod}).get("type") not in kinds
    )
    must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {_those(bad)} {must})" if bad else ""


def _volumes(spec: Object) -> str:
    kinds = {
        volume["name"]: next(key for key in volume if key != "name") for volume in spec.get("volumes") or []
    }
    bad = {name: kind for name, kind in kinds.items() if kind not in VOLUMES}
    many = ("s", "use", "s") if len(bad) > 1 else ("", "uses", "")
    used = _quoted(sorted(set(bad.values())))
    what = f"volume{many[0]} {_quoted(list(bad))} {many[1]} restricted volume type{many[2]} {used}"
    return f"restricted volume types ({what})" if bad else ""


def _host_path(spec: Object) -> str:
    bad = [volume["name"] for volume in spec.get("volumes") or [] if "hostPath" in volume]
    return f"hostPath volumes (volume{'s' if len(bad) > 1 else ''} {_quoted(bad)})" if bad else ""


SHARED: tuple[Check, ...] = (_host_namespaces, _host_ports, _privileged, _probe_hosts)
BASELINE: tuple[Check, ...] = (*SHARED, _default_capabilities, _host_path)
RESTRICTED: tuple[Check, ...] = (*SHARED, _escalation, _capabilities, _volumes, _non_root, _root, _seccomp)
