"""Webhooks: which requests they see, in which order, and what their answers do."""

import pytest

from tests.kube.objects import config, deployment, path, pod
from tests.support.kube import Hook, StatusError, namespace
from tests.support.kube.hook import POD_RULE, allowed, denied

pytestmark = pytest.mark.kube

LABEL = [{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]
CONFIG_RULE = POD_RULE | {"operations": ["*"], "resources": ["configmaps"]}


def labelled(request) -> dict:
    return allowed(LABEL)


async def test_what_a_webhook_patches_is_what_is_stored(kube):
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration())
        made = await kube.create(pod("one"))
    assert made["metadata"]["labels"] == {"seen": "yes"}
    assert await kube.get("Pod", "default", "one") == made


async def test_a_denial_has_the_words_and_the_code_of_the_webhook(kube):
    async with Hook(lambda request: denied("no such strategy", 400)) as hook:
        await kube.create(hook.configuration())
        reply = await kube.request("POST", path("pods"), pod("one"))
    expected = 'admission webhook "inject.equilibrium.io" denied the request: no such strategy'
    assert (reply.status, reply.body["message"]) == (400, expected)


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ({}, 400, "denied the request without explanation"),
        ({"code": 200, "message": "m"}, 400, "denied the request: m"),
        ({"code": 418, "reason": "Teapot"}, 418, "denied the request: Teapot"),
    ],
)
async def test_a_denial_is_never_below_400(double, status, code, text):
    async with Hook(lambda request: {"allowed": False, "status": status}) as hook:
        await double.create(hook.configuration())
        reply = await double.request("POST", path("pods"), pod("one"))
    assert (
        reply.status,
        reply.body["message"].removeprefix('admission webhook "inject.equilibrium.io" '),
    ) == (
        code,
        text,
    )


async def test_every_warning_is_a_header_once(kube):
    async with Hook(lambda request: allowed(warnings=["one", 'say "two"', "one"])) as hook:
        await kube.create(hook.configuration())
        reply = await kube.request("POST", path("pods"), pod("one"))
    assert reply.warnings == ['299 - "one"', '299 - "say \\"two\\""']


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ({}, True),
        ({"operations": ["UPDATE", "DELETE"]}, False),
        ({"operations": ["*"]}, True),
        ({"apiGroups": ["apps"]}, False),
        ({"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}, True),
        ({"resources": ["pods/*"]}, True),
        ({"resources": ["pods/status"]}, False),
        ({"scope": "Namespaced"}, True),
        ({"scope": "Cluster"}, False),
    ],
)
async def test_rules_say_what_it_sees(kube, rule, seen):
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration("eq", POD_RULE | rule))
        await kube.create(pod("one"))
        assert bool(hook.asked) is seen


async def test_the_status_of_a_pod_is_not_the_pod(kube):
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration("eq", POD_RULE | {"operations": ["*"]}))
        await kube.create(pod("one"))
        before = len(hook.asked)
        await kube.patch("Pod", "default", "one", {"status": {"phase": "Running"}}, subresource="status")
        assert len(hook.asked) == before


@pytest.mark.parametrize(
    ("selector", "seen"),
    [
        ({"matchLabels": {"team": "a"}}, True),
        ({"matchLabels": {"team": "b"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "c"]}]}, True),
        (
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["elsewhere"]}
                ]
            },
            False,
        ),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
    ],
)
@pytest.mark.parametrize("which", ["namespaceSelector", "objectSelector"])
async def test_selectors_are_of_the_labels(double, which, selector, seen):
    await namespace(double, "elsewhere", team="a")
    # the object carries the label a namespace gets by itself, so that one table serves both
    labels = {"team": "a", "kubernetes.io/metadata.name": "elsewhere"}
    async with Hook(labelled) as hook:
        await double.create(hook.configuration(**{which: selector}))
        await double.create(pod("one", namespace="elsewhere", labels=labels))
        assert bool(hook.asked) is seen


async def test_an_object_is_selected_by_what_it_was_too(kube):
    """So that taking a label away is seen by who is selected by it."""
    async with Hook(lambda request: allowed()) as hook:
        chosen = {"matchLabels": {"sidecar": "yes"}}
        await kube.create(hook.configuration("eq", CONFIG_RULE, objectSelector=chosen))
        given = config("one")
        given["metadata"]["labels"] = {"sidecar": "yes"}
        await kube.create(given)
        await kube.patch("ConfigMap", "default", "one", {"metadata": {"labels": {"sidecar": None}}})
        await kube.patch("ConfigMap", "default", "one", {"data": {"a": "b"}})
        assert [request["operation"] for request in hook.requests] == ["CREATE", "UPDATE"]


async def test_conditions_narrow_it_down(kube):
    asked = "has(object.metadata.annotations) && 'a' in object.metadata.annotations"
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration(matchConditions=[{"name": "asked", "expression": asked}]))
        await kube.create(pod("one"))
        assert not hook.asked
        await kube.create(pod("two", annotations={"a": "b"}))
        assert hook.asked


@pytest.mark.parametrize(("policy", "status"), [("Fail", 403), ("Ignore", 201)])
async def test_a_condition_that_fails_is_a_failure(kube, policy, status):
    conditions = [{"name": "bad", "expression": "object.metadata.annotations['a'] == 'b'"}]
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration(matchConditions=conditions, failurePolicy=policy))
        reply = await kube.request("POST", path("pods"), pod("one"))
        assert (reply.status, hook.asked) == (status, [])


async def test_a_condition_that_is_no_cel_is_refused_when_it_is_written(kube):
    conditions = [{"name": "bad", "expression": "object.metadata.("}]
    async with Hook(labelled) as hook:
        with pytest.raises(StatusError, match=r"matchConditions\[0\].expression") as refused:
            await kube.create(hook.configuration(matchConditions=conditions))
    assert refused.value.reply.status == 422


async def test_webhooks_come_by_the_name_of_their_configuration(kube):
    order = []

    def answer(name):
        return lambda request: order.append(name) or allowed()

    async with Hook(answer("b")) as second, Hook(answer("a")) as first:
        await kube.create(second.configuration("b-second"))
        await kube.create(first.configuration("a-first"))
        await kube.create(pod("one"))
    assert order == ["a", "b"]


@pytest.mark.parametrize(("policy", "times"), [("Never", 1), ("IfNeeded", 2)])
async def test_who_asked_for_it_sees_what_a_later_one_changed(kube, policy, times):
    add = [{"op": "add", "path": "/metadata/labels", "value": {"later": "yes"}}]
    async with Hook(lambda request: allowed()) as first, Hook(lambda request: allowed(add)) as later:
        await kube.create(first.configuration("a", reinvocationPolicy=policy))
        await kube.create(later.configuration("b"))
        await kube.create(pod("one"))
        assert len(first.asked) == times
        assert len(later.asked) == 1
    if times == 2:
        assert first.requests[1]["object"]["metadata"]["labels"] == {"later": "yes"}


async def test_a_dry_run_is_told_to_the_webhook(kube):
    async with Hook(labelled) as hook:
        await kube.create(hook.configuration())
        made = await kube.create(pod("one"), query="?dryRun=All")
        assert hook.requests[0]["dryRun"] is True
    assert made["metadata"]["labels"] == {"seen": "yes"}
    assert (await kube.request("GET", path("pods", "one"))).status == 404


async def test_an_update_shows_what_was_and_what_is_to_be(kube):
    everything = {
        "operations": ["*"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    async with Hook(lambda request: allowed()) as hook:
        await kube.create(hook.configuration("eq", everything))
        await kube.create(deployment())
        await kube.patch("Deployment", "default", "gateway", {"spec": {"replicas": 2}})
        await kube.delete("Deployment", "default", "gateway")
    create, update, delete = hook.requests
    assert (create["operation"], create["oldObject"]) == ("CREATE", None)
    assert (update["oldObject"]["spec"]["replicas"], update["object"]["spec"]["replicas"]) == (1, 2)
    assert (delete["operation"], delete["object"], delete["oldObject"]["kind"]) == (
        "DELETE",
        None,
        "Deployment",
    )


async def test_a_webhook_never_sees_its_own_configuration(kube):
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    async with Hook(lambda request: denied("no")) as hook:
        await kube.create(hook.configuration("eq", everything))
        with pytest.raises(StatusError, match="denied the request: no"):
            await kube.create(pod("one"))
        await kube.delete("MutatingWebhookConfiguration", "", "eq")
        await kube.create(pod("one"))


async def test_a_template_that_a_webhook_changes_is_a_change_of_the_spec(kube):
    """`kubectl annotate` and a webhook that copies the annotation: the rollout follows from the generation."""
    rule = {
        "operations": ["UPDATE"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    copied = [{"op": "add", "path": "/spec/template/metadata/annotations", "value": {"a": "b"}}]
    await kube.create(deployment())
    async with Hook(lambda request: allowed(copied, warnings=["a rollout follows"])) as hook:
        await kube.create(hook.configuration("eq", rule))
        after = await kube.patch(
            "Deployment", "default", "gateway", {"metadata": {"annotations": {"a": "b"}}}
        )
    assert after["metadata"]["generation"] == 2
    assert after["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}
