"""The whole way: what a user types, what the API server asks, what the injector answers, which pods come of it.

The injector is the real program, installed with the shipped manifests and with no more rights than they give; kubectl
is the real one.
"""

import asyncio
import json
import os
import shutil
from typing import Any

import pytest
import yaml

from tests.kube.objects import deployment, pod
from tests.support import openapi
from tests.support.kube import ApiServer, Controllers, Hook, namespace
from tests.support.kube.hook import POD_RULE, allowed
from tests.webhook.installation import CONFIGURATION, NAME, healthy, injector, installed
from tests.webhook.program import until

KUBECTL = shutil.which("kubectl")
SIDECAR = "equilibrium-sidecar"
INJECT = "equilibrium.io/inject"

pytestmark = pytest.mark.kube
needs_kubectl = pytest.mark.skipif(
    KUBECTL is None, reason="no kubectl here: https://kubernetes.io/docs/tasks/tools"
)

Json = dict[str, Any]


@pytest.fixture
async def api():
    async with installed() as cluster:
        yield cluster


@pytest.fixture
async def program(api):
    async with injector(api) as running:
        yield running


@pytest.fixture
def kubectl(api):
    """Runs it; (stdout, stderr)."""
    environment = os.environ | {"HOME": str(api.directory), "KUBECONFIG": str(api.kubeconfig)}

    async def run(*arguments: str, file: Json | None = None, fails: bool = False) -> tuple[str, str]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            KUBECTL, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        out, err = await process.communicate(yaml.safe_dump(file).encode() if file else None)
        assert (process.returncode != 0) is fails, err.decode()
        return out.decode(), err.decode()

    return run


def sidecars(made: Json) -> int:
    spec = made["spec"]
    return [each["name"] for part in ("initContainers", "containers") for each in spec.get(part) or ()].count(
        SIDECAR
    )


def wanting(name: str = "one", **settings: str) -> Json:
    """A pod that asks for a sidecar."""
    asked = {"inject": "true", **settings}
    return pod(name, annotations={f"equilibrium.io/{key}": value for key, value in asked.items()})


def harmless(inside: str) -> Json:
    """One that also meets the strictest Pod Security standard."""
    made = wanting()
    made["metadata"]["namespace"] = inside
    made["spec"]["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in made["spec"]["containers"]:
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return made


async def sidecars_of_pods(api: ApiServer) -> list[int]:
    """Of those that are not on their way out."""
    pods = await api.list("Pod", "default")
    return [sidecars(each) for each in pods if "deletionTimestamp" not in each["metadata"]]


@needs_kubectl
async def test_annotate_a_deployment_and_it_is_in_and_take_it_away_and_it_is_out(api, program, kubectl):
    async with Controllers(api) as controllers:
        await api.create(deployment(replicas=3))
        await controllers.settled()
        assert await sidecars_of_pods(api) == [0, 0, 0]

        _, said = await kubectl("annotate", "deployment", "gateway", f"{INJECT}=true")
        assert "Warning: equilibrium:" in said
        await controllers.settled()
        assert await sidecars_of_pods(api) == [1, 1, 1]
        for each in await api.list("Pod", "default"):
            assert each["metadata"]["labels"]["equilibrium.io/injected"] == "true"
            assert openapi.violations({"apiVersion": "v1", "kind": "Pod", **each}) == []

        await kubectl("annotate", "deployment", "gateway", f"{INJECT}-")
        await controllers.settled()
        assert await sidecars_of_pods(api) == [0, 0, 0]
        template = (await api.get("Deployment", "default", "gateway"))["spec"]["template"]
        assert INJECT not in template["metadata"].get("annotations", {})


@needs_kubectl
async def test_the_replica_set_is_told_and_kubectl_shows_it(api, program, kubectl):
    async with Controllers(api) as controllers:
        await api.create(deployment(replicas=2))
        await kubectl("annotate", "deployment", "gateway", f"{INJECT}=true")
        await controllers.settled()

        async def told() -> str:
            out, _ = await kubectl("get", "events", "--field-selector", "reason=Injected", "-o", "json")
            return [each for each in json.loads(out)["items"] if each["count"] == 2]

        (event,) = await until(told, "nobody was told")
        assert event["involvedObject"]["kind"] == "ReplicaSet"
        assert event["source"]["component"] == "equilibrium-injector"


@needs_kubectl
async def test_a_dry_run_shows_the_sidecar_and_leaves_nothing(api, program, kubectl):
    out, _ = await kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", file=wanting())
    assert sidecars(json.loads(out)) == 1
    assert await api.list("Pod", "default") == []
    await api.create(wanting("for-real"))

    async def told() -> list:
        return await api.list("Event", "default")

    (event,) = await until(told, "nobody was told")
    assert event["involvedObject"]["name"] == "for-real"


@needs_kubectl
async def test_a_denial_reaches_whoever_typed_it_in_words(api, program, kubectl):
    _, said = await kubectl("create", "-f", "-", file=wanting(strategy="fastest"), fails=True)
    assert 'admission webhook "pods.injector.equilibrium.io" denied the request: equilibrium: ' in said
    assert "equilibrium.io/strategy" in said
    assert "fastest" in said
    assert "balanced" in said
    assert await api.list("Pod", "default") == []


@needs_kubectl
async def test_while_no_injector_runs_only_pods_that_ask_for_it_are_kept_out(api, kubectl):
    async with injector(api) as program:
        assert await program.end() == 0
    _, said = await kubectl("create", "-f", "-", file=wanting(), fails=True)
    assert 'failed calling webhook "pods.injector.equilibrium.io"' in said
    await kubectl("create", "-f", "-", file=pod("unasked"))
    await api.create(deployment())
    await kubectl(
        "annotate", "deployment", "gateway", f"{INJECT}=true"
    )  # Ignore: nobody's rollout is blocked
    await kubectl("delete", "mutatingwebhookconfiguration", NAME)  # docs/injector.md: to break the glass
    await kubectl("create", "-f", "-", file=wanting())
    assert await sidecars_of_pods(api) == [0, 0]


@needs_kubectl
async def test_replacing_the_manifest_costs_no_more_than_a_moment(api, program, kubectl):
    manifest = await api.get(CONFIGURATION, "", NAME)
    for entry in manifest["webhooks"]:
        del entry["clientConfig"]["caBundle"]
    del manifest["metadata"]["resourceVersion"]
    await kubectl("replace", "-f", "-", file=manifest)
    await until(lambda: healthy(api), "never healed")
    assert sidecars(await api.create(wanting())) == 1


async def test_a_deployment_made_by_a_controller_that_cannot_be_served_tells_its_replica_set(api, program):
    async with Controllers(api) as controllers:
        await api.create(deployment())
        await controllers.settled()
        assert await program.end() == 0
        broken = deployment("asking")
        broken["spec"]["template"]["metadata"]["annotations"] = {INJECT: "true"}
        await api.create(broken)

        async def told() -> list:
            events = await api.list("Event", "default")
            return [each for each in events if each["reason"] == "FailedCreate"]

        failed = (await until(told, "nobody was told"))[0]
        assert "failed calling webhook" in failed["message"]


async def test_a_namespace_that_is_opted_in_opts_in_its_pods_unless_they_say_no(api, program):
    await namespace(api, "shop", **{INJECT: "enabled"})
    await api.create(pod("plain", namespace="shop"))
    await api.create(pod("no", namespace="shop", labels={INJECT: "false"}))
    await api.create(pod("elsewhere"))
    found = {each["metadata"]["name"]: sidecars(each) for each in await api.list("Pod")}
    assert found == {"plain": 1, "no": 0, "elsewhere": 0}


async def test_a_restricted_namespace_takes_the_pod_with_its_sidecar(api, program):
    await namespace(api, "strict", **{"pod-security.kubernetes.io/enforce": "restricted"})
    made = await api.create(harmless("strict"))
    assert sidecars(made) == 1
    assert "equilibrium-init" not in [each["name"] for each in made["spec"]["initContainers"]]


async def test_our_own_namespace_is_never_asked_about(api, program):
    made = await api.create(harmless("equilibrium-system"))
    assert sidecars(made) == 0
    assert await program.metric("equilibrium_injector_review_seconds_count") == 0


async def test_a_webhook_after_ours_that_adds_a_container_means_a_second_review_and_still_one_sidecar(
    api, program
):
    added = {"name": "late", "image": "late:1"}
    operation = {"op": "add", "path": "/spec/containers/-", "value": added}

    def once(request: Json) -> Json:
        there = any(each["name"] == "late" for each in request["object"]["spec"]["containers"])
        return allowed() if there else allowed([operation])

    async with Hook(once) as hook:
        await api.create(hook.configuration("zz-last", POD_RULE, failurePolicy="Fail"))
        made = await api.create(wanting())
    assert sidecars(made) == 1
    assert [each["name"] for each in made["spec"]["containers"]] == ["app", "late"]
    assert await program.metric("equilibrium_injector_review_seconds_count") == 2
