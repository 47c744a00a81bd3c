"""Recorded exchanges about webhooks, replayed: what they are asked, and what becomes of their answers."""

import pytest

from tests.kube import replayed, scenes
from tests.kube.recorded import normal, same, transcript

pytestmark = pytest.mark.kube

PODS = "/api/v1/namespaces/default/pods"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


@pytest.mark.parametrize("name", replayed.WEBHOOK)
async def test_what_a_webhook_does_wrong_is_answered_as_recorded(double, name):
    async with scenes.webhook(double):
        reply = await double.request("POST", PODS, scenes.annotated(f"p-{name}"))
    same(reply, transcript(f"pod-create-webhook-{name}"))


async def test_a_webhook_that_is_down_is_answered_as_recorded(double):
    async with scenes.webhook(double) as hook:
        await hook.stop()
        reply = await double.request("POST", PODS, scenes.annotated("p-down"))
    same(reply, transcript("pod-create-webhook-down-failurepolicy-fail"))


async def test_the_warning_of_a_webhook_reaches_the_user_once(double):
    async with scenes.webhook(double) as hook:
        reply = await double.request("POST", PODS, scenes.annotated("p-warn"))
        assert len(hook.asked) == 2  # once more, because the token was mounted into what it added
    same(reply, transcript("pod-create-with-webhook-warning"))


async def test_a_pod_of_a_replica_set_is_injected_as_recorded(double):
    recorded = transcript("pod-after-real-injection")["response"]["body"]
    async with scenes.webhook(double):
        made = await double.create(scenes.of_replica_set())
    (listed,) = await double.list("Pod", "default")
    assert listed == {key: made[key] for key in made if key not in ("kind", "apiVersion")}
    for part in ("metadata", "spec"):  # the status is a scheduler's, which the double has none of
        assert normal(listed[part]) == normal(recorded[part])


@pytest.mark.parametrize(("name", "number"), replayed.REVIEWS.items())
async def test_a_webhook_is_asked_as_recorded(double, name, number):
    recorded = transcript(name)
    async with scenes.webhook(double) as hook:
        await ask(double, name)
    asked = hook.asked[number]
    assert asked.path == recorded["path"]
    assert {key: asked.headers[key] for key in recorded["headers"]} == recorded["headers"]
    assert normal(asked.body) == normal(recorded["body"])


async def ask(api, name: str) -> None:
    if name.startswith("admissionreview-deployment"):
        await api.create(scenes.DEPLOYMENT)
    if name == "admissionreview-deployment-update-kubectl-annotate":
        before = transcript(name)["body"]["request"]["oldObject"]
        revision = {"metadata": {"annotations": before["metadata"]["annotations"]}}
        await api.patch("Deployment", "default", "gateway", revision)
        await api.patch(
            "Deployment", "default", "gateway", {"status": before["status"]}, subresource="status"
        )
        annotation = {"metadata": {"annotations": {scenes.INJECT: "true"}}}
        merge = "application/merge-patch+json"
        await api.patch("Deployment", "default", "gateway", annotation, content_type=merge)
    elif name == "admissionreview-pod-create-from-replicaset":
        await api.create(scenes.of_replica_set())
    elif name == "admissionreview-pod-dry-run":
        await api.create(scenes.annotated("p-dry"), query="?dryRun=All")


@pytest.mark.parametrize(
    "name",
    ["mutatingwebhookconfiguration-create", "mutatingwebhookconfiguration-missing-sideeffects-422"],
)
async def test_webhook_configurations_are_answered_as_recorded(double, name):
    recorded = transcript(name)
    same(await double.request("POST", CONFIGURATIONS, recorded["request"]), recorded)
