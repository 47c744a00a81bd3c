"""The real kubectl works with it: what a user types is what is tested."""

import asyncio
import json
import os
import shutil

import pytest
import yaml

from tests.kube.objects import config, deployment, pod
from tests.support.kube import Controllers, Hook
from tests.support.kube.hook import allowed

KUBECTL = shutil.which("kubectl")

pytestmark = [
    pytest.mark.kube,
    pytest.mark.skipif(KUBECTL is None, reason="no kubectl here: https://kubernetes.io/docs/tasks/tools"),
]


class Kubectl:
    """Runs it against a cluster; fails with what it said."""

    COMMAND = ("timeout", "--foreground", "60", KUBECTL)

    def __init__(self, api):
        self._api = api
        # its discovery cache must not outlive the server
        self._environment = os.environ | {"HOME": str(api.directory), "KUBECONFIG": str(api.kubeconfig)}

    async def __call__(
        self, *arguments: str, file: dict | None = None, fails: bool = False
    ) -> tuple[str, str]:
        process = await self.start(*arguments)
        text = yaml.safe_dump(file).encode() if file else None
        out, err = await process.communicate(text)
        assert (process.returncode != 0) is fails, err.decode()
        return out.decode(), err.decode()

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *self.COMMAND,
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self._environment,
        )


@pytest.fixture
def kubectl(kube):
    return Kubectl(kube)


async def test_create_get_and_delete(kube, kubectl):
    out, _ = await kubectl("create", "-f", "-", file=deployment())
    assert out == "deployment.apps/gateway created\n"
    out, _ = await kubectl("get", "deploy", "gateway", "-o", "json")
    shown = json.loads(out)
    assert shown == await kube.get("Deployment", "default", "gateway")
    assert (await kubectl("delete", "deployment", "gateway"))[0].startswith(
        'deployment.apps "gateway" deleted'
    )
    _, err = await kubectl("get", "deploy", "gateway", fails=True)
    assert err == 'Error from server (NotFound): deployments.apps "gateway" not found\n'


async def test_apply_changes_only_what_the_file_says(kube, kubectl):
    await kubectl("apply", "-f", "-", file=deployment(replicas=2))
    await kubectl("annotate", "deployment", "gateway", "mine=stays")
    changed = deployment(replicas=2)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2"
    del changed["spec"]["replicas"]
    assert (await kubectl("apply", "-f", "-", file=changed))[0] == "deployment.apps/gateway configured\n"
    after = await kube.get("Deployment", "default", "gateway")
    assert after["spec"]["replicas"] == 1  # no longer in the file: the default again
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"
    assert after["metadata"]["annotations"]["mine"] == "stays"
    assert (await kubectl("apply", "-f", "-", file=changed))[0] == "deployment.apps/gateway unchanged\n"


async def test_annotate_prints_the_warning_of_a_webhook(kube, kubectl):
    rule = {
        "operations": ["UPDATE"],
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "resources": ["deployments"],
    }
    await kube.create(deployment())
    async with Hook(lambda request: allowed(warnings=["a rollout follows"])) as hook:
        await kube.create(hook.configuration("eq", rule))
        out, err = await kubectl("annotate", "deployment", "gateway", "equilibrium.io/inject=true")
    assert out == "deployment.apps/gateway annotated\n"
    assert err == "Warning: a rollout follows\n"
    after = await kube.get("Deployment", "default", "gateway")
    assert after["metadata"]["annotations"]["equilibrium.io/inject"] == "true"


async def test_an_annotation_is_taken_away_again(kube, kubectl):
    await kube.create(deployment(annotations={"a": "b"}))
    await kubectl("annotate", "deployment", "gateway", "a-")
    assert "annotations" not in (await kube.get("Deployment", "default", "gateway"))["metadata"]


async def test_a_dry_run_shows_what_would_be(kube, kubectl):
    out, _ = await kubectl("apply", "--dry-run=server", "-f", "-", "-o", "yaml", file=pod("one"))
    assert yaml.safe_load(out)["spec"]["restartPolicy"] == "Always"
    await kubectl("get", "pod", "one", fails=True)


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("strategic", '{"data": {"a": "b", "c": null}}'),
        ("merge", '{"data": {"a": "b", "c": null}}'),
        ("json", '[{"op": "add", "path": "/data/a", "value": "b"}, {"op": "remove", "path": "/data/c"}]'),
    ],
)
async def test_patches_of_every_type(kube, kubectl, kind, patch):
    await kube.create(config("one", c="d"))
    out, _ = await kubectl("patch", "configmap", "one", f"--type={kind}", "-p", patch)
    assert out == "configmap/one patched\n"
    assert (await kube.get("ConfigMap", "default", "one"))["data"] == {"a": "b"}


async def test_get_w_prints_changes_as_they_come(kube, kubectl):
    labelled = config("one")
    labelled["metadata"]["labels"] = {"shown": "yes"}
    await kube.create(labelled)
    template = 'go-template={{.metadata.name}} {{len .data}}{{"\\n"}}'
    # a watch of a list begins at the list; that of one object would begin now, which is after the next write
    process = await kubectl.start("get", "configmap", "-l", "shown", "-w", "-o", template)
    try:
        assert await process.stdout.readline() == b"one 0\n"
        await kube.patch("ConfigMap", "default", "one", {"data": {"a": "b"}})
        assert await process.stdout.readline() == b"one 1\n"
    finally:
        process.terminate()
        await process.communicate()


async def test_a_misspelt_field_is_refused_by_name(kube, kubectl):
    wrong = pod("one")
    wrong["spec"]["contaners"] = wrong["spec"].pop("containers")
    _, err = await kubectl("create", "-f", "-", file=wrong, fails=True)
    assert 'unknown field "spec.contaners"' in err


async def test_what_is_forbidden_is_said(double):
    reader = double.allow([], user="nobody")
    double.token, admin = reader, double.token
    _, err = await Kubectl(double)("get", "secrets", fails=True)
    double.token = admin
    assert 'secrets is forbidden: User "nobody" cannot list resource "secrets"' in err


async def test_a_rollout_is_followed_to_its_end(double):
    kubectl = Kubectl(double)
    async with Controllers(double):
        await kubectl("apply", "-f", "-", file=deployment(replicas=3))
        out, _ = await kubectl("rollout", "status", "deployment/gateway")
        assert out.endswith('deployment "gateway" successfully rolled out\n')
        await kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=gateway")
        await kubectl("rollout", "restart", "deployment/gateway")
        out, _ = await kubectl("rollout", "status", "deployment/gateway")
        assert out.endswith('deployment "gateway" successfully rolled out\n')


async def test_a_rollout_is_undone(double):
    kubectl = Kubectl(double)
    async with Controllers(double) as controllers:
        await kubectl("apply", "-f", "-", file=deployment())
        await controllers.settled()
        await kubectl("set", "image", "deployment/gateway", "app=app:2")
        await controllers.settled()
        await kubectl("rollout", "undo", "deployment/gateway")
        await controllers.settled()
        (found,) = await double.list("Pod", "default")
        after = await double.get("Deployment", "default", "gateway")
    assert found["spec"]["containers"][0]["image"] == "app:1"
    assert after["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


async def test_explain_reads_the_recorded_schemas(kubectl):
    out, _ = await kubectl("explain", "pod.spec.initContainers.restartPolicy")
    assert "FIELD: restartPolicy <string>" in out
