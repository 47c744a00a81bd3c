"""Namespaces that enforce Pod Security: what they refuse, in the server's words, after the webhooks."""

import copy

import pytest

from tests.kube.objects import pod
from tests.support.kube import Hook, StatusError
from tests.support.kube.hook import allowed
from tests.support.kube.server import namespace

pytestmark = pytest.mark.kube

CLEAN = {
    "runAsNonRoot": True,
    "runAsUser": 1773,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def clean(**changes) -> dict:
    given = pod("one", namespace="guarded")
    given["spec"]["containers"][0]["securityContext"] = copy.deepcopy(CLEAN) | changes
    return given


async def guarded(api, level: str) -> None:
    await namespace(api, "guarded", **{"pod-security.kubernetes.io/enforce": level})


async def refusal(api, obj) -> str:
    with pytest.raises(StatusError) as refused:
        await api.create(obj)
    assert refused.value.reply.status == 403
    return refused.value.reply.body["message"]


async def test_a_pod_that_says_nothing_is_too_little_for_restricted(kube):
    await guarded(kube, "restricted")
    assert await refusal(kube, pod("one", namespace="guarded")) == (
        'pods "one" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "app" must set '
        "securityContext.allowPrivilegeEscalation=false), "
        'unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")'
    )


@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
async def test_a_clean_pod_goes_everywhere(kube, level):
    await guarded(kube, level)
    await kube.create(clean())


@pytest.mark.parametrize(
    ("level", "enters"), [("privileged", True), ("baseline", False), ("restricted", False)]
)
async def test_net_admin_is_for_privileged_namespaces_only(kube, level, enters):
    """Why rules of iptables cannot be laid from inside such a pod."""
    await guarded(kube, level)
    given = clean(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]})
    if enters:
        await kube.create(given)
    else:
        said = await refusal(kube, given)
        assert (
            '(container "app" must not include "NET_ADMIN", "NET_RAW" in securityContext.capabilities.add)'
            in said
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"privileged": True, "allowPrivilegeEscalation": True}, "privileged (container"),
        ({"runAsUser": 0}, "runAsUser=0"),
        ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation != false"),
    ],
)
async def test_each_thing_is_named(kube, change, said):
    await guarded(kube, "restricted")
    assert said in await refusal(kube, clean(**change))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"hostNetwork": True}, "host namespaces (hostNetwork=true)"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, 'hostPath volumes (volume "v")'),
    ],
)
async def test_the_host_is_not_for_baseline(kube, spec, said):
    await guarded(kube, "baseline")
    given = clean()
    given["spec"] |= spec
    assert said in await refusal(kube, given)


async def test_what_a_webhook_adds_is_looked_at_too(kube):
    await guarded(kube, "restricted")
    sidecar = {"name": "sidecar", "image": "s:1", "restartPolicy": "Always"}
    added = [{"op": "add", "path": "/spec/initContainers", "value": [sidecar]}]
    async with Hook(lambda request: allowed(added)) as hook:
        await kube.create(hook.configuration())
        assert 'container "sidecar" must set' in await refusal(kube, clean())
        sidecar["securityContext"] = CLEAN
        await kube.create(clean())
