"""Which resources there are, and which one a path means.

Core v1 is the recorded discovery document itself; of the other groups only what this project touches.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.kube.status import Refusal, no_such_resource

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kubernetes"
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
STATUS_VERBS = ("get", "patch", "update")

OTHERS = """
apps/v1                          deployments                      Deployment                      deploy all status
apps/v1                          replicasets                      ReplicaSet                      rs     all status
apps/v1                          statefulsets                     StatefulSet                     sts    all status
apps/v1                          daemonsets                       DaemonSet                       ds     all status
batch/v1                         jobs                             Job                             -      all status
batch/v1                         cronjobs                         CronJob                         cj     all status
discovery.k8s.io/v1              endpointslices                   EndpointSlice                   -      -   -
autoscaling/v2                   horizontalpodautoscalers         HorizontalPodAutoscaler          hpa    all status
coordination.k8s.io/v1           leases                           Lease                           -      -   -
policy/v1                        poddisruptionbudgets             PodDisruptionBudget             pdb    -   status
networking.k8s.io/v1             networkpolicies                  NetworkPolicy                   netpol -   -
rbac.authorization.k8s.io/v1     roles                            Role                            -      -   -
rbac.authorization.k8s.io/v1     rolebindings                     RoleBinding                     -      -   -
rbac.authorization.k8s.io/v1     clusterroles                     ClusterRole                     -      -   cluster
rbac.authorization.k8s.io/v1     clusterrolebindings              ClusterRoleBinding              -      -   cluster
admissionregistration.k8s.io/v1  mutatingwebhookconfigurations    MutatingWebhookConfiguration    -      -   cluster
authentication.k8s.io/v1         tokenreviews                     TokenReview                     -      -   cluster
"""


@dataclass(frozen=True, slots=True)
class Resource:
    """A collection of objects of one kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    def __str__(self) -> str:
        return self.qualified

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`leases.coordination.k8s.io`, `pods`: how messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def root(self) -> str:
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of the collection, or of one object."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.root}{inside}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: a collection (no name), an object, or a subresource of one."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@cache
def documents() -> dict[str, dict[str, Any]]:
    """The APIResourceList of each group and version, by `v1` or `apps/v1`."""
    recorded = json.loads((FIXTURES / "transcripts" / "discovery-api-v1.json").read_text())
    lists = {"v1": recorded["response"]["body"]}
    for line in OTHERS.strip().splitlines():
        group_version, *fields = line.split()
        empty = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": [],
        }
        lists.setdefault(group_version, empty)["resources"] += _entries(*fields)
    return lists


def _entries(plural: str, kind: str, short: str, category: str, also: str) -> Iterator[dict[str, Any]]:
    namespaced = also != "cluster"
    entry: dict[str, Any] = {"name": plural, "singularName": kind.lower(), "namespaced": namespaced}
    entry |= {"kind": kind, "verbs": list(VERBS)}
    if short != "-":
        entry["shortNames"] = [short]
    if category != "-":
        entry["categories"] = [category]
    yield entry
    if also == "status":
        status = {"name": f"{plural}/status", "singularName": "", "namespaced": namespaced, "kind": kind}
        yield status | {"verbs": list(STATUS_VERBS)}


@cache
def resources() -> dict[tuple[str, str], Resource]:
    """By (api version, plural)."""
    found = {}
    for api_version, document in documents().items():
        group, _, version = api_version.rpartition("/")
        for entry in document["resources"]:
            if "/" not in entry["name"] and "get" in entry["verbs"]:
                resource = Resource(group, version, entry["name"], entry["kind"], entry["namespaced"])
                found[api_version, entry["name"]] = resource
    return found


@cache
def by_kind(kind: str, api_version: str = "") -> Resource:
    """The resource of a kind; the api version may be left out, kinds being unique here."""
    for resource in resources().values():
        if resource.kind == kind and api_version in ("", resource.api_version):
            return resource
    raise KeyError(f"no resource for kind {kind} of {api_version or 'any group'}")


def of(obj: dict[str, Any]) -> Resource:
    """The resource an object belongs to, by its own `kind` and `apiVersion`."""
    return by_kind(obj["kind"], obj["apiVersion"])


def target(path: str) -> Target:
    """What a path means; 404 for one that means nothing, worded as the server does."""
    kind, _, rest = path.strip("/").partition("/")
    parts = rest.split("/")
    if kind == "apis" and len(parts) >= 2:
        api_version, parts = f"{parts[0]}/{parts[1]}", parts[2:]
    else:
        api_version, parts = parts[0], parts[1:]
    if kind not in ("api", "apis") or api_version not in documents() or not parts:
        raise Refusal(404, "", "404 page not found")
    namespace = ""
    # /namespaces/x is an object, and so is its subresource; /namespaces/x/pods is inside one
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize"):
        namespace, parts = parts[1], parts[2:]
    resource = resources().get((api_version, parts[0]))
    if resource is None or len(parts) > 3:
        raise no_such_resource()
    name, subresource = [*parts[1:], "", ""][:2]
    return Target(resource, namespace, name, subresource)
