"""A webhook configuration as the API server applies it: rules, selectors, matchConditions."""

import functools
from typing import Any

from tests.deploy import manifests
from tests.support.kube import conditions, selectors

ALIAS = "mbcas.enabled"
STANDARDS = (None, "privileged", "baseline", "restricted")
NAMES = ("shop", "kube-system", "kube-public", "kube-node-lease", "equilibrium-system")


def given(values: dict[str, str | None]) -> dict[str, str]:
    """Those that are there."""
    return {key: value for key, value in values.items() if value is not None}


class Entry:
    """One webhook of the configuration, as the API server matches it."""

    def __init__(self, webhook: dict[str, Any]) -> None:
        self.path = webhook["clientConfig"]["service"]["path"]
        self._here = selectors.of_object(webhook["namespaceSelector"])
        self._conditions = [
            conditions.compiled(each["expression"]) for each in webhook.get("matchConditions", ())
        ]
        self._rules = webhook["rules"]

    def covers(self, group: str, resource: str, operation: str) -> bool:
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and operation in rule["operations"]
            for rule in self._rules
        )

    def matches(self, namespace: dict[str, str], obj: Any) -> bool:
        variables = {"object": obj, "oldObject": None, "request": {}}
        return self._here(namespace) and all(condition(variables) for condition in self._conditions)


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Those of deploy/install.yaml."""
    configuration = manifests.one(manifests.installed(), "MutatingWebhookConfiguration")
    return tuple(Entry(each) for each in configuration["webhooks"])
