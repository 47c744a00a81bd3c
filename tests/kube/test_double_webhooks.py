"""The call of a webhook: where it goes, whose certificate is trusted, and what becomes of failures."""

import asyncio

import pytest
from aiohttp import web

from tests.kube.objects import path, pod
from tests.support.kube import Authority, Hook, StatusError
from tests.support.kube.hook import allowed
from tests.support.kube.resources import by_kind

pytestmark = pytest.mark.kube

LABEL = [{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]


def labelled(request) -> dict:
    return allowed(LABEL)


@pytest.mark.parametrize(("policy", "status"), [("Fail", 500), ("Ignore", 201)])
async def test_a_webhook_that_is_down_blocks_only_by_its_policy(kube, policy, status):
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration(failurePolicy=policy))
        await hook.stop()
        assert (await kube.request("POST", path("pods"), pod("one"))).status == status


async def test_a_patch_that_does_not_apply_is_forgiven_by_no_policy(kube):
    bad = [{"op": "add", "path": "/metadata/annotations/a", "value": "b"}]
    async with Hook(lambda request: allowed(bad)) as hook:
        await kube.create(hook.configuration(failurePolicy="Ignore"))
        reply = await kube.request("POST", path("pods"), pod("one"))
    assert reply.status == 500
    assert 'doc is missing path: "/metadata/annotations/a": missing value' in reply.body["message"]


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (web.Response(status=404), "the server could not find the requested resource"),
        (web.Response(status=500, text="oh no"), 'an error on the server ("oh no") has prevented'),
        (web.json_response({"kind": "AdmissionReview"}), "webhook response was absent"),
        ({"allowed": True, "patch": "W10="}, "returned response.patch but not response.patchType"),
        ({"allowed": True, "patchType": "JSONPatch"}, "returned response.patchType but not response.patch"),
    ],
)
async def test_an_answer_that_is_none_is_a_failure_of_the_call(double, response, message):
    async with Hook(lambda request: response) as hook:
        await double.create(hook.configuration())
        reply = await double.request("POST", path("pods"), pod("one"))
    assert reply.status == 500
    assert reply.body["message"].startswith(
        'Internal error occurred: failed calling webhook "inject.equilibrium.io"'
    )
    assert message in reply.body["message"]


async def test_a_webhook_has_the_time_it_said(double):
    async def slowly(request):
        await asyncio.sleep(60)

    async with Hook(slowly) as hook:
        await double.create(hook.configuration(timeoutSeconds=1))
        reply = await double.request("POST", path("pods"), pod("one"))
        assert hook.asked[0].path == "/mutate?timeout=1s"
    assert "context deadline exceeded" in reply.body["message"]


async def test_the_certificate_has_to_be_of_the_bundle(kube):
    async with Hook(labelled) as hook:
        hook.authority = Authority("another")
        await kube.create(hook.configuration())
        reply = await kube.request("POST", path("pods"), pod("one"))
        assert hook.asked == []
    assert "x509: certificate signed by unknown authority" in reply.body["message"]


async def test_the_certificate_has_to_be_of_the_name(double):
    async with Hook(labelled, names=["somebody.else"]) as hook:
        await double.create(hook.configuration())
        reply = await double.request("POST", path("pods"), pod("one"))
        assert hook.asked == []
    assert "tls: failed to verify certificate: x509" in reply.body["message"]


async def test_the_certificate_has_to_be_valid_today(double):
    async with Hook(labelled, days=-1) as hook:
        await double.create(hook.configuration())
        reply = await double.request("POST", path("pods"), pod("one"))
    assert "x509: certificate has expired" in reply.body["message"]


async def test_a_service_is_called_by_its_name(double):
    async with Hook(labelled, names=["injector.system.svc"]) as hook:
        service = {"name": "injector", "namespace": "system", "path": "/mutate/namespace"}
        client = {"service": service, "caBundle": hook.ca_bundle}
        await double.create(hook.configuration(clientConfig=client))
        absent = await double.request("POST", path("pods"), pod("one"))
        assert (
            'Post "https://injector.system.svc:443/mutate/namespace": service "injector" not found'
            in (absent.body["message"])
        )
        double.services["system", "injector"] = ("127.0.0.1", hook.port)
        await double.create(pod("one"))
        assert hook.asked[0].path == "/mutate/namespace?timeout=5s"


async def test_the_path_of_a_service_holds_no_query(kube):
    async with Hook(labelled) as hook:
        service = {"name": "injector", "namespace": "system", "path": "/mutate?namespace=yes"}
        client = {"service": service, "caBundle": hook.ca_bundle}
        with pytest.raises(StatusError, match=r"clientConfig\.service\.path"):
            await kube.create(hook.configuration(clientConfig=client))


async def test_what_may_do_more_than_patch_is_not_asked_for_a_dry_run(double):
    """No such webhook can be written any more, but one from an old cluster can be there."""
    async with Hook(labelled) as hook:
        made = await double.create(hook.configuration())
        made["webhooks"][0]["sideEffects"] = "Some"
        double.store.put((by_kind("MutatingWebhookConfiguration"), "", "eq"), made)
        reply = await double.request("POST", path("pods") + "?dryRun=All", pod("one"))
        assert hook.asked == []
    expected = 'admission webhook "inject.equilibrium.io" does not support dry run'
    assert (reply.status, reply.body["message"]) == (400, expected)


async def test_a_client_that_leaves_while_a_webhook_thinks_leaves_nothing(double):
    asked, left = asyncio.Event(), asyncio.Event()

    async def think(request):
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            left.set()

    async with Hook(think) as hook:
        await double.create(hook.configuration(timeoutSeconds=30))
        async with asyncio.TaskGroup() as group:
            creating = group.create_task(double.request("POST", path("pods"), pod("one")))
            await asked.wait()
            creating.cancel()
        async with asyncio.timeout(60):
            await left.wait()  # the webhook is left alone too
    assert await double.list("Pod", "default") == []
