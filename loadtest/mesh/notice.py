"""Waiting until sidecars have noticed what discovery says: they look at the file four times a second."""

import time
from collections.abc import Sequence

from loadtest.mesh import admin
from loadtest.mesh.pod import Pod
from sidecar import clock

LONGEST_S = 10.0
POLL_S = 0.05


def unaware(pods: Sequence[Pod], service: str, published: frozenset[str]) -> list[Pod]:
    """Wait until every sidecar has exactly these endpoints of a service; those that had not after LONGEST_S.

    A cluster goes on without them too: it gives news a while to spread, and then stops the pod.
    """
    waiting = list(pods)
    deadline = clock.now() + LONGEST_S
    while waiting := [pod for pod in waiting if not _knows(pod, service, published)]:
        if clock.now() > deadline:
            break
        time.sleep(POLL_S)
    return waiting


def _knows(pod: Pod, service: str, published: frozenset[str]) -> bool:
    """One that does not run, or has no sidecar, need not."""
    if pod.admin is None or not pod.running:
        return True
    try:
        return admin.endpoints(pod.admin, service) == published
    except OSError:
        return False
