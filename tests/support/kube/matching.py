"""Whether a webhook wants to see a request: rules, scope, selectors, conditions, in the server's order."""

from dataclasses import dataclass
from typing import Any

from tests.support.kube import conditions, selectors
from tests.support.kube.resources import Target
from tests.support.kube.status import forbidden
from tests.support.kube.values import EvaluationError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str = "admin"
    groups: tuple[str, ...] = ("system:masters", "system:authenticated")


@dataclass(slots=True)
class Attributes:
    """One write on its way into the store; webhooks change `object`."""

    operation: str
    target: Target
    object: Object | None
    before: Object | None
    user: User
    dry_run: bool = False

    @property
    def name(self) -> str:
        return self.target.name or str(((self.object or {}).get("metadata") or {}).get("name", ""))


def wants(webhook: Object, attributes: Attributes, namespace: Object | None) -> bool:
    """A condition that cannot be evaluated refuses the request (403) unless the policy is Ignore."""
    if not any(_rule(rule, attributes) for rule in webhook.get("rules") or []):
        return False
    if not _in_namespace(webhook, attributes, namespace):
        return False
    chosen = selectors.of_object(webhook.get("objectSelector", {}))
    labels = [selectors.labels_of(each) for each in (attributes.object, attributes.before) if each]
    return any(map(chosen, labels)) and _conditions(webhook, attributes)


def _rule(rule: Object, attributes: Attributes) -> bool:
    resource = attributes.target.resource
    scope = "Namespaced" if resource.namespaced else "Cluster"
    return (
        _among(attributes.operation, rule.get("operations"))
        and _among(resource.group, rule.get("apiGroups"))
        and _among(resource.version, rule.get("apiVersions"))
        and rule.get("scope", "*") in ("*", scope)
        and any(_resource(wanted, attributes.target) for wanted in rule.get("resources") or [])
    )


def _among(value: str, wanted: list[str] | None) -> bool:
    return "*" in (wanted or []) or value in (wanted or [])


def _resource(wanted: str, target: Target) -> bool:
    """`pods` is not `pods/status`; `pods/*` is both, `*` every resource and no subresource."""
    plural, _, subresource = wanted.partition("/")
    return plural in ("*", target.resource.plural) and subresource in (target.subresource, "*")


def _in_namespace(webhook: Object, attributes: Attributes, namespace: Object | None) -> bool:
    if attributes.target.resource.kind == "Namespace":
        namespace = attributes.object or attributes.before
    elif not attributes.target.resource.namespaced:
        return True  # the selector says nothing about objects that are in no namespace
    return selectors.of_object(webhook.get("namespaceSelector", {}))(selectors.labels_of(namespace))


def _conditions(webhook: Object, attributes: Attributes) -> bool:
    """One that is false decides, even beside one that fails."""
    variables = {
        "object": attributes.object,
        "oldObject": attributes.before,
        "request": {
            "operation": attributes.operation,
            "namespace": attributes.target.namespace,
            "name": attributes.name,
            "dryRun": attributes.dry_run,
            "userInfo": {"username": attributes.user.name, "groups": list(attributes.user.groups)},
        },
    }
    failures = []
    for condition in webhook.get("matchConditions") or []:
        try:
            if not conditions.compiled(condition["expression"])(variables):
                return False
        except EvaluationError as error:
            failures.append(str(error))
    if failures and webhook["failurePolicy"] != "Ignore":
        raise forbidden(attributes.target.resource, attributes.name, ", ".join(failures))
    return not failures
