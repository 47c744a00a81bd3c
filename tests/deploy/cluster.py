"""deploy/install.yaml in a cluster: by the real kubectl into the API double, the real injector behind its Service."""

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from injector.variables import PREFIX
from tests.deploy import manifests
from tests.support.kube import ApiServer, Cluster

NAME, NAMESPACE = "equilibrium-injector", "equilibrium-system"
WEBHOOK = "MutatingWebhookConfiguration"
READY = re.compile(r"equilibrium-injector ready webhook=(\S+):(\d+) metrics=(\S+)")
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed."""

    code: int
    out: str
    err: str


async def kubectl(api: Cluster, *arguments: str) -> Said:
    """The real one, with this server and nothing else of this machine."""
    if why := manifests.unusable():
        pytest.skip(why)
    environ = {"PATH": os.environ["PATH"], "HOME": str(api.directory), "KUBECONFIG": str(api.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        *arguments,
        cwd=manifests.ROOT,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Said(process.returncode or 0, out.decode(), err.decode())


async def apply(api: Cluster, *arguments: str) -> str:
    """`kubectl apply`, which must not fail; what it printed."""
    said = await kubectl(api, "apply", *arguments)
    assert said.code == 0, said.err
    return said.out


async def stored(api: Cluster, objects: list[manifests.Object]) -> list[manifests.Object]:
    """These objects as the server has them."""
    return [
        await api.get(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for each in objects
    ]


@contextlib.asynccontextmanager
async def running(api: ApiServer, folder: Path) -> AsyncIterator[str]:
    """The injector as the applied Deployment starts it, with its own account's token; yields its metrics address.

    What differs from a pod: where it listens, and how it finds the API server.
    """
    token, log = folder / "token", folder / "injector.log"
    token.write_text(api.service_account(NAMESPACE, NAME))
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "injector", cwd=manifests.ROOT, env=await _environ(api, token), stderr=sink
        )
    try:
        webhook, metrics = await _listening(process, log)
        api.services[NAMESPACE, NAME] = webhook
        await _ready(metrics, log)
        yield metrics
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0, _text(log)


def _text(log: Path) -> str:
    return log.read_text()


async def _environ(api: ApiServer, token: Path) -> dict[str, str]:
    deployment = await api.get("Deployment", NAMESPACE, NAME)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    own = {
        "NAMESPACE": NAMESPACE,
        "LISTEN": "127.0.0.1:0",
        "METRICS": "127.0.0.1:0",
        "API": api.url,
        "API_TOKEN_FILE": str(token),
        "API_CA_FILE": str(api.ca_file),
        "LINGER_S": "0",
        "DRAIN_S": "1",
    }
    given = {"PATH": os.environ["PATH"], **manifests.environment(container)}
    return given | {f"{PREFIX}{name}": value for name, value in own.items()}


async def _listening(process: asyncio.subprocess.Process, log: Path) -> tuple[tuple[str, int], str]:
    async with asyncio.timeout(PATIENCE_S):
        while (said := READY.search(_text(log))) is None:
            assert process.returncode is None, _text(log)
            await asyncio.sleep(0.02)
    return (said[1], int(said[2])), said[3]


async def _ready(metrics: str, log: Path) -> None:
    why = ""
    try:
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://{metrics}/readyz") as answer:
                    why = await answer.text()
                    if answer.status == 200:
                        return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"never ready: {why}{_text(log)}") from None


def added(pod: manifests.Object) -> list[str]:
    """What was put into a pod."""
    return [
        each["name"]
        for each in pod["spec"].get("initContainers", ())
        if each["name"].startswith("equilibrium-")
    ]


async def pods(api: ApiServer, namespace: str) -> dict[str, set[tuple[str, ...]]]:
    """By workload (its label `app`): the different things that were put into its pods."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for pod in await api.list("Pod", namespace):
        found.setdefault(pod["metadata"]["labels"]["app"], set()).add(tuple(added(pod)))
    return found


def documented(heading: str) -> list[list[str]]:
    """The first block of kubectl commands after these words in docs/install.md, each as its arguments."""
    text = (manifests.ROOT / "docs" / "install.md").read_text().partition(heading)[2]
    found = re.search(r"```sh\n(kubectl.*?)```", text, re.DOTALL)
    assert found is not None, heading
    lines = found[1].replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines]


def commands() -> list[list[str]]:
    """Every `kubectl …` between backticks in docs/install.md, as its arguments."""
    text = (manifests.ROOT / "docs" / "install.md").read_text()
    return [shlex.split(found) for found in re.findall(r"`kubectl ([^`\n]+)`", text)]
