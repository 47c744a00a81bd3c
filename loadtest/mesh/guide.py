"""What someone needs who has a running mesh before them: where everything is, and what to try. Pure."""

import os
import sys
from collections.abc import Sequence

from loadtest.mesh import addresses
from loadtest.mesh.mesh import Mesh
from loadtest.mesh.pod import Pod

HEAD = ("pod", "application", "faults", "sidecar admin", "pids")


def table(pods: Sequence[Pod]) -> str:
    """A line a pod."""
    rows = [HEAD, *map(_row, pods)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    padded = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(padded)


def _row(pod: Pod) -> tuple[str, ...]:
    pids = " ".join(str(child.pid) for child in pod.children)
    return pod.name, pod.app, pod.control, pod.admin or "-", pids


def commands(mesh: Mesh) -> str:
    """Examples to paste."""
    entry, bus = mesh.entry, mesh.pods("bus-service")[0]
    lines = [
        "through the entry; X-Pod tells which pod answered:",
        f"  curl -i http://{entry}/api/buses",
        f"  curl -i 'http://{entry}/api/search?fromLat=34.0&fromLon=-6.8&toLat=33.9&toLon=-6.9'",
        f"  curl -i http://{entry}/api/auth/login -H 'Content-Type: application/json' \\",
        """       -d '{"email":"rider000@urbanmove.ma","password":"password-000"}'""",
        *_sidecar_commands(mesh),
        *_node_commands(mesh),
        f"make {bus.name} 500 ms slower, look again, heal it:",
        f"""  curl -X PUT http://{bus.control}/faults -d '{{"latency_ms": 500}}'""",
        f"  curl -X DELETE http://{bus.control}/faults",
        "who is listed now; edit it and watch:"
        if mesh.gateway.admin
        else "kube-proxy's list; edit it and watch:",
        f"  {mesh.discovery.path if mesh.gateway.admin else mesh.discovery.hosts}",
    ]
    return "\n".join(lines)


def _sidecar_commands(mesh: Mesh) -> list[str]:
    if mesh.gateway.admin is None:
        return []
    return [
        "what the gateway's sidecar thinks of the pods:",
        f"  curl http://{mesh.gateway.admin}/state",
        f"  curl 'http://{mesh.gateway.admin}/explain?service=bus-service'",
        f"  curl http://{mesh.gateway.admin}/metrics",
    ]


def _node_commands(mesh: Mesh) -> list[str]:
    lodging = mesh.plan.lodging
    if lodging is None:
        return []
    url, namespace, pod = lodging.node.url, addresses.NAMESPACE, mesh.pods("bus-service")[0].name
    python = os.path.relpath(sys.executable)
    return [
        f"the node: {lodging.node.room.cpu_m}m in all, {lodging.limit_m}m for each pod to begin with; its API is {url}",
        "what would a coordinator do? then let one do it:",
        f"  {python} -m coordinator --api {url} --listen 127.0.0.1:15480 --cycle 2s --once --dry-run",
        f"  {python} -m coordinator --api {url} --listen 127.0.0.1:15480 --cycle 2s",
        "limits as they are, and how often they were hit:",
        f"  curl -s {url}/api/v1/namespaces/{namespace}/pods/{pod}",
        f"  curl -s {url}/metrics/cadvisor",
        "give one pod more by hand; a coordinator stands down for it:",
        f"  {python} -m coordinator.kube.resize {pod} -n {namespace} --cpu 300m --server {url}",
    ]
