"""Everything `check` looks at, fetched once. What we may not look at is kept as what the server said."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from injector.command import selectors, subject
from injector.command.subject import Subject
from sidecar.kube.client import ApiError, Client

Json = dict[str, Any]
T = TypeVar("T")

NOT_FOUND: Final = 404
OURS: Final = ".equilibrium.io"
"""How the names of our webhooks end."""
_WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_TELLING: Final = frozenset(("Injected", "InjectionSkipped", "InjectionDenied", "FailedCreate"))
_SERVERS: Final = (
    "name",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "ownerReferences",
    "managedFields",
    "generation",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The subject and what decides about it. Where `ApiError` is allowed, it is why there is nothing to see."""

    subject: Subject
    namespace: str
    object: Json
    makers: tuple[tuple[Subject, Json], ...]
    """Its owners, nearest first."""
    labels: dict[str, str] | ApiError
    """Of the namespace."""
    pods: list[Json] | ApiError
    """Of the subject, newest first."""
    configuration: Json | ApiError | None
    """The MutatingWebhookConfiguration with our webhooks; None: there is none."""
    ready: int | ApiError | None
    """Endpoints of the injector that are ready; None without a Service to ask about."""
    rehearsal: Json | ApiError | None
    """The pod as the server would have stored it; None: not asked, the pod is injected."""
    events: list[str] | ApiError


async def observe(client: Client, candidates: Sequence[Subject], namespace: str) -> Observed:
    """Raises `ApiError` when the subject itself cannot be fetched."""
    found, obj = await _first(client, candidates, namespace)
    makers = await _makers(client, obj, namespace)
    configuration = await _try(_configuration(client))
    pods = [obj] if found.kind == "Pod" else await _try(_pods(client, obj, namespace))
    about = [
        found,
        *(maker for maker, _ in makers),
        *(maker for pod in _known(pods)[:1] if (maker := subject.owner(pod))),
    ]
    return Observed(
        subject=found,
        namespace=namespace,
        object=obj,
        makers=makers,
        labels=await _try(_labels(client, namespace)),
        pods=pods,
        configuration=configuration,
        ready=await _try(_ready(client, service(configuration))),
        rehearsal=None
        if found.kind == "Pod" and subject.is_injected(obj)
        else await _try(_rehearse(client, found, obj, namespace)),
        events=await _try(_events(client, namespace, {str(each) for each in about})),
    )


def service(configuration: Json | ApiError | None) -> tuple[str, str] | None:
    """(namespace, name) of the Service behind our webhooks."""
    if not isinstance(configuration, dict):
        return None
    behind = [(each.get("clientConfig") or {}).get("service") for each in ours(configuration)]
    return next(((each["namespace"], each["name"]) for each in behind if each), None)


def ours(configuration: Json) -> list[Json]:
    """Its webhooks that are of ours."""
    return [each for each in configuration.get("webhooks") or () if str(each.get("name")).endswith(OURS)]


async def _try(asking: Awaitable[T]) -> T | ApiError:
    try:
        return await asking
    except ApiError as error:
        return error


def _known(pods: list[Json] | ApiError) -> list[Json]:
    return pods if isinstance(pods, list) else []


async def _first(client: Client, candidates: Sequence[Subject], namespace: str) -> tuple[Subject, Json]:
    for candidate in candidates:
        try:
            return candidate, await client.get(candidate.path(namespace))
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
    kinds = ", ".join(candidate.kind for candidate in candidates)
    raise ApiError(
        NOT_FOUND, "NotFound", f"{candidates[0].name}: no {kinds} of this name in namespace {namespace}"
    )


async def _makers(client: Client, obj: Json, namespace: str) -> tuple[tuple[Subject, Json], ...]:
    """A pod's ReplicaSet and its Deployment, or whatever made it; as far as we may look."""
    made: list[tuple[Subject, Json]] = []
    while (maker := subject.owner(obj)) and len(made) < 3:
        found = await _try(client.get(maker.path(namespace)))
        if isinstance(found, ApiError):
            break
        made.append((maker, obj := found))
    return tuple(made)


async def _labels(client: Client, namespace: str) -> dict[str, str]:
    found = await client.get(f"/api/v1/namespaces/{namespace}")
    return {"kubernetes.io/metadata.name": namespace, **(found["metadata"].get("labels") or {})}


async def _configuration(client: Client) -> Json | None:
    found, _ = await client.list(_WEBHOOKS)
    return next((each for each in found if ours(each)), None)


async def _ready(client: Client, behind: tuple[str, str] | None) -> int | None:
    if behind is None:
        return None
    namespace, name = behind
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    slices, _ = await client.list(path, labelSelector=f"kubernetes.io/service-name={name}")
    endpoints = [each for found in slices for each in found.get("endpoints") or ()]
    return sum((each.get("conditions") or {}).get("ready") is not False for each in endpoints)


async def _pods(client: Client, obj: Json, namespace: str) -> list[Json]:
    """By the selector, newest first; those that end or have ended say nothing about the next."""
    selector = selectors.query((obj.get("spec") or {}).get("selector"))
    if not selector:
        return []  # a CronJob: its Jobs have pods
    found, _ = await client.list(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
    alive = [
        each
        for each in found
        if "deletionTimestamp" not in each["metadata"]
        and (each.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    return sorted(alive, key=lambda each: str(each["metadata"].get("creationTimestamp")), reverse=True)


async def _rehearse(client: Client, found: Subject, obj: Json, namespace: str) -> Json:
    """A dry run of creating such a pod: the server asks its webhooks, and stores nothing."""
    pod = subject.as_pod(obj, found.template)
    metadata = {key: value for key, value in pod["metadata"].items() if key not in _SERVERS}
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata | {"generateName": f"{found.name}-"},
        "spec": spec,
    }
    return await client.request(
        "POST", f"/api/v1/namespaces/{namespace}/pods", body=body, query={"dryRun": "All"}
    )


async def _events(client: Client, namespace: str, about: set[str]) -> list[str]:
    """What was told of it and of its owners, each text once, the last first."""
    found, _ = await client.list(f"/api/v1/namespaces/{namespace}/events")
    telling = [each for each in found if each.get("reason") in _TELLING and _about(each) in about]
    telling.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""), reverse=True)
    return list(dict.fromkeys(f"{_about(each)}: {each['reason']}: {each.get('message')}" for each in telling))


def words(error: ApiError) -> str:
    """What the server said, without the address we asked."""
    return error.message.partition(": ")[2] or error.message


def _about(event: Json) -> str:
    involved = event.get("involvedObject") or {}
    return f"{str(involved.get('kind')).lower()}/{involved.get('name')}"
