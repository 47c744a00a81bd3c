"""Who asks, and what they may: bearer tokens, and RBAC by rules a test gives or by the roles in the store."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.kube.matching import User
from tests.support.kube.resources import Resource, Target, by_kind, resources
from tests.support.kube.status import forbidden, unauthorized
from tests.support.kube.store import Store

Rule = Mapping[str, Any]
"""A PolicyRule: apiGroups, resources, verbs, resourceNames."""

PUBLIC = ("/api", "/apis", "/openapi", "/version", "/readyz", "/livez", "/healthz")


@dataclass
class Grant:
    """What a user may do anywhere, and inside one namespace; `bound`: also what the stored bindings say."""

    user: User
    everywhere: Sequence[Rule] = ()
    inside: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    bound: bool = False
    master: bool = False


class Access:
    """The tokens of a server and what each may do."""

    def __init__(self, store: Store):
        self._store = store
        self._grants: dict[str, Grant] = {}

    def issue(self, grant: Grant) -> str:
        """A new token."""
        token = secrets.token_urlsafe(24)
        self._grants[token] = grant
        return token

    def expire(self, token: str) -> Grant:
        """From now on 401."""
        return self._grants.pop(token)

    def authenticate(self, header: str) -> Grant:
        """By the Authorization header."""
        scheme, _, token = header.partition(" ")
        grant = self._grants.get(token) if scheme == "Bearer" else None
        if grant is None:
            raise unauthorized()
        return grant

    def allowed(self, grant: Grant, verb: str, target: Target) -> bool:
        """By the rules there are."""
        return grant.master or any(
            _allows(rule, verb, target) for rule in self._rules(grant, target.namespace)
        )

    def reviewed(self, grant: Grant, review: Any) -> dict[str, Any]:
        """A SelfSubjectAccessReview with its answer."""
        asked = ((review or {}).get("spec") or {}).get("resourceAttributes") or {}
        api_version = "/".join(filter(None, (asked.get("group"), asked.get("version", "v1"))))
        resource = resources().get((api_version, asked.get("resource", "")))
        unknown = Resource(asked.get("group", ""), "v1", asked.get("resource", ""), "", True)
        names = (asked.get("namespace", ""), asked.get("name", ""), asked.get("subresource", ""))
        allowed = self.allowed(grant, asked.get("verb", ""), Target(resource or unknown, *names))
        return {**review, "metadata": {}, "status": {"allowed": allowed}}

    def authorize(self, grant: Grant, verb: str, target: Target) -> None:
        """403 in the server's words if no rule allows it."""
        if self.allowed(grant, verb, target):
            return
        resource = target.resource
        full = resource.plural + (f"/{target.subresource}" if target.subresource else "")
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        who = f'User "{grant.user.name}" cannot {verb} resource "{full}"'
        raise forbidden(resource, target.name, f'{who} in API group "{resource.group}" {where}')

    def _rules(self, grant: Grant, namespace: str) -> Iterator[Rule]:
        yield from grant.everywhere
        yield from grant.inside.get(namespace, ())
        if grant.bound:
            yield from self._bound(grant.user, by_kind("ClusterRoleBinding"), "")
            if namespace:
                yield from self._bound(grant.user, by_kind("RoleBinding"), namespace)

    def _bound(self, user: User, bindings: Resource, namespace: str) -> Iterator[Rule]:
        for binding in self._store.all(bindings, namespace):
            if any(_is(subject, user, namespace) for subject in binding.get("subjects") or []):
                role = by_kind(binding["roleRef"]["kind"])
                inside = namespace if role.namespaced else ""
                found = self._store.get((role, inside, binding["roleRef"]["name"])) or {}
                yield from found.get("rules") or []


def service_account(namespace: str, name: str) -> User:
    """As tokens of pods are authenticated."""
    groups = (
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    )
    return User(f"system:serviceaccount:{namespace}:{name}", groups)


def _allows(rule: Rule, verb: str, target: Target) -> bool:
    names = rule.get("resourceNames") or []
    full = target.resource.plural + (f"/{target.subresource}" if target.subresource else "")
    wanted = (full, "*", f"*/{target.subresource}") if target.subresource else (full, "*")
    return (
        bool({verb, "*"} & set(rule.get("verbs") or []))
        and bool({target.resource.group, "*"} & set(rule.get("apiGroups") or []))
        and bool(set(wanted) & set(rule.get("resources") or []))
        and (not names or target.name in names)
    )


def _is(subject: Mapping[str, Any], user: User, namespace: str) -> bool:
    if subject["kind"] == "ServiceAccount":
        account = service_account(subject.get("namespace", namespace), subject["name"])
        return account.name == user.name
    return subject["name"] == user.name if subject["kind"] == "User" else subject["name"] in user.groups
