"""`equilibrium-inject check` against an API server with controllers, and the injector's decisions behind a webhook."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from injector import webhook
from injector.command import check
from injector.template import Template
from sidecar import contract
from tests.kube.objects import deployment, pod
from tests.support.kube import ApiServer, Controllers, Hook

pytestmark = pytest.mark.kube

Json = dict[str, Any]
NAMESPACE = "equilibrium-system"
SERVICE = "equilibrium-injector"
YES = {contract.INJECT: "true"}
PODS = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
WORKLOADS = {
    "operations": ["CREATE", "UPDATE"],
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "resources": ["deployments"],
}
ASKS = "has(object.metadata.annotations) && 'equilibrium.io/inject' in object.metadata.annotations"


@dataclass
class World:
    """A cluster with the injector in it, and `check` to be run against it."""

    api: ApiServer
    hook: Hook
    capsys: pytest.CaptureFixture[str]
    configuration: Json = field(default_factory=dict)

    async def check(self, *words: str, token: str = "") -> tuple[int, str]:
        """Status, and all it said."""
        config = self.api.kubeconfig
        if token:
            config.write_text(config.read_text().replace(self.api.token, token))
        argv = [*words, "--kubeconfig", str(config)]
        status = await asyncio.to_thread(check.main, argv)
        out, err = self.capsys.readouterr()
        return status, out + err

    async def webhooks(self, **changes: Any) -> None:
        """Register, or register anew, with changes to the webhook of pods."""
        self.configuration = _configuration(self.hook, **changes)
        with contextlib.suppress(Exception):
            await self.api.delete("MutatingWebhookConfiguration", "", SERVICE)
        await self.api.create(self.configuration)

    async def annotate(self, name: str, **annotations: str | None) -> None:
        """As kubectl does; None takes one away."""
        given = {f"equilibrium.io/{key}": value for key, value in annotations.items()}
        await self.api.patch("Deployment", "default", name, {"metadata": {"annotations": given}})


def _configuration(hook: Hook, **changes: Any) -> Json:
    def entry(name: str, path: str, rule: Json, **fields: Any) -> Json:
        behind = {"namespace": NAMESPACE, "name": SERVICE, "path": path, "port": 443}
        return {
            "name": f"{name}.injector.equilibrium.io",
            "clientConfig": {"service": behind, "caBundle": hook.ca_bundle},
            "rules": [rule],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 5,
            "failurePolicy": "Fail",
            **fields,
        }

    enabled = {"matchLabels": {contract.INJECT: "enabled"}}
    asks, silent = [{"name": "asks", "expression": ASKS}], [{"name": "silent", "expression": f"!({ASKS})"}]
    pods = entry("pods", "/mutate", PODS, matchConditions=asks)
    webhooks = [
        pods | {key: value for key, value in changes.items() if key != "bundle"},
        entry("namespace-pods", "/mutate/namespace", PODS, namespaceSelector=enabled, matchConditions=silent),
        entry("workloads", "/mutate", WORKLOADS, failurePolicy="Ignore"),
    ]
    if "bundle" in changes:
        for each in webhooks:
            each["clientConfig"].pop("caBundle")
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    return head | {"metadata": {"name": SERVICE}, "webhooks": webhooks}


def _slice(ready: bool) -> Json:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "injector-1",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": SERVICE},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}],
        "ports": [{"name": "https", "port": 15443, "protocol": "TCP"}],
    }


@pytest.fixture
async def world(double: ApiServer, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[World]:
    """The double always: it runs webhooks by their Service, and controllers."""

    def answer(request: Json) -> Any:
        flags = frozenset(hook.asked[-1].path.partition("?")[0].split("/")[2:])
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        return json.loads(webhook.answer(json.dumps(review).encode(), flags, Template()).body)["response"]

    async with Hook(answer, names=[f"{SERVICE}.{NAMESPACE}.svc"]) as hook:
        double.services[NAMESPACE, SERVICE] = ("127.0.0.1", hook.port)
        await double.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        await double.create(_slice(True))
        yield World(double, hook, capsys)


# -- as it should be


async def test_an_annotated_deployment_is_injected(world: World) -> None:
    await world.webhooks()
    async with Controllers(world.api) as controllers:
        await world.api.create(deployment(annotations=YES, replicas=2))
        await controllers.settled()
        status, said = await world.check("deployment/gateway")
    assert status == 0, said
    assert said.startswith("deployment/gateway in namespace default: injected\n")
    for line in (
        "✓ deployment/gateway asks",
        "✓ pods.injector.equilibrium.io selects pods here that meet asks; failurePolicy Fail",
        "✓ the injector is ready: 1 endpoint",
        "✓ dry run: a new pod gets the sidecar",
        "✓ 2 of 2 pods have the sidecar",
    ):
        assert line in said
    assert "✗" not in said


@pytest.mark.parametrize("words", [["gateway"], ["deploy", "gateway"], ["deployments.apps/gateway"]])
async def test_a_workload_may_be_named_as_kubectl_has_it(world: World, words: list[str]) -> None:
    await world.webhooks()
    await world.api.create(deployment(annotations=YES))
    status, said = await world.check(*words)
    assert (status, said.partition("\n")[0]) == (0, "deployment/gateway in namespace default: injected")
    assert "· it has no pods now" in said


async def test_a_pod_is_asked_about_by_itself(world: World) -> None:
    await world.webhooks()
    await world.api.create(pod("alone", annotations=YES))
    status, said = await world.check("pod", "alone")
    assert status == 0
    assert "✓ pod/alone asks" in said
    assert "✓ the pod has the sidecar" in said
    assert "dry run" not in said, "nothing to try: it is there"


async def test_a_namespace_may_ask_for_all_in_it(world: World) -> None:
    await world.webhooks()
    labels = {contract.INJECT: "enabled"}
    await world.api.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    )
    await world.api.create(deployment(namespace="shop"))
    status, said = await world.check("gateway", "-n", "shop")
    assert status == 0, said
    assert "✓ namespace shop asks (label equilibrium.io/inject=enabled)" in said
    assert "✓ namespace-pods.injector.equilibrium.io selects pods here that meet silent" in said


async def test_nobody_asked_is_as_expected_and_says_how_to_ask(world: World) -> None:
    await world.webhooks()
    await world.api.create(deployment())
    status, said = await world.check("gateway")
    assert status == 0
    assert "· nobody asks for a sidecar: neither deployment/gateway nor its namespace" in said
    assert "→ kubectl -n default annotate deployment/gateway equilibrium.io/inject=true" in said


async def test_who_said_no_is_left_alone(world: World) -> None:
    await world.webhooks()
    await world.api.create(deployment(annotations={contract.INJECT: "false"}))
    status, said = await world.check("gateway")
    assert status == 0
    assert "· deployment/gateway says no: equilibrium.io/inject=false" in said


# -- in the way


async def test_without_the_injector_it_says_how_to_install_it(world: World) -> None:
    await world.api.create(deployment(annotations=YES))
    status, said = await world.check("gateway")
    assert status == 3
    assert "deployment/gateway in namespace default: not injected" in said
    assert "✗ the injector is not installed" in said
    assert "→ install it: kubectl apply -f deploy/install.yaml" in said


async def test_pods_from_before_are_told_apart_from_new_ones(world: World) -> None:
    async with Controllers(world.api) as controllers:
        made = deployment()
        made["spec"]["template"]["metadata"]["annotations"] = YES
        await world.api.create(made)
        await controllers.settled()
        await world.webhooks()
        status, said = await world.check("gateway")
        assert status == 3
        assert "✓ dry run: a new pod gets the sidecar" in said
        assert "✗ without a sidecar: gateway-" in said
        assert (
            "→ pods are injected when they are made: kubectl -n default rollout restart deployment/gateway"
            in said
        )
        [old] = await world.api.list("Pod", "default")
        status, said = await world.check(f"pod/{old['metadata']['name']}")
        assert status == 3
        assert "rollout restart deployment/gateway" in said, "the owner's owner"


async def test_an_annotation_nobody_copied_is_found(world: World) -> None:
    await world.api.create(deployment(annotations=YES))
    await world.webhooks()
    status, said = await world.check("gateway")
    assert status == 3
    assert "✗ deployment/gateway asks, but its pod template was never told" in said
    await world.annotate("gateway", inject="true")
    assert (await world.check("gateway"))[0] == 0, "what it told us to do helps"


async def test_a_pod_from_before_its_deployment_was_annotated_is_told_so(world: World) -> None:
    await world.webhooks()
    async with Controllers(world.api) as controllers:
        await world.api.create(deployment())
        await controllers.settled()
        [old] = await world.api.list("Pod", "default")
        patch = [{"op": "add", "path": "/spec/paused", "value": True}]
        await world.api.patch(
            "Deployment", "default", "gateway", patch, content_type="application/json-patch+json"
        )
        await world.annotate("gateway", inject="true")
        await controllers.settled()
        status, said = await world.check("pod", old["metadata"]["name"])
    assert status == 3
    assert f"✗ deployment/gateway asks, but pod/{old['metadata']['name']} was made without that" in said
    assert "→ equilibrium-inject check deployment/gateway -n default" in said


async def test_an_injector_that_is_down_is_found(world: World) -> None:
    await world.webhooks()
    await world.api.create(deployment(annotations=YES))
    await world.hook.stop()
    gone = _slice(False)
    await world.api.delete("EndpointSlice", NAMESPACE, "injector-1")
    await world.api.create(gone)
    status, said = await world.check("gateway")
    assert status == 3
    assert "✗ no pod of the injector is ready behind Service equilibrium-system/equilibrium-injector" in said
    assert "→ kubectl -n equilibrium-system get pods" in said
    assert "✗ dry run:" in said
    assert 'failed calling webhook "pods.injector.equilibrium.io"' in said


async def test_a_missing_bundle_is_found(world: World) -> None:
    await world.webhooks()
    await world.api.create(deployment(annotations=YES))
    await world.webhooks(bundle=None)
    status, said = await world.check("gateway")
    assert status == 3
    assert "✗ no caBundle: the server cannot trust pods.injector.equilibrium.io" in said


async def test_a_namespace_the_webhooks_pass_over_is_found(world: World) -> None:
    selector = {
        "matchExpressions": [{"key": "equilibrium.io/admission", "operator": "NotIn", "values": ["disabled"]}]
    }
    await world.webhooks(namespaceSelector=selector)
    labels = {"equilibrium.io/admission": "disabled"}
    await world.api.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    )
    await world.api.create(deployment(namespace="shop", annotations=YES))
    status, said = await world.check("gateway", "-n", "shop")
    assert status == 3
    assert "equilibrium.io/admission notin (disabled) (it is 'disabled')" in said
    assert "· dry run: a new pod gets no sidecar" in said


async def test_what_cannot_be_injected_says_why(world: World) -> None:
    await world.webhooks()
    made = deployment(annotations=YES)
    made["spec"]["template"]["spec"]["hostNetwork"] = True
    await world.api.create(made)
    status, said = await world.check("gateway")
    assert status == 3
    assert "✗ cannot be injected (host-network): the pod uses its node's network" in said
    assert "✓ deployment/gateway asks\n" in said, "and the injector has heard of it"


async def test_a_mistake_in_an_annotation_is_told_as_the_webhook_tells_it(world: World) -> None:
    await world.api.create(deployment(annotations=YES | {"equilibrium.io/strategy": "fast"}))
    await world.webhooks()
    status, said = await world.check("gateway")
    assert status == 3
    assert "✗ refused: equilibrium.io/strategy='fast': unknown; allowed: balanced" in said


async def test_neither_yes_nor_no_is_trouble(world: World) -> None:
    await world.api.create(deployment(annotations={contract.INJECT: "yes"}))
    status, said = await world.check("gateway")
    assert status == 1
    assert "✗ annotation equilibrium.io/inject='yes': not a choice; allowed: true, false" in said
    assert "nobody asks" not in said


async def test_a_pod_that_was_refused_shows_in_the_events(world: World) -> None:
    made = deployment()
    made["spec"]["template"]["metadata"]["annotations"] = YES | {"equilibrium.io/strategy": "fast"}
    await world.api.create(made)
    await world.webhooks()
    async with Controllers(world.api):
        while not await world.api.list("Event", "default"):
            await asyncio.sleep(0.01)
        sets = await world.api.list("ReplicaSet", "default")
        status, said = await world.check("rs", sets[0]["metadata"]["name"])
    assert status == 3
    assert "· event: replicaset/gateway-" in said
    assert "FailedCreate: Error creating: admission webhook" in said
    assert "✗ dry run: " in said


async def test_a_sidecar_that_does_not_start_is_trouble(world: World) -> None:
    await world.webhooks()
    made = await world.api.create(pod("alone", annotations=YES))
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    status = {
        "name": contract.SIDECAR_CONTAINER,
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
    }
    made["status"] = {"phase": "Pending", "initContainerStatuses": [status | {"state": waiting}]}
    await world.api.update(made, subresource="status")
    code, said = await world.check("pod/alone")
    assert code == 1
    assert "✗ alone: equilibrium-sidecar waits: ImagePullBackOff no such image" in said


# -- what may not be looked at, and servers that are not there


async def test_what_may_not_be_looked_at_is_said_and_left_out(world: World) -> None:
    await world.webhooks()
    await world.api.create(deployment(annotations=YES))
    token = world.api.allow([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}])
    status, said = await world.check("deployment/gateway", token=token)
    assert status == 3, "for all we know"
    for what in ("namespace: namespaces", "webhooks: mutatingwebhook", "pods: pods", "dry run: pods"):
        assert f"· {what}" in said
    assert said.count('is forbidden: User "restricted" cannot') == 4


async def test_a_subject_that_is_not_there_is_trouble(world: World) -> None:
    status, said = await world.check("nobody")
    assert (status, said.count("\n")) == (1, 1)
    assert "nobody: no Deployment, Pod, StatefulSet, DaemonSet, ReplicaSet, CronJob, Job of this name" in said
    status, said = await world.check("pod/nobody", "-n", "shop")
    assert (status, "nobody: no Pod of this name in namespace shop" in said) == (1, True)


async def test_a_server_that_is_not_there_is_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    status = await asyncio.to_thread(check.main, ["gateway", "--server", "http://127.0.0.1:1"])
    assert status == 1
    assert "equilibrium-inject check: Unreachable: GET http://127.0.0.1:1/" in capsys.readouterr().err


async def test_a_token_that_is_worth_nothing_is_trouble(world: World) -> None:
    status, said = await world.check("gateway", token="nonsense")
    assert status == 1
    assert "401 Unauthorized" in said


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
async def test_behind_kubectl_proxy_no_credentials_are_needed(world: World) -> None:
    await world.webhooks()
    await world.api.create(deployment(annotations=YES))
    command = ["kubectl", "--kubeconfig", str(world.api.kubeconfig), "proxy", "--port", "0"]
    proxy = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert proxy.stdout is not None
        address = (await proxy.stdout.readline()).decode().split()[-1]
        status = await asyncio.to_thread(check.main, ["gateway", "--server", f"http://{address}"])
    finally:
        proxy.terminate()
        await proxy.wait()
    assert status == 0, world.capsys.readouterr()


# -- the command line


@pytest.mark.parametrize(
    "words", [["service/x"], ["deployment/"], ["a", "b", "c"], ["deploymnt", "x"], [], ["x", "--server", "x"]]
)
def test_wrong_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(words) == 2
    assert capsys.readouterr().err


def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "equilibrium-inject check deployment/gateway -n shop" in said
    assert "kubectl proxy" in said
