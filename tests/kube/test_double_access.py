"""Who may what: rules a test gives, and the roles in the store."""

import pytest

from tests.kube.objects import config, path
from tests.support.kube import namespace

pytestmark = pytest.mark.kube

READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}


async def status(api, method, where, token, body=None, kind="application/json") -> int:
    return (await api.request(method, where, body, kind, token=token)).status


async def test_what_no_rule_allows_is_forbidden(double):
    await double.create(config("one"))
    token = double.allow([READ], user="reader")
    assert await status(double, "GET", path("configmaps", "one"), token) == 200
    assert await status(double, "GET", path("configmaps"), token) == 200
    refused = await double.request("GET", path("secrets"), token=token)
    assert refused.status == 403
    assert refused.body["message"] == (
        'secrets is forbidden: User "reader" cannot list resource "secrets" in API group "" in the namespace "default"'
    )


async def test_at_the_cluster_scope_the_message_says_so(double):
    token = double.allow([], user="nobody")
    refused = await double.request("GET", "/apis/apps/v1/deployments", token=token)
    assert refused.body["message"] == (
        'deployments.apps is forbidden: User "nobody" cannot list resource "deployments" in API group "apps" '
        "at the cluster scope"
    )
    assert refused.body["details"] == {"group": "apps", "kind": "deployments"}


async def test_a_rule_may_name_the_objects(double):
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"], "resourceNames": ["one"]}
    token = double.allow([rule])
    for name in ("one", "two"):
        await double.create(config(name))
    merge, change = "application/merge-patch+json", {"data": {"a": "b"}}
    assert await status(double, "PATCH", path("configmaps", "one"), token, change, merge) == 200
    assert await status(double, "PATCH", path("configmaps", "two"), token, change, merge) == 403


async def test_a_list_of_one_name_is_allowed_to_whoever_may_see_that_name(double):
    token = double.allow([READ | {"resourceNames": ["one"]}])
    for query, expected in (
        ("", 403),
        ("?fieldSelector=metadata.name=one", 200),
        ("?fieldSelector=metadata.name=two", 403),
    ):
        assert await status(double, "GET", path("configmaps") + query, token) == expected


async def test_a_watch_is_another_verb_than_a_list(double):
    token = double.allow([READ | {"verbs": ["list"]}])
    assert await status(double, "GET", path("configmaps") + "?watch=1", token) == 403


async def test_a_subresource_is_another_resource(double):
    token = double.allow([{"apiGroups": ["*"], "resources": ["deployments"], "verbs": ["*"]}])
    where = "/apis/apps/v1/namespaces/default/deployments/x"
    assert await status(double, "GET", where, token) == 404
    assert await status(double, "GET", f"{where}/status", token) == 403


async def test_rules_of_one_namespace_hold_there_only(double):
    await namespace(double, "elsewhere")
    token = double.allow([], inside={"elsewhere": [READ]})
    assert await status(double, "GET", "/api/v1/namespaces/elsewhere/configmaps", token) == 200
    assert await status(double, "GET", path("configmaps"), token) == 403
    assert await status(double, "GET", "/api/v1/configmaps", token) == 403


@pytest.mark.parametrize("where", ["/api", "/apis", "/api/v1", "/version", "/openapi/v3", "/readyz"])
async def test_everybody_may_find_out_what_there_is(double, where):
    assert await status(double, "GET", where, double.allow([])) == 200


def role(kind: str, name: str, rules=None, **binding) -> dict:
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
    return head | ({"rules": rules} if rules else binding)


async def test_a_service_account_may_what_its_bindings_say(double):
    subject = {"kind": "ServiceAccount", "name": "injector", "namespace": "default"}
    group = "rbac.authorization.k8s.io"
    await double.create(role("ClusterRole", "reader", [READ]))
    await double.create(role("Role", "writer", [READ | {"resources": ["secrets"]}]))
    token = double.service_account("default", "injector")
    assert await status(double, "GET", "/api/v1/configmaps", token) == 403
    for kind, scope in (("ClusterRole", "ClusterRoleBinding"), ("Role", "RoleBinding")):
        name = "reader" if kind == "ClusterRole" else "writer"
        reference = {"apiGroup": group, "kind": kind, "name": name}
        await double.create(role(scope, "injector", roleRef=reference, subjects=[subject]))
    assert await status(double, "GET", "/api/v1/configmaps", token) == 200
    assert await status(double, "GET", path("secrets"), token) == 200
    assert await status(double, "GET", "/api/v1/secrets", token) == 403
    assert await status(double, "GET", path("secrets"), double.service_account("default", "other")) == 403
