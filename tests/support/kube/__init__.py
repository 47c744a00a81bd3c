"""The API double, and real API servers where there are any, behind one surface (`Cluster`)."""

from tests.support.kube.cluster import Cluster, Reply, StatusError, until
from tests.support.kube.controllers import Controllers
from tests.support.kube.hook import Hook
from tests.support.kube.kubelet import Addresses, Kubelet, set_ready
from tests.support.kube.resizing import ResizingKubelet
from tests.support.kube.server import ApiServer, namespace
from tests.support.kube.tls import Authority

__all__ = [
    "Addresses",
    "ApiServer",
    "Authority",
    "Cluster",
    "Controllers",
    "Hook",
    "Kubelet",
    "Reply",
    "ResizingKubelet",
    "StatusError",
    "access",
    "namespace",
    "set_ready",
    "until",
]


def access(cluster: Cluster) -> tuple[str, str, str]:
    """(url, token, CA file) of a cluster: what a client needs."""
    return cluster.url, cluster.token, str(cluster.ca_file)
