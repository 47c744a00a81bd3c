"""The documents by which clients find out what a server has: discovery, version, OpenAPI, health."""

import json
from collections.abc import Callable
from typing import Any

from tests.support.kube import resizes
from tests.support.kube.resources import FIXTURES, documents, resources

Object = dict[str, Any]


RECORDED_MINOR = 36


def document(path: str, minor: int = RECORDED_MINOR) -> Object | str | None:
    """What is served at a path that is no resource: an object, a text, or nothing. `minor`: of which version 1.x."""
    found = _document(path)
    if minor == RECORDED_MINOR or not isinstance(found, dict):
        return found
    if path == "/version":
        return found | {"minor": str(minor), "gitVersion": f"v1.{minor}.0"}
    if path == "/api/v1" and minor < resizes.FIRST:
        return found | {"resources": [each for each in found["resources"] if each["name"] != "pods/resize"]}
    return found


def _document(path: str) -> Object | str | None:
    if path in _FIXED:
        return _FIXED[path]()
    if path.startswith("/openapi/v3/"):
        return _schemas(path.removeprefix("/openapi/v3/"))
    root, _, group_version = path.strip("/").partition("/")
    if root in ("api", "apis") and group_version in documents():
        return documents()[group_version]
    if root == "apis":
        return next((group for group in _groups()["groups"] if group["name"] == group_version), None)
    return None


def _version() -> Object:
    recorded = json.loads((FIXTURES / "transcripts" / "version.json").read_text())
    body: Object = recorded["response"]["body"]
    return body


def _core() -> Object:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _groups() -> Object:
    groups = []
    for group_version in documents():
        group, _, version = group_version.rpartition("/")
        if group:
            entry = {"groupVersion": group_version, "version": version}
            groups.append({"name": group, "versions": [entry], "preferredVersion": entry})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _openapi() -> Object:
    names = [f"apis/{name}" if "/" in name else f"api/{name}" for name in documents()]
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in names}}


def _schemas(name: str) -> Object | None:
    """The recorded document; for a group that was not recorded, one that says only what kubectl asks before it
    sends anything: that writes may be dry and fields are validated."""
    file = FIXTURES / "openapi" / f"{name.replace('/', '_')}.json"
    if file.is_file():
        recorded: Object = json.loads(file.read_text())
        return recorded
    api_version = name.partition("/")[2]
    if api_version not in documents():
        return None
    parameters = [{"name": each, "in": "query"} for each in ("dryRun", "fieldManager", "fieldValidation")]
    paths = {}
    for resource in resources().values():
        if resource.api_version == api_version:
            kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
            patch = {"parameters": parameters, "x-kubernetes-group-version-kind": kind, "responses": {}}
            paths[resource.path("{namespace}", "{name}")] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": paths}


_FIXED: dict[str, Callable[[], Object | str]] = {
    "/version": _version,
    "/api": _core,
    "/apis": _groups,
    "/openapi/v3": _openapi,
    "/readyz": lambda: "ok",
    "/livez": lambda: "ok",
    "/healthz": lambda: "ok",
}
