"""Who may do what by RBAC, and what somebody did, in the same terms."""

from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from tests.deploy import manifests
from tests.support.kube.resources import target

Grant = tuple[str, str, str, str, str]
"""Namespace (empty: all), group, resource, verb, name (empty: any)."""

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def grants(objects: list[manifests.Object], subject: tuple[str, str]) -> set[Grant]:
    """What the roles bound to a subject (kind, name) allow."""
    roles = {
        (each["kind"], each["metadata"]["name"]): each for each in objects if each["kind"].endswith("Role")
    }
    found = set()
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for each in manifests.of_kind(objects, kind):
            if subject not in [(who["kind"], who["name"]) for who in each["subjects"]]:
                continue
            where = each["metadata"].get("namespace", "")
            for rule in roles[each["roleRef"]["kind"], each["roleRef"]["name"]]["rules"]:
                found |= {
                    (where, group, resource, verb, name)
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                    for verb in rule["verbs"]
                    for name in rule.get("resourceNames", [""])
                }
    return found


def used(method: str, url: str) -> Grant:
    """What a request needs. A list or watch of one name by field selector is a request for that name
    (k8s.io/apiserver, pkg/endpoints/request/requestinfo.go)."""
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    wanted = target(path)
    verb = VERBS.get(method) or ("get" if wanted.name else "watch" if "watch" in query else "list")
    selected = query.get("fieldSelector", [""])[0].removeprefix("metadata.name=")
    resource = wanted.resource.plural + (f"/{wanted.subresource}" if wanted.subresource else "")
    return wanted.namespace, wanted.resource.group, resource, verb, wanted.name or selected


def allowed(wanted: Grant, granted: Iterable[Grant]) -> bool:
    """Whether one of the grants covers it."""
    return any(
        where in ("", wanted[0]) and (group, resource, verb) == wanted[1:4] and name in ("", wanted[4])
        for where, group, resource, verb, name in granted
    )
