"""What each program may do in the cluster, written down once more: a wider permission is a failing test."""

import pytest

from injector import settings
from tests.deploy import manifests, rights

OWN = "equilibrium-system"
INJECTOR = ("ServiceAccount", "equilibrium-injector")
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


def test_only_the_injector_carries_a_token() -> None:
    base = manifests.rendered(manifests.BASE)
    assert manifests.one(base, "ServiceAccount")["automountServiceAccountToken"] is False
    pod = manifests.one(base, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
    assert pod["serviceAccountName"] == INJECTOR[1]


def test_the_docs_have_the_same_table() -> None:
    rows = (manifests.ROOT / "docs" / "install.md").read_text()
    assert "secrets get, list, watch, update: `equilibrium-injector-certificates` only" in rows
    assert "mutatingwebhookconfigurations get, list, watch, patch: `equilibrium-injector` only" in rows
    assert "| injector | cluster | events create, patch |" in rows
