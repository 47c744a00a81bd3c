"""Which workloads the API server asks the injector about; and what holds for every entry of the configuration."""

from typing import Any

import pytest

from sidecar import contract
from tests.deploy import manifests, matching
from tests.support.kube import selectors


@pytest.mark.parametrize(
    ("group", "resource", "operations"),
    [
        ("apps", "deployments", {"CREATE", "UPDATE"}),
        ("apps", "statefulsets", {"CREATE", "UPDATE"}),
        ("apps", "daemonsets", {"CREATE", "UPDATE"}),
        ("batch", "jobs", {"CREATE", "UPDATE"}),
        ("batch", "cronjobs", {"CREATE", "UPDATE"}),
        ("", "pods", {"CREATE"}),
        ("apps", "replicasets", set()),
        ("apps", "deployments/scale", set()),
        ("", "pods/resize", set()),
        ("", "namespaces", set()),
    ],
)
def test_each_kind_is_seen_in_these_operations_and_no_others(
    group: str, resource: str, operations: set[str]
) -> None:
    covered = {
        operation
        for operation in ("CREATE", "UPDATE", "DELETE", "CONNECT")
        if any(entry.covers(group, resource, operation) for entry in matching.entries())
    }
    assert covered == operations


def workload(
    kind: str, annotations: dict[str, str] | None, template: dict[str, str] | None
) -> dict[str, Any]:
    pod: dict[str, Any] = {"spec": {}}
    if template is not None:
        pod["metadata"] = {"annotations": template}
    spec = {"jobTemplate": {"spec": {"template": pod}}} if kind == "CronJob" else {"template": pod}
    return {
        "metadata": {"name": "w"} | ({} if annotations is None else {"annotations": annotations}),
        "spec": spec,
    }


COPIED = {contract.INJECT: "true", contract.INJECT_FROM: "workload"}
ASKED: list[tuple[str, dict[str, str] | None, dict[str, str] | None, bool]] = [
    ("nothing said", None, None, False),
    ("other annotations", {"a": "b"}, {"a": "b"}, False),
    ("annotated", {contract.INJECT: "true"}, None, True),
    ("annotated by its older name", {matching.ALIAS: "true"}, None, True),
    ("refused", {contract.INJECT: "false"}, {}, True),
    ("nonsense", {contract.INJECT: "maybe"}, {}, True),
    ("an explicit template alone", {}, {contract.INJECT: "true"}, False),
    ("annotation gone, our copy left", None, COPIED, True),
    ("annotated and copied", {contract.INJECT: "true"}, COPIED, True),
]


KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "Job": "jobs", "CronJob": "cronjobs"}


@pytest.mark.parametrize("standard", matching.STANDARDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("what", "annotations", "template", "asked"), ASKED, ids=[each[0] for each in ASKED])
def test_a_workload_is_asked_about_while_annotated_or_while_it_has_our_copy(
    kind: str,
    standard: str | None,
    what: str,
    annotations: Any,
    template: Any,
    asked: bool,
) -> None:
    covering = [
        entry
        for entry in matching.entries()
        if entry.covers("batch" if "Job" in kind else "apps", KINDS[kind], "UPDATE")
    ]
    obj = workload(kind, annotations, template)
    shop = matching.given(
        {"kubernetes.io/metadata.name": "shop", "pod-security.kubernetes.io/enforce": standard}
    )
    path = "/mutate/restricted" if standard in ("baseline", "restricted") else "/mutate"
    assert [entry.path for entry in covering if entry.matches(shop, obj)] == ([path] if asked else [])
    for name in matching.NAMES[1:]:
        assert not any(
            entry.matches({**shop, "kubernetes.io/metadata.name": name}, obj) for entry in covering
        )
    assert not any(entry.matches({**shop, "equilibrium.io/admission": "disabled"}, obj) for entry in covering)


def test_pods_fail_closed_and_workloads_open() -> None:
    for each in manifests.one(manifests.installed(), "MutatingWebhookConfiguration")["webhooks"]:
        pods = each["rules"][0]["resources"] == ["pods"]
        assert each["failurePolicy"] == ("Fail" if pods else "Ignore")
        assert each["matchConditions"], "a webhook that fails closed must be narrow"
        fixed = {
            "sideEffects": "None",
            "reinvocationPolicy": "IfNeeded",
            "timeoutSeconds": 5,
            "matchPolicy": "Equivalent",
        }
        assert fixed.items() <= each.items()
        assert each["admissionReviewVersions"] == ["v1"]


def test_every_entry_calls_our_service_and_has_no_bundle_of_its_own() -> None:
    objects = manifests.installed()
    service = manifests.one(objects, "Service")
    for each in manifests.one(objects, "MutatingWebhookConfiguration")["webhooks"]:
        called = dict(each["clientConfig"]["service"])
        assert called.pop("path").startswith("/mutate")
        assert called == {
            "name": service["metadata"]["name"],
            "namespace": service["metadata"]["namespace"],
            "port": service["spec"]["ports"][0]["port"],
        }
        # A bundle in the manifest, empty ones included, would undo the injector's at every apply
        assert "caBundle" not in each["clientConfig"]


def test_our_own_namespace_is_left_out_by_its_name_and_by_its_label() -> None:
    objects = manifests.installed()
    labels = manifests.one(objects, "Namespace")["metadata"]["labels"]
    assert labels["equilibrium.io/admission"] == "disabled"
    for each in manifests.one(objects, "MutatingWebhookConfiguration")["webhooks"]:
        selects = selectors.of_object(each["namespaceSelector"])
        for standard in ("restricted", "privileged"):
            own = {**labels, contract.INJECT: "enabled", "pod-security.kubernetes.io/enforce": standard}
            assert not selects(own)
            nameless = {key: value for key, value in own.items() if key != "equilibrium.io/admission"}
            assert not selects({**nameless, "kubernetes.io/metadata.name": "equilibrium-system"})
