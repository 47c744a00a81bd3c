"""What the back end says it can do: `/version`, `/api`, `/apis` and the resources of every group. Pure."""

from loadtest.mesh.node.answers import Object
from loadtest.mesh.node.objects import COLLECTIONS, PODS, VERSION
from loadtest.mesh.node.store import Collection

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")
RESIZE_VERBS = ("get", "patch", "update")


def documents() -> dict[str, Object]:
    """By path."""
    major, minor = VERSION.removeprefix("v").split(".")[:2]
    groups = sorted({each.group for each in COLLECTIONS if each.group} | {"authorization.k8s.io"})
    found: dict[str, Object] = {
        "/version": {"major": major, "minor": minor, "gitVersion": VERSION, "platform": "linux/amd64"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in groups]},
    }
    for version in sorted({each.api_version for each in COLLECTIONS}):
        path = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        found[path] = _resources(version)
    return found


def _group(name: str) -> Object:
    version = next((each.version for each in COLLECTIONS if each.group == name), "v1")
    told = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [told], "preferredVersion": told}


def _resources(version: str) -> Object:
    listed = [_resource(each) for each in COLLECTIONS if each.api_version == version]
    if version == PODS.api_version:
        listed.append(_resource(PODS) | {"name": "pods/resize", "verbs": list(RESIZE_VERBS)})
    return {"kind": "APIResourceList", "groupVersion": version, "resources": listed}


def _resource(collection: Collection) -> Object:
    return {
        "name": collection.resource,
        "singularName": collection.kind.lower(),
        "namespaced": collection.namespaced,
        "kind": collection.kind,
        "verbs": list(VERBS),
    }
