"""A cluster with the manifests of deploy/install.yaml in it, and injectors that run as its service account.

What they may is thus what the shipped roles give them, and what they are asked is what the shipped webhooks say.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from injector.certs import keyring
from tests.support.kube import ApiServer
from tests.webhook.program import ROOT, Program, running

NAMESPACE = "equilibrium-system"
NAME = "equilibrium-injector"
SECRET = "equilibrium-injector-certificates"
CONFIGURATION = "MutatingWebhookConfiguration"
NEEDED = (
    "Namespace",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    CONFIGURATION,
)

Json = dict[str, Any]


def manifests() -> list[Json]:
    """Those of install.yaml that the API double needs to know."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "install.yaml").read_text())
    return [document for document in documents if document and document["kind"] in NEEDED]


def webhooks() -> Json:
    """The webhook configuration as shipped: without a caBundle."""
    return next(document for document in manifests() if document["kind"] == CONFIGURATION)


@asynccontextmanager
async def installed(*, without: tuple[str, ...] = ()) -> AsyncIterator[ApiServer]:
    """The API double after `kubectl apply -f deploy/install.yaml`."""
    async with ApiServer() as api:
        for document in manifests():
            if document["kind"] not in without:
                await api.create(document)
        api.requests.clear()
        yield api


def variables(api: ApiServer, **more: str) -> Mapping[str, str]:
    """Of an injector in this cluster, as its service account."""
    token = Path(api.directory, "injector-token")
    if not token.exists():
        token.write_text(api.service_account(NAMESPACE, NAME))
    return {"API": api.url, "API_TOKEN_FILE": str(token), "API_CA_FILE": str(api.ca_file), **more}


@asynccontextmanager
async def injector(api: ApiServer, **more: str) -> AsyncIterator[Program]:
    """One that is ready and that the cluster's Service leads to."""
    async with running(api.directory, **variables(api, **more)) as program:
        await program.ready()
        lead_to(api, program)
        yield program


def lead_to(api: ApiServer, program: Program) -> None:
    """The Service's endpoint."""
    api.services[NAMESPACE, NAME] = program.webhook


async def ring(api: ApiServer) -> keyring.Keyring:
    """What the Secret holds."""
    return keyring.from_secret((await api.get("Secret", NAMESPACE, SECRET))["data"])


async def bundles(api: ApiServer) -> list[bytes]:
    """The caBundle of each entry."""
    configuration = await api.get(CONFIGURATION, "", NAME)
    return [
        base64.b64decode(entry["clientConfig"].get("caBundle", "")) for entry in configuration["webhooks"]
    ]


async def healthy(api: ApiServer) -> bool:
    """Every entry trusts exactly what the Secret says."""
    return set(await bundles(api)) == {(await ring(api)).bundle}


async def wipe(api: ApiServer, ca: bytes = b"") -> None:
    """What `kubectl replace -f` does to the caBundle of every entry (`apply` leaves it: it was never in the file)."""
    configuration = await api.get(CONFIGURATION, "", NAME)
    for entry in configuration["webhooks"]:
        entry["clientConfig"]["caBundle"] = base64.b64encode(ca).decode()
    await api.update(configuration)


def writes(api: ApiServer) -> list[tuple[str, str]]:
    """(method, path) of what service accounts changed, Events aside."""
    return [
        (method, path)
        for user, method, path in api.requests
        if user.startswith("system:serviceaccount:") and method != "GET" and not path.endswith("/events")
    ]
