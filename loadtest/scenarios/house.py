"""A pod of which each container has a memory group of its own: the hoarder, and the sidecar before it."""

import json
import sys
from collections.abc import Mapping, Sequence

from loadtest import processes
from loadtest.mesh import launch
from loadtest.scenarios import application, pod
from loadtest.scenarios.cgroups import Group
from loadtest.scenarios.hoarder import Appetite

PORT = application.PORT


def app_at(ip: str) -> str:
    """`ip:port` of the hoarder of a pod."""
    return f"{ip}:{PORT}"


def usage_url(ip: str) -> str:
    """Where it tells its memory."""
    return f"http://{app_at(ip)}/metrics"


def hook_url(ip: str) -> str:
    """Where it gives memory back."""
    return f"http://{app_at(ip)}/gc"


def start_app(
    children: processes.Children,
    ip: str,
    *,
    appetite: Appetite | None = None,
    group: Group | None = None,
    garbage_bytes: int = 0,
) -> processes.Child:
    """Start it, in its group where there is one; await it with `await_app`."""
    argv = [sys.executable, "-m", "loadtest.scenarios.hoarder", "--listen", app_at(ip)]
    argv += (appetite or Appetite()).options()
    argv += ["--garbage", str(garbage_bytes)]
    if group is not None:
        argv += ["--group", str(group.place.directory), "--limit", str(group.limit_bytes)]
        argv = group.wrap(argv)
    return children.start(f"app-{ip}", argv)


def await_app(ip: str, child: processes.Child) -> None:
    """Return when it answers; StartError when it does not come up."""
    processes.await_http(app_at(ip), child, host=application.HOST)


def start_sidecar(
    children: processes.Children,
    ip: str,
    env: Mapping[str, str],
    *,
    group: Group | None = None,
    callers: Sequence[pod.Caller] = (),
) -> pod.Pod:
    """A sidecar at `ip` that is told `env` beyond where it stands; await it with `await_sidecar`."""
    discovery = children.directory / f"discovery-{ip}.json"
    discovery.write_text(json.dumps(pod.document(callers)))
    argv = [launch.program()]
    told = {**pod.environment(ip, str(discovery)), **env}
    child = children.start(f"sidecar-{ip}", group.wrap(argv) if group is not None else argv, env=told)
    return pod.Pod(ip, child)


def await_sidecar(started: pod.Pod) -> None:
    """Return when it is ready; StartError when it does not come up."""
    processes.await_http(started.admin, started.sidecar, host="localhost", path="/readyz")
