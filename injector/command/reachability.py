"""What `check` says of the way from the API server to the injector: is it asked about the pod, does it answer? Pure."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from injector.command import observation, selectors, subject
from injector.command.observation import Observed
from sidecar.kube.client import ApiError

Json = dict[str, Any]
Told = tuple[bool | None, str, str]
"""Good or bad or neither, in words, and what to do next."""

_INSTALL: Final = "install it: kubectl apply -f deploy/install.yaml"
_FORBIDDEN: Final = 403


def webhooks(seen: Observed, pod: Json) -> Iterator[Told]:
    """The registration, and the Service behind it."""
    found = seen.configuration
    if isinstance(found, ApiError):
        yield None, f"webhooks: {observation.words(found)}", ""
    elif found is None:
        yield False, "the injector is not installed: no MutatingWebhookConfiguration is its own", _INSTALL
    else:
        yield from _registered(found, seen, pod)
    yield from _serving(seen)


def _registered(found: Json, seen: Observed, pod: Json) -> Iterator[Told]:
    labels = seen.labels if isinstance(seen.labels, dict) else {}
    name = found["metadata"]["name"]
    asked, why = [], dict[str, None]()
    for each in filter(_about_pods, observation.ours(found)):
        unmet = [
            *selectors.unmet(each.get("namespaceSelector"), labels),
            *selectors.unmet(each.get("objectSelector"), (pod.get("metadata") or {}).get("labels") or {}),
        ]
        why |= dict.fromkeys(unmet)
        if not unmet:
            asked.append(each)
    if not asked and isinstance(seen.labels, dict):
        yield False, f"{name} selects no pods here: {'; '.join(why) or 'it has no rule for pods'}", ""
    for each in asked:
        yield (
            True,
            f"{each['name']} selects pods here{_conditions(each)}; failurePolicy {each.get('failurePolicy', 'Fail')}",
            "",
        )
    if unsigned := [each["name"] for each in asked if not _has_bundle(each)]:
        todo = "the injector writes it when it is ready, or cert-manager does: look at the injector's log"
        yield False, f"no caBundle: the server cannot trust {', '.join(unsigned)}", todo


def _about_pods(webhook: Json) -> bool:
    rules = webhook.get("rules") or ()
    return any({"pods", "*", "*/*"} & set(each.get("resources") or ()) for each in rules)


def _conditions(webhook: Json) -> str:
    """Their names; they are CEL, and the dry run is the judge of them."""
    names = [each.get("name", "") for each in webhook.get("matchConditions") or ()]
    return f" that meet {', '.join(names)}" if names else ""


def _has_bundle(webhook: Json) -> bool:
    try:
        return b"BEGIN CERTIFICATE" in base64.b64decode(
            (webhook.get("clientConfig") or {}).get("caBundle") or ""
        )
    except (binascii.Error, ValueError):
        return False


def _serving(seen: Observed) -> Iterator[Told]:
    behind = observation.service(seen.configuration)
    if behind is None:
        return
    namespace, name = behind
    if isinstance(seen.ready, ApiError):
        yield None, f"endpoints of {namespace}/{name}: {observation.words(seen.ready)}", ""
    elif not seen.ready:
        todo = f"kubectl -n {namespace} get pods; kubectl -n {namespace} logs deployment/{name}"
        yield False, f"no pod of the injector is ready behind Service {namespace}/{name}", todo
    else:
        yield True, f"the injector is ready: {seen.ready} endpoint{'s' if seen.ready > 1 else ''}", ""


def rehearsal(told: Json | ApiError | None) -> Iterator[Told]:
    """What the server did with a pod it was asked to pretend to make."""
    if isinstance(told, dict):
        if subject.is_injected(told):
            yield True, "dry run: a new pod gets the sidecar", ""
        else:
            yield None, "dry run: a new pod gets no sidecar", ""
    elif isinstance(told, ApiError):
        yield _failed(told)


def _failed(error: ApiError) -> Told:
    said = f"dry run: {observation.words(error)}"
    if "failed calling webhook" in error.message:
        return (
            False,
            said,
            "the server cannot reach the injector: its pods, its certificate, a NetworkPolicy or a firewall",
        )
    if "denied the request" in error.message or "PodSecurity" in error.message or error.status == 422:
        return False, said, ""
    if error.status == _FORBIDDEN:
        return None, f"{said}", ""
    return None, said, ""
