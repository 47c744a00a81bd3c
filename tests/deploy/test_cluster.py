"""What the installation does in a cluster: the real injector behind the applied webhooks, with its own account."""

import asyncio

import pytest

from sidecar import contract
from tests.deploy import cluster, manifests, rights
from tests.support.kube import ApiServer, namespace
from tests.support.kube.controllers import Controllers

pytestmark = pytest.mark.kube

SIDECARS = (contract.INIT_CONTAINER, contract.SIDECAR_CONTAINER)
ENFORCE = "pod-security.kubernetes.io/enforce"


SPEC = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "app",
            "image": "x",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
"""Of a pod that may run in a restricted namespace."""


async def make(api: ApiServer, where: str, name: str, **annotations: str) -> int:
    """Ask for a pod; the status of the answer."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": where, "annotations": annotations},
        "spec": SPEC,
    }
    return (await api.request("POST", f"/api/v1/namespaces/{where}/pods", pod)).status


async def test_the_example_is_injected_as_it_is_annotated_and_the_gateway_by_kubectl_annotate(
    installed: ApiServer,
) -> None:
    async with Controllers(installed) as controllers:
        await cluster.apply(installed, "-k", "deploy/example")
        await controllers.settled()
        before = await cluster.pods(installed, "urbanmove")
        assert before == {name: {() if name == "gateway" else SIDECARS} for name in before}
        assert len(before) == 5

        # As docs/install.md has it, but for what happens inside pods
        for words in [words for words in cluster.documented("any Deployment of yours") if words[0] != "exec"]:
            said = await cluster.kubectl(installed, "-n", "urbanmove", *words)
            assert said.code == 0, said.err
            assert words[0] != "annotate" or "a rolling update follows" in said.err
        await controllers.settled()
        assert (await cluster.pods(installed, "urbanmove"))["gateway"] == {SIDECARS}
        assert ",".join(SIDECARS) in said.out

        # Applying the example again is not taking the annotation back: kubectl leaves what it did not write
        assert "gateway unchanged" in await cluster.apply(installed, "-k", "deploy/example")
        (undo,) = (words for words in cluster.commands() if words[-1] == "equilibrium.io/inject-")
        said = await cluster.kubectl(
            installed, "-n", "urbanmove", *(word.replace("X", "gateway") for word in undo)
        )
        assert said.code == 0, said.err
        await controllers.settled()
        assert (await cluster.pods(installed, "urbanmove"))["gateway"] == {()}


async def test_the_namespaces_labels_reach_the_injector_as_words_of_the_path(installed: ApiServer) -> None:
    enabled = {contract.INJECT: "enabled"}
    cases: dict[str, tuple[dict[str, str], list[str]]] = {
        "plain": ({}, []),
        "in": (enabled, list(SIDECARS)),
        "in-strict": ({**enabled, ENFORCE: "restricted"}, [contract.SIDECAR_CONTAINER]),
        "in-but-off": ({**enabled, "equilibrium.io/admission": "disabled"}, []),
    }
    for name, (labels, expected) in cases.items():
        await namespace(installed, name, **labels)
        assert await make(installed, name, "p") == 201
        assert cluster.added(await installed.get("Pod", name, "p")) == expected, name


async def test_the_injectors_permissions_are_enough(installed: ApiServer) -> None:
    # It is ready: it has made its Secret and written its bundle, as its own account
    assert await installed.get("Secret", cluster.NAMESPACE, "equilibrium-injector-certificates")
    async with Controllers(installed) as controllers:
        await cluster.apply(installed, "-k", "deploy/example")
        await controllers.settled()
    async with asyncio.timeout(cluster.PATIENCE_S):
        while not (events := await installed.list("Event", "urbanmove")):
            await asyncio.sleep(0.05)
    assert {each["reason"] for each in events} == {"Injected"}
    did = {
        rights.used(method, path)
        for user, method, path in installed.requests
        if user.endswith(f":{cluster.NAME}")
    }
    assert {verb for _, _, _, verb, _ in did} >= {"get", "list", "create", "patch"}
    granted = rights.grants(manifests.installed(), ("ServiceAccount", cluster.NAME))
    assert {each for each in did if not rights.allowed(each, granted)} == set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/pods"),
        ("GET", "/api/v1/namespaces"),
        ("GET", "/api/v1/namespaces/default/secrets/equilibrium-injector-certificates"),
        ("GET", "/api/v1/namespaces/equilibrium-system/secrets"),
        ("GET", "/api/v1/namespaces/equilibrium-system/secrets/other"),
        ("DELETE", "/api/v1/namespaces/equilibrium-system/secrets/equilibrium-injector-certificates"),
        ("GET", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"),
        ("PATCH", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/other"),
        (
            "DELETE",
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/equilibrium-injector",
        ),
        ("PATCH", "/apis/apps/v1/namespaces/default/deployments/x"),
        ("GET", "/api/v1/namespaces/default/events"),
    ],
)
async def test_and_they_are_for_nothing_else(api: ApiServer, method: str, path: str) -> None:
    await cluster.apply(api, "-f", "deploy/install.yaml")
    token = api.service_account(cluster.NAMESPACE, cluster.NAME)
    body: object = [] if method == "PATCH" else None
    reply = await api.request(method, path, body, "application/json-patch+json", token=token)
    assert reply.status == 403, reply.body


async def test_without_an_injector_only_pods_that_ask_for_it_wait_until_the_glass_is_broken(
    api: ApiServer,
) -> None:
    await cluster.apply(api, "-f", "deploy/install.yaml")
    assert await make(api, "default", "plain") == 201
    assert await make(api, "default", "out", **{contract.INJECT: "false"}) == 201
    assert await make(api, "default", "asks", **{contract.INJECT: "true"}) == 500
    broken, _ = cluster.documented("**Break-glass**")
    said = await cluster.kubectl(api, *broken)
    assert said.code == 0, said.err
    assert await make(api, "default", "asks", **{contract.INJECT: "true"}) == 201


async def test_a_namespace_is_let_off_as_documented(api: ApiServer) -> None:
    await cluster.apply(api, "-f", "deploy/install.yaml")
    await namespace(api, "shop", **{contract.INJECT: "enabled"})
    assert await make(api, "shop", "p") == 500
    (words,) = (
        words
        for words in cluster.commands()
        if words[-1] == "equilibrium.io/admission=disabled" and "shop" in words
    )
    assert (await cluster.kubectl(api, *words)).code == 0
    assert await make(api, "shop", "p") == 201
