"""What of a pod stands where something of ours would: then it is left as it is, and its owner is told."""

from collections.abc import Iterator
from typing import Any, Final

from injector.mutation import containers, credentials, plan
from injector.mutation.plan import Plan
from sidecar import contract

Json = dict[str, Any]

_OWN_USER: Final = "whose traffic is the sidecar's own and never intercepted; choose another runAsUser"
_PORTS: Final = frozenset((contract.OUTBOUND_PORT, contract.INBOUND_PORT, contract.ADMIN_PORT))


def find(spec: Json, chosen: Plan) -> tuple[str, str]:
    """The first reason word with what the owner is told; two empty texts when nothing is in the way."""
    return next(_clashes(spec, chosen), ("", ""))


def _clashes(spec: Json, chosen: Plan) -> Iterator[tuple[str, str]]:
    theirs = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    for container in theirs:
        name = container.get("name")
        # Without interception nobody's traffic is told apart by user, and memory hooks may need the same one.
        if chosen.intercept and plan.user(spec, container) == contract.PROXY_UID:
            yield "uid-clash", f"container {name} runs as user {contract.PROXY_UID}, {_OWN_USER}"
        for port in container.get("ports") or ():
            taken = _PORTS & {port.get("containerPort"), port.get("hostPort")}
            if taken:
                yield (
                    "port-clash",
                    f"container {name} uses port {min(taken)}, which is the sidecar's; choose another",
                )
            if port.get("name") == containers.ADMIN_PORT_NAME:
                yield (
                    "name-clash",
                    f"container {name} has a port named {containers.ADMIN_PORT_NAME}, as the sidecar has",
                )
    for volume in spec.get("volumes") or ():
        if volume.get("name") == credentials.VOLUME:
            yield "name-clash", f"the pod has a volume named {credentials.VOLUME}, as the sidecar has"
