"""What each program may do in the cluster, written down once more: a wider permission is a failing test."""

import pytest

from coordinator import settings as coordinator
from injector import settings
from tests.deploy import manifests, rights

OWN = "equilibrium-system"
INJECTOR = ("ServiceAccount", "equilibrium-injector")
COORDINATOR = ("ServiceAccount", "equilibrium-coordinator")
EVENTS = {("", "", "events", "create", ""), ("", "", "events", "patch", "")}


def test_the_injector_may_keep_its_secret_and_its_bundle_and_tell_owners_and_nothing_else() -> None:
    defaults = settings.from_env({})
    admission = "admissionregistration.k8s.io"
    assert rights.grants(manifests.installed(), INJECTOR) == {
        *((OWN, "", "secrets", verb, defaults.secret) for verb in ("get", "list", "watch", "update")),
        (OWN, "", "secrets", "create", ""),
        *(
            ("", admission, "mutatingwebhookconfigurations", verb, defaults.webhook)
            for verb in ("get", "list", "watch", "patch")
        ),
        *EVENTS,
    }


def test_with_cert_manager_it_may_only_tell_owners() -> None:
    assert rights.grants(manifests.rendered("overlays/cert-manager"), INJECTOR) == EVENTS


def test_the_coordinator_may_read_what_it_decides_on_and_resize_and_nothing_else() -> None:
    defaults = coordinator.from_env({})
    follow = ("list", "watch")
    assert rights.grants(manifests.installed(manifests.COORDINATOR), COORDINATOR) == {
        ("", "", "pods", "get", ""),
        *(
            ("", "", resource, verb, "")
            for resource in ("pods", "nodes", "limitranges", "services")
            for verb in follow
        ),
        *(("", "discovery.k8s.io", "endpointslices", verb, "") for verb in follow),
        ("", "authentication.k8s.io", "tokenreviews", "create", ""),
        ("", "", "pods/resize", "patch", ""),
        *(("", "apps", "replicasets", verb, "") for verb in follow),
        *(("", "autoscaling", "horizontalpodautoscalers", verb, "") for verb in follow),
        *(("", "autoscaling.k8s.io", "verticalpodautoscalers", verb, "") for verb in follow),
        *((OWN, "coordination.k8s.io", "leases", verb, defaults.lease) for verb in ("get", "update")),
        (OWN, "coordination.k8s.io", "leases", "create", ""),
        *EVENTS,
    }


def test_whoever_may_edit_a_namespace_may_resize_there_and_nobody_is_bound_to_it() -> None:
    objects = manifests.installed(manifests.COORDINATOR)
    role = manifests.one(objects, "ClusterRole", "equilibrium-resizer")
    assert role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]},
    ]
    bound = [each["roleRef"]["name"] for each in manifests.of_kind(objects, "ClusterRoleBinding")]
    assert bound == ["equilibrium-coordinator"]


def test_sidecars_may_read_endpoints_where_that_was_asked_for_and_nothing_elsewhere() -> None:
    group = ("Group", "system:serviceaccounts:urbanmove")
    assert rights.grants(manifests.installed(), group) == set()
    assert rights.grants(manifests.rendered("overlays/kubernetes-discovery"), group) == {
        ("urbanmove", where, resource, verb, "")
        for where, resource in (("", "services"), ("discovery.k8s.io", "endpointslices"))
        for verb in ("list", "watch")
    }


@pytest.mark.parametrize("folder", manifests.FOLDERS)
def test_nobody_is_granted_everything_or_the_right_to_grant(folder: str) -> None:
    for each in manifests.rendered(folder):
        for rule in each.get("rules", ()):
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


@pytest.mark.parametrize(
    ("folder", "account"), [(manifests.BASE, INJECTOR), (manifests.COORDINATOR, COORDINATOR)]
)
def test_a_token_is_mounted_where_it_is_used_and_nowhere_else(folder: str, account: tuple[str, str]) -> None:
    base = manifests.rendered(folder)
    assert manifests.one(base, "ServiceAccount")["automountServiceAccountToken"] is False
    pod = manifests.one(base, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
    assert pod["serviceAccountName"] == account[1]


def test_the_docs_have_the_same_table() -> None:
    rows = (manifests.ROOT / "docs" / "install.md").read_text()
    assert "secrets get, list, watch, update: `equilibrium-injector-certificates` only" in rows
    assert "mutatingwebhookconfigurations get, list, watch, patch: `equilibrium-injector` only" in rows
    assert "| injector | cluster | events create, patch |" in rows
    assert "| coordinator | cluster | pods/resize patch |" in rows
    assert "| coordinator | cluster | tokenreviews create |" in rows
    assert "leases get, update: `equilibrium-coordinator` only" in rows
