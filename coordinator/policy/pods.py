"""From a pod as the API server has it to a subject of the market, or to the reason why it is none. Pure.

Each rule is a row of docs/coordinator.md ("Pods that are skipped"), by the word it gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from coordinator.policy import amounts, progress, wishes
from coordinator.policy.subject import Amounts, Policy, Skipped, Subject
from coordinator.policy.wishes import Wishes
from sidecar import contract
from sidecar.parsing import ParseError

Object = dict[str, Any]

LEAST_FLOOR_M: Final = 100
"""The floor of a pod that does not name one."""
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
MIRROR: Final = "kubernetes.io/config.mirror"
"""On what a kubelet shows of its static pods."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The coordinator's own settings, where the pod does not say."""

    policy: Policy = "limits"
    leave_without_sidecar: bool = False


class _Skip(Exception):
    """Ends the reading of one pod."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def key(pod: Object) -> str:
    """`namespace/name`."""
    meta = pod.get("metadata") or {}
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}"


def subject(pod: Object, workload: str, allocatable_m: int | None, rules: Rules) -> Subject | Skipped:
    """`allocatable_m`: of its node, None where the node is not known. Never raises: nonsense is a reason."""
    try:
        return _subject(pod, workload, allocatable_m, rules)
    except _Skip as skip:
        return Skipped(key(pod), skip.reason, skip.detail)
    except ParseError as error:
        return Skipped(key(pod), "quantity", str(error))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Skipped(key(pod), "malformed", f"not the shape of a pod: {error!r}"[:200])


def container_name(pod: Object) -> str:
    """Which one is sized: the default one of kubectl, else the first that is not our sidecar; "" for none."""
    stated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    names = [each["name"] for each in pod["spec"].get("containers") or ()]
    ordinary = [name for name in names if name != contract.SIDECAR_CONTAINER]
    return str(stated) if stated else next(iter(ordinary), "")


def sidecar(pod: Object) -> str | None:
    """`host:port` of its sidecar's admin port; None where it has none."""
    labels, spec = pod["metadata"].get("labels") or {}, pod["spec"]
    every = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    injected = labels.get(contract.INJECTED) == "true"
    if not injected and all(each["name"] != contract.SIDECAR_CONTAINER for each in every):
        return None
    ip = pod["status"].get("podIP")
    if not ip:
        return None
    return f"[{ip}]:{_port(pod)}" if ":" in ip else f"{ip}:{_port(pod)}"


def _port(pod: Object) -> int:
    """15490, or what `admin` of the status annotation says."""
    text = (pod["metadata"].get("annotations") or {}).get(contract.STATUS)
    try:
        status = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return contract.ADMIN_PORT
    port = status.get("admin") if isinstance(status, dict) else None
    fits = isinstance(port, int) and not isinstance(port, bool) and 0 < port < 65536
    return int(port) if fits and port is not None else contract.ADMIN_PORT


def _subject(pod: Object, workload: str, allocatable_m: int | None, rules: Rules) -> Subject:
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    _running(meta, spec, status)
    if allocatable_m is None:
        raise _Skip("no-node", f"its node {spec.get('nodeName') or '(none)'} is not known")
    wished = _wishes(meta.get("annotations") or {})
    container = _container(pod)
    at = sidecar(pod)
    if at is None and rules.leave_without_sidecar:
        raise _Skip("no-sidecar", "it has no sidecar to ask, and --no-sidecar=leave leaves such pods alone")
    asked, told = amounts.parse(container.get("resources")), progress.container(status, container["name"])
    # Nobody consents for a pod without a sidecar: what it reserves is not touched.
    policy = _policy(spec, asked, "limits" if at is None else wished.policy or rules.policy)
    actual = _actual(told, container["name"])
    floor_m, cap_m = _bounds(wished, asked, policy, allocatable_m)
    generation = int(meta.get("generation") or 0)
    return Subject(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        node=spec["nodeName"],
        container=container["name"],
        workload=workload,
        budget=wished.budget,
        floor_m=floor_m,
        cap_m=cap_m,
        policy=policy,
        spec=asked,
        actual=actual,
        generation=generation,
        settled=progress.settled(status, generation) and amounts.enforced(asked, actual),
        deferred=progress.deferred(status, generation),
        restarts=int(told.get("restartCount") or 0),
        sidecar=at,
    )


def _running(meta: Object, spec: Object, status: Object) -> None:
    if meta.get("deletionTimestamp"):
        raise _Skip("terminating", "it is being deleted")
    if status.get("phase") != "Running":
        raise _Skip("not-running", f"its phase is {status.get('phase') or 'unknown'}")
    if MIRROR in (meta.get("annotations") or {}):
        raise _Skip("static", "static pods cannot be resized")
    if (spec.get("os") or {}).get("name") == "windows":
        raise _Skip("windows", "Windows pods cannot be resized")
    if spec.get("resources"):
        raise _Skip("pod-resources", "it has resources of its own (spec.resources)")


def _wishes(annotations: Mapping[str, str]) -> Wishes:
    try:
        return wishes.read(annotations)
    except ParseError as error:
        raise _Skip("annotation", str(error)) from None


def _container(pod: Object) -> Object:
    name = container_name(pod)
    for each in pod["spec"].get("containers") or ():
        if each["name"] == name:
            found: Object = each
            break
    else:
        raise _Skip("no-container", f"there is no container {name!r}")
    for rule in found.get("resizePolicy") or ():
        if rule.get("resourceName") == "cpu" and rule.get("restartPolicy") == "RestartContainer":
            raise _Skip("restarts", f"resizePolicy of container {name} restarts it when its CPU changes")
    return found


def _policy(spec: Object, asked: Amounts, policy: Policy) -> Policy:
    quality = amounts.qos_class(spec)
    if quality == "BestEffort":
        raise _Skip("best-effort", "it asks for nothing (QoS BestEffort), which a resize may not change")
    if quality == "Guaranteed" and policy != "both":
        raise _Skip(
            "guaranteed",
            f"it is Guaranteed, whose requests equal its limits: policy {policy} would change that; "
            "equilibrium.io/resize-policy=both moves the two together",
        )
    if policy == "requests" and not asked.cpu_request_m:
        raise _Skip("no-cpu-request", "policy requests, and its container has no CPU request")
    if policy != "requests" and not asked.cpu_limit_m:
        raise _Skip("no-cpu-limit", f"policy {policy}, and its container has no CPU limit")
    return policy


def _actual(told: Object, name: str) -> Amounts:
    if "resources" not in told:
        raise _Skip("old-kubelet", f"its status does not say what container {name} has")
    return amounts.parse(told["resources"])


def _bounds(wished: Wishes, asked: Amounts, policy: Policy, allocatable_m: int) -> tuple[int, int]:
    """Floor and cap, millicores."""
    cap_m = allocatable_m if wished.max_cpu_m is None else min(wished.max_cpu_m, allocatable_m)
    if policy == "requests" and asked.cpu_limit_m is not None:  # a request is never above its limit
        cap_m = min(cap_m, asked.cpu_limit_m)
    cap_m = max(amounts.STEP_M, cap_m // amounts.STEP_M * amounts.STEP_M)
    floor_m = min(LEAST_FLOOR_M, cap_m) if wished.min_cpu_m is None else wished.min_cpu_m
    if policy == "limits":  # nor a limit below its request
        floor_m = max(floor_m, asked.cpu_request_m or 0)
    floor_m = amounts.rounded_up(floor_m)
    if floor_m > cap_m:
        what = "request or min-cpu" if policy == "limits" else "min-cpu"
        raise _Skip("floor-above-cap", f"its {what} of {floor_m}m is above the most it may have, {cap_m}m")
    return floor_m, cap_m
